// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/replicavet/replicavet/internal/finding"
)

// Making edits writes nothing; writing them needs the file to be what it was.
func TestMakeAndWrite(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a.go")
	const old = "package a\n\nvar x = 1\n"
	if err := os.WriteFile(path, []byte(old), 0o640); err != nil {
		t.Fatal(err)
	}
	found := []finding.Finding{{ID: "1", Fix: finding.Fix{Edits: []finding.Edit{{File: "a.go", Start: 19, End: 20, New: "2"}}}}}
	changes, applied, skipped, err := Make(found, func(string) ([]byte, error) { return []byte(old), nil })
	if err != nil || len(changes) != 1 || len(applied) != 1 || len(skipped) != 0 {
		t.Fatalf("changes %v, applied %v, skipped %v, error %v", changes, applied, skipped, err)
	}
	content := func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if content() != old {
		t.Error("Make wrote")
	}
	if err := Write(root, []Change{{"a.go", []byte("package b\n"), []byte("package c\n")}}); err == nil || content() != old {
		t.Errorf("a file that has changed was overwritten, error %v", err)
	}
	if err := Write(root, []Change{changes[0], {"missing.go", nil, nil}}); err == nil || content() != old {
		t.Errorf("half of the changes were written, error %v", err)
	}
	if err := Write(root, changes); err != nil || content() != "package a\n\nvar x = 2\n" {
		t.Errorf("content %q, error %v", content(), err)
	}
}
