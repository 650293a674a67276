// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/replicavet/replicavet/internal/finding"
)

const counter = `package a

func f(n int) int {
	n++
	return n
}
`

// edit returns the edit that replaces the first old in the content of file by new.
func edit(t *testing.T, file, content, old, new string) finding.Edit {
	t.Helper()
	start := strings.Index(content, old)
	if start < 0 {
		t.Fatalf("no %q in %s", old, file)
	}
	line := 1 + strings.Count(content[:start], "\n")
	return finding.Edit{File: file, Start: start, End: start + len(old), Line: line, EndLine: line, New: new}
}

// with returns a finding of that id with those edits.
func with(id string, edits ...finding.Edit) finding.Finding {
	return finding.Finding{ID: id, Fix: finding.Fix{Edits: edits}}
}

// tree writes files into a new directory and returns it, with the reader of what was reviewed.
func tree(t *testing.T, files map[string]string) (root string, reviewed func(string) ([]byte, error)) {
	t.Helper()
	root = t.TempDir()
	for name, content := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return root, func(file string) ([]byte, error) {
		content, ok := files[file]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(content), nil
	}
}

// files returns the content of a directory by name.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDiff(t *testing.T) {
	source := map[string]string{"a/a.go": counter, "b.txt": "one\ntwo"}
	read := func(file string) ([]byte, error) { return []byte(source[file]), nil }
	got, err := Diff([]finding.Edit{
		edit(t, "b.txt", source["b.txt"], "two", "2"),
		edit(t, "a/a.go", counter, "n++", "n+=2"), // gofmt puts the spaces
	}, read)
	want := `--- a/a/a.go
+++ b/a/a.go
@@ -1,6 +1,6 @@
 package a
 
 func f(n int) int {
-	n++
+	n += 2
 	return n
 }
--- a/b.txt
+++ b/b.txt
@@ -1,2 +1,2 @@
 one
-two
\ No newline at end of file
+2
\ No newline at end of file
`
	if err != nil || got != want {
		t.Errorf("error %v, diff (-want +got):\n%s", err, cmp.Diff(want, got))
	}
}

func TestDiffRefuses(t *testing.T) {
	read := func(string) ([]byte, error) { return []byte(counter), nil }
	for name, edits := range map[string][]finding.Edit{
		"outside":  {{File: "a.go", Start: 0, End: 10_000}},
		"negative": {{File: "a.go", Start: -1, End: 2}},
		"reversed": {{File: "a.go", Start: 5, End: 2}},
		"overlap":  {{File: "a.go", Start: 0, End: 5, New: "x"}, {File: "a.go", Start: 4, End: 6, New: "y"}},
		"syntax":   {edit(t, "a.go", counter, "return n", "return (")},
	} {
		if got, err := Diff(edits, read); err == nil {
			t.Errorf("%s: no error, diff\n%s", name, got)
		}
	}
	unreadable := func(string) ([]byte, error) { return nil, fs.ErrPermission }
	if _, err := Diff([]finding.Edit{{File: "a.go"}}, unreadable); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("unreadable: error %v", err)
	}
}

// A file that was not in gofmt's form keeps its own.
func TestUnformattedStays(t *testing.T) {
	const ugly = "package a\nvar   x = 1\n"
	read := func(string) ([]byte, error) { return []byte(ugly), nil }
	got, err := Diff([]finding.Edit{edit(t, "a.go", ugly, "1", "2")}, read)
	if err != nil || !strings.Contains(got, "\n+var   x = 2\n") {
		t.Errorf("error %v, diff\n%s", err, got)
	}
}

