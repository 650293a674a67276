// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// world is the packages of some txtar archives, type-checked on demand. A file's folder is its import path.
type world struct {
	fset  *token.FileSet
	files map[string][]*ast.File // by import path
	pkgs  map[string]*types.Package
	info  *types.Info
}

// readWorld reads archives; a later one replaces packages of an earlier one.
func readWorld(t *testing.T, archives ...string) *world {
	t.Helper()
	w := &world{
		fset:  token.NewFileSet(),
		files: make(map[string][]*ast.File),
		pkgs:  make(map[string]*types.Package),
		info:  &types.Info{Defs: make(map[*ast.Ident]types.Object)},
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			file, err := parser.ParseFile(w.fset, name+"/"+f.Name, f.Data, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			w.files[path.Dir(f.Name)] = []*ast.File{file}
		}
	}
	return w
}

// Import makes a world the importer of its own packages.
func (w *world) Import(path string) (*types.Package, error) {
	if pkg := w.pkgs[path]; pkg != nil {
		return pkg, nil
	}
	if w.files[path] == nil {
		return nil, fmt.Errorf("no package %s in this world", path)
	}
	conf := types.Config{Importer: w}
	pkg, err := conf.Check(path, w.fset, w.files[path], w.info)
	w.pkgs[path] = pkg
	return pkg, err
}

// expectations returns what a file's comments say under a keyword, by line.
func (w *world) expectations(f *ast.File, keyword string) map[int]string {
	found := make(map[int]string)
	for _, group := range f.Comments {
		for _, c := range group.List {
			if text, ok := strings.CutPrefix(c.Text, "// "+keyword+" "); ok {
				found[w.line(c)] = text
			}
		}
	}
	return found
}

func (w *world) line(n ast.Node) int { return w.fset.Position(n.Pos()).Line }

// declarations calls visit with each function, package variable, type, method (an interface's too) and field that the
// file declares: all that has the package's scope or, as members do, none.
func (w *world) declarations(f *ast.File, visit func(id *ast.Ident, obj types.Object)) {
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if obj := w.info.Defs[id]; obj != nil && (obj.Parent() == nil || obj.Parent() == obj.Pkg().Scope()) {
				visit(id, obj)
			}
		}
		return true
	})
}

// TestWorlds checks the archives in testdata: what a declaration means is the comment on its line,
//
//	// want EFFECT WORD...    Lookup; no comment means nil
//	// entry EFFECT WORD...   EntryPoint, likewise
//	// kind KIND              KindOf, likewise
//	// class CLASS            ClassOf; only where it is said
func TestWorlds(t *testing.T) {
	for _, name := range []string{"clientset", "cached", "runtimeclient", "network", "rows", "entries", "kinds"} {
		t.Run(name, func(t *testing.T) {
			archive := "testdata/" + name + ".txtar"
			w := readWorld(t, "testdata/base.txtar", archive)
			for importPath, files := range w.files {
				if _, err := w.Import(importPath); err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					whole := strings.HasPrefix(w.fset.Position(f.Pos()).Filename, archive)
					w.check(t, f, whole)
				}
			}
		})
	}
}

// check compares a file's declarations with its comments. In files that are not whole, declarations without a comment
// may mean anything.
func (w *world) check(t *testing.T, f *ast.File, whole bool) {
	for _, aspect := range []struct {
		keyword string
		got     func(types.Object) string
	}{
		{"want", func(obj types.Object) string { return describe(LookupObject(obj)) }},
		{"entry", describeEntry},
		{"kind", describeKind},
		{"class", describeClass},
	} {
		want := w.expectations(f, aspect.keyword)
		w.declarations(f, func(id *ast.Ident, obj types.Object) {
			line := w.line(id)
			expected, said := want[line]
			got := aspect.got(obj)
			if got == "" || !said && (!whole || aspect.keyword == "class") {
				return
			}
			if got != expected {
				t.Errorf("%s: %s: %s is %q, want %q", w.fset.Position(id.Pos()), obj.Name(), aspect.keyword, got, expected)
			}
			delete(want, line)
		})
		for line, text := range want {
			t.Errorf("%s:%d: nothing here is %s %q", w.fset.Position(f.Pos()).Filename, line, aspect.keyword, text)
		}
	}
}

func describe(c *Call) string {
	if c == nil {
		return ""
	}
	words := []string{string(c.Effect)}
	for _, arg := range []struct {
		name string
		n    int
	}{
		{"key", c.Key}, {"obj", c.Object}, {"closure", c.Closure}, {"client", c.Client}, {"payload", c.Payload},
		{"into", c.WritesInto}, {"ctx", c.Context}, {"opts", c.Options}, {"subs", c.SubNames},
	} {
		if arg.n >= 0 {
			words = append(words, fmt.Sprintf("%s=%d", arg.name, arg.n))
		}
	}
	for _, word := range []struct{ name, value string }{
		{"guard", c.Protection}, {"from", c.Provenance}, {"sub", c.Subresource}, {"touches", c.Touches},
		{"patch", c.PatchType}, {"begins", string(c.Begins)},
	} {
		if word.value != "" {
			words = append(words, word.name+"="+word.value)
		}
	}
	if c.Shared {
		words = append(words, "shared")
	}
	if c.GivesUp {
		words = append(words, "gives-up")
	}
	return strings.Join(words, " ")
}

func describeEntry(obj types.Object) string {
	if fn, ok := obj.(*types.Func); ok {
		return describe(EntryPoint(fn))
	}
	return ""
}

func describeKind(obj types.Object) string {
	if _, ok := obj.(*types.TypeName); !ok {
		return ""
	}
	k, ok := KindOf(obj.Type())
	if !ok {
		return ""
	}
	words := []string{k.String()}
	if k.Name != "" {
		words = append(words, string(k.Form))
	}
	if k.List {
		words = append(words, "list")
	}
	return strings.Join(words, " ")
}

func describeClass(obj types.Object) string {
	if v, ok := obj.(*types.Var); ok && v.IsField() {
		return string(ClassOf(v.Type()))
	}
	return ""
}

// typeIn returns a type that a package of the world declares.
func (w *world) typeIn(t *testing.T, importPath, name string) types.Type {
	t.Helper()
	pkg, err := w.Import(importPath)
	if err != nil {
		t.Fatal(err)
	}
	obj := pkg.Scope().Lookup(name)
	if obj == nil {
		t.Fatalf("%s declares no %s", importPath, name)
	}
	return obj.Type()
}
