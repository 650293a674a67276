// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An overlay is read instead of the file, imports included, and nothing of it is kept.
func TestLoadOverlay(t *testing.T) {
	root := module(t, map[string]string{"a.go": "package a\n\nconst A = 1\n", "b/b.go": "package b\n\nconst B = 1\n"})
	file := filepath.Join(root, "a.go")
	cfg := Config{Dir: root, Env: offline(), Cache: OpenStore(t.TempDir()), Patterns: []string{"."},
		Overlay: map[string][]byte{file: []byte("package a\n\nimport \"example.com/m/b\"\n\nconst Longer = b.B + 1\n")}}
	code, err := Load(context.Background(), cfg)
	if err != nil || len(code.Errors) > 0 || len(code.Packages) != 2 {
		t.Fatalf("%v, %+v", err, code)
	}
	if got := code.Packages[0].Types.Scope().Names(); !cmp.Equal(got, []string{"Longer"}) {
		t.Errorf("the package holds %v, want Longer", got)
	}
	cfg.Overlay = nil
	code, err = Load(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := code.Packages[0].Types.Scope().Names(); len(code.Packages) != 1 || !cmp.Equal(got, []string{"A"}) {
		t.Errorf("without the overlay there are %d packages, the first holds %v", len(code.Packages), got)
	}
}

// Cleaning removes entries and leaves other files alone.
func TestStoreClean(t *testing.T) {
	dir := t.TempDir()
	s := OpenStore(dir)
	if err := s.Put("key", []byte("data")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "precious"), "x")
	if err := s.Clean(); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Get("key"); ok {
		t.Error("the entry is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "precious")); err != nil {
		t.Error(err)
	}
	if err := OpenStore(filepath.Join(dir, "missing")).Clean(); err != nil {
		t.Error(err)
	}
}