func TestApply(t *testing.T) {
	root, reviewed := tree(t, map[string]string{"a.go": counter, "sub/b.go": counter, "c.go": counter})
	result, err := Apply(root, []finding.Finding{
		with("late", edit(t, "sub/b.go", counter, "return n", "return -n")),
		with("first", edit(t, "a.go", counter, "n++", "n += 2"), edit(t, "sub/b.go", counter, "n++", "n--")),
		with("second", edit(t, "a.go", counter, "n++\n\treturn n", "return n + 1")),
		with("apart", edit(t, "a.go", counter, "return n", "return 2 * n")),
		{ID: "sketch", Fix: finding.Fix{Sketch: "x"}},
	}, reviewed)
	if err != nil {
		t.Fatal(err)
	}
	want := Result{
		Applied: []string{"first", "apart", "late"},
		Skipped: []Skip{{"second", "its change of a.go:4 overlaps another fix; review again to get it"}},
		Files:   []string{"a.go", "sub/b.go"},
	}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	wantFiles := map[string]string{
		"a.go":     strings.NewReplacer("n++", "n += 2", "return n", "return 2 * n").Replace(counter),
		"sub/b.go": strings.NewReplacer("n++", "n--", "return n", "return -n").Replace(counter),
		"c.go":     counter,
	}
	if diff := cmp.Diff(wantFiles, files(t, root)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(root, "a.go")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Two findings that need the same import share it.
func TestApplyShared(t *testing.T) {
	root, reviewed := tree(t, map[string]string{"a.go": counter})
	imports := edit(t, "a.go", counter, "package a\n", "package a\n\nimport \"os\"\n")
	result, err := Apply(root, []finding.Finding{
		with("one", imports, edit(t, "a.go", counter, "n++", "n += os.Getpid()")),
		with("two", imports, edit(t, "a.go", counter, "return n", "return n - os.Getpid()")),
	}, reviewed)
	if err != nil || len(result.Applied) != 2 || len(result.Skipped) != 0 {
		t.Errorf("result %+v, error %v", result, err)
	}
	if got := files(t, root)["a.go"]; strings.Count(got, `import "os"`) != 1 || strings.Count(got, "os.Getpid") != 2 {
		t.Errorf("file:\n%s", got)
	}
}

// A finding gets all of its edits or none.
func TestApplyAllOrNothing(t *testing.T) {
	root, reviewed := tree(t, map[string]string{"a.go": counter, "b.go": counter})
	if err := os.WriteFile(filepath.Join(root, "b.go"), []byte(counter+"\n// touched\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	result, err := Apply(root, []finding.Finding{
		with("both", edit(t, "a.go", counter, "n++", "n--"), edit(t, "b.go", counter, "n++", "n--")),
		with("syntax", edit(t, "a.go", counter, "n++", "n--"), edit(t, "a.go", counter, "return n", "return (")),
	}, reviewed)
	if err != nil || len(result.Applied) != 0 || len(result.Skipped) != 2 || len(result.Files) != 0 {
		t.Errorf("result %+v, error %v", result, err)
	}
	for i, want := range []string{"has changed since the review; review again", "does not parse"} {
		if i < len(result.Skipped) && !strings.Contains(result.Skipped[i].Reason, want) {
			t.Errorf("reason %q, want %q", result.Skipped[i].Reason, want)
		}
	}
	if got := files(t, root)["a.go"]; got != counter {
		t.Errorf("a.go changed:\n%s", got)
	}
}

func TestApplyStaysInside(t *testing.T) {
	outside, _ := tree(t, map[string]string{"a.go": counter})
	root, reviewed := tree(t, map[string]string{"in/a.go": counter})
	for link, target := range map[string]string{
		"file.go": filepath.Join(outside, "a.go"),
		"dir":     outside,
		"same":    "in",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	anything := func(string) ([]byte, error) { return []byte(counter), nil }
	up, err := filepath.Rel(root, filepath.Join(outside, "a.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		filepath.ToSlash(up), filepath.ToSlash(filepath.Join(outside, "a.go")),
		"file.go", "dir/a.go", "same/a.go", "./in/a.go", "in/../in/a.go", "in", "", "gone.go", "in/a.go/x",
	} {
		result, err := Apply(root, []finding.Finding{with("x", edit(t, file, counter, "n++", "n--"))}, anything)
		if err != nil || len(result.Applied) != 0 || len(result.Skipped) != 1 {
			t.Errorf("%q: result %+v, error %v", file, result, err)
		}
	}
	if got := files(t, outside)["a.go"]; got != counter {
		t.Errorf("the file outside changed:\n%s", got)
	}
	result, err := Apply(root, []finding.Finding{with("x", edit(t, "in/a.go", counter, "n++", "n--"))}, reviewed)
	if err != nil || len(result.Applied) != 1 {
		t.Errorf("inside: result %+v, error %v", result, err)
	}
}

// When one file cannot be replaced, no file is, and nothing is left lying about.
func TestReplaceFailure(t *testing.T) {
	root, _ := tree(t, map[string]string{"a.go": "a", "b.go": "b", "z/x.go": "x"})
	dir, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	before := files(t, root)
	for name, changes := range map[string][]change{
		"no place to write": {{"a.go", []byte("a"), []byte("A")}, {"gone/b.go", []byte("b"), []byte("B")}},
		"not replaceable":   {{"a.go", []byte("a"), []byte("A")}, {"b.go", []byte("b"), []byte("B")}, {"z", nil, []byte("Z")}},
	} {
		if err := replace(dir, changes); err == nil {
			t.Errorf("%s: no error", name)
		}
		if diff := cmp.Diff(before, files(t, root)); diff != "" {
			t.Errorf("%s left traces:\n%s", name, diff)
		}
	}
}
