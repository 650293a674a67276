// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module writes a module with the given files and returns its directory.
func module(t testing.TB, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "go.mod"), "module example.com/m\n\ngo 1.24\n")
	for name, data := range files {
		write(t, filepath.Join(root, name), data)
	}
	return root
}

func TestLoadThroughSymlink(t *testing.T) {
	root := module(t, map[string]string{"a.go": "package a\n"})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Skip(err)
	}
	code, err := Load(context.Background(), Config{Dir: link, Env: offline()})
	if err != nil {
		t.Fatal(err)
	}
	if code.Root != root || len(code.Packages) != 1 || code.Packages[0].Dir != root {
		t.Errorf("root %s with %d packages, want %s with one", code.Root, len(code.Packages), root)
	}
}

func TestLoadWithoutDirectory(t *testing.T) {
	file := filepath.Join(module(t, map[string]string{"a.go": "package a\n"}), "a.go")
	for _, dir := range []string{filepath.Join(t.TempDir(), "missing"), file} {
		var setup *SetupError
		if _, err := Load(context.Background(), Config{Dir: dir}); !errors.As(err, &setup) {
			t.Errorf("%s: %v, want a SetupError", dir, err)
		}
	}
}

func TestLoadWithoutGo(t *testing.T) {
	root := module(t, map[string]string{"a.go": "package a\n"})
	t.Setenv("PATH", t.TempDir())
	_, err := Load(context.Background(), Config{Dir: root, Env: offline()})
	var setup *SetupError
	if !errors.As(err, &setup) || !strings.Contains(setup.Msg, "install Go") {
		t.Errorf("%v, want a SetupError that says to install Go", err)
	}
}

func TestLoadCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	root := module(t, map[string]string{"a.go": "package a\n"})
	if _, err := Load(ctx, Config{Dir: root, Env: offline()}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

func TestLoadUnreadableFile(t *testing.T) {
	root := module(t, map[string]string{"a.go": "package a\n\nconst A = 1\n", "b.go": "package a\n\nconst B = 1\n"})
	units := newUnits(&listing{root: root, modules: []Module{{Dir: root}}, byPath: map[string]*listed{
		"example.com/m": {ImportPath: "example.com/m", Name: "a", Dir: root, GoFiles: []string{"a.go", "b.go"}, Module: &listedModule{Dir: root}},
	}}, false)
	// The file is there when the go command runs, and gone when it is to be read.
	if err := os.Remove(filepath.Join(root, "b.go")); err != nil {
		t.Fatal(err)
	}
	place(units, false)
	if err := parseOwn(context.Background(), units, newSlots(1)); err != nil {
		t.Fatal(err)
	}
	if err := checkAll(context.Background(), units, newSlots(1), sizes(nil)); err != nil {
		t.Fatal(err)
	}
	code := assemble(root, &listing{root: root, modules: []Module{{Dir: root}}}, units)
	if len(code.Errors) != 1 || code.Errors[0].Kind != "load" || code.Errors[0].File != filepath.Join(root, "b.go") {
		t.Errorf("errors %+v, want one for b.go", code.Errors)
	}
	if got := code.Packages[0].Types.Scope().Names(); !cmp.Equal(got, []string{"A"}) {
		t.Errorf("the package holds %v, want A", got)
	}
}

func TestLoadTellsPhases(t *testing.T) {
	var phases []string
	cfg := Config{Dir: module(t, map[string]string{"a.go": "package a\n"}), Env: offline(),
		Progress: func(phase string) { phases = append(phases, phase) }}
	if _, err := Load(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	if want := []string{"list", "parse", "types"}; !cmp.Equal(want, phases) {
		t.Errorf("phases %v, want %v", phases, want)
	}
}

// Every own package has every kind of type information, and all of its files are in the common file set.
func TestLoadIsComplete(t *testing.T) {
	root := module(t, map[string]string{
		"a/a.go": "package a\n\ntype List[T any] []T\n\nfunc (l List[T]) Len() int { return len(l) }\n",
		"b/b.go": "package b\n\nimport \"example.com/m/a\"\n\nfunc F(x any) int {\n\tswitch y := x.(type) {\n\tcase a.List[int]:\n\t\treturn y.Len()\n\t}\n\treturn 0\n}\n",
	})
	code, err := Load(context.Background(), Config{Dir: root, Env: offline()})
	if err != nil {
		t.Fatal(err)
	}
	b := code.Packages[1]
	i := b.Info
	for kind, n := range map[string]int{"types": len(i.Types), "instances": len(i.Instances), "defs": len(i.Defs), "uses": len(i.Uses),
		"implicits": len(i.Implicits), "selections": len(i.Selections), "scopes": len(i.Scopes), "versions": len(i.FileVersions)} {
		if n == 0 {
			t.Errorf("no %s", kind)
		}
	}
	if b.Types.Imports()[0] != code.Packages[0].Types {
		t.Error("the import of a is not the package a that is reviewed")
	}
	if got := code.Fset.Position(b.Syntax()[0].Package); got.Filename != b.Files[0].Path || got.Line != 1 || got.Column != 1 {
		t.Errorf("package clause at %v, want %s:1:1", got, b.Files[0].Path)
	}
}

// The loader reads its own repository, dependencies and all.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		code, err := Load(context.Background(), Config{Dir: "../.."})
		if err != nil {
			b.Fatal(err)
		}
		if len(code.Packages) == 0 {
			b.Fatal("nothing was loaded")
		}
	}
}

// Positions are numbers that sort and hash the same in every run, however many workers there are.
func TestLoadPositionsAreStable(t *testing.T) {
	root := module(t, map[string]string{
		"a/a.go": "package a\n\nimport \"strings\"\n\nvar X = strings.ToUpper(\"x\")\n",
		"b/b.go": "package b\n\nvar X = 1\n",
		"c/c.go": "package c\n\nvar X = 1\n",
	})
	positions := func(jobs int) map[string]int {
		code, err := Load(context.Background(), Config{Dir: root, Env: offline(), Jobs: jobs})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]int{"strings": int(code.Deps["strings"].Scope().Lookup("ToUpper").Pos())}
		for _, p := range code.Packages {
			found[p.Path] = int(p.Types.Scope().Lookup("X").Pos())
		}
		return found
	}
	want := positions(1)
	for range 5 {
		if diff := cmp.Diff(want, positions(8)); diff != "" {
			t.Fatal(diff)
		}
	}
}
