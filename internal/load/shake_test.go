// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShake(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"functions", "func F() int { return g() }; func g() int { return 1 }; func init() {}; func _() {}", "func F() int {}"},
		{"what a signature mentions", "type t struct{ u }; type u int; type v int; func F(a t) {}",
			"type t struct{ u }; type u int; func F(a t) {}"},
		{"methods go with their type", "type t int; func (x *t) m() {}; type u[A any] int; func (x u[A]) M() {}; var X t",
			"type t int; func (x *t) m() {}; var X t"},
		{"methods of generic types", "type T[A any] int; func (x *T[A]) M(a c) {}; type c int; type T2[A, B any] int; func (x (*T2[A, B])) m() {}",
			"type T[A any] int; func (x *T[A]) M(a c) {}; type c int; type T2[A, B any] int; func (x *T2[A, B]) m() {}"},
		{"names of fields and parameters", "var a int; var b int; type T struct{ a int }; func F(b T) {}",
			"type T struct{ a int }; func F(b T) {}"},
		{"values beside a type", "var X I = &t{}; type I interface{ m() }; type t int", "var X I; type I interface{ m() }"},
		{"values that give the type", "var X = f(); func f() t { return 1 }; type t int", "var X = f(); func f() t {}; type t int"},
		{"elements of literals", "var X = []int{a}; var Y = [...]int{a}; var Z = &T{b: c}; var a, c = 1, 2; type T struct{ b int }",
			"var X = []int{}; var Y = [...]int{a}; var Z = &T{}; var a, c = 1, 2; type T struct{ b int }"},
		{"function literals", "var X = func(a t) { u() }; type t int; func u() {}", "var X = func(a t) {}; type t int"},
		{"groups of constants", "const ( a = iota; B ); const ( c = iota; d )", "const ( a = iota; B )"},
		{"groups of variables", "var ( a = 1; B = 2 )", "var ( B = 2 )"},
		{"lengths", "const n = 3; type T [n]int", "const n = 3; type T [n]int"},
		{"assertions", "var _ I = t(0); type I any; type t int", "type I any"},
		{"imports", `import ( "a/b"; c "x"; _ "y"; "z"; . "dot"; "gopkg.in/yaml.v3" ); var X b.T = z.Y; func F(*c.T) { z.Y() }; type T yaml.Node`,
			`import ( "a/b"; c "x"; . "dot"; "gopkg.in/yaml.v3" ); var X b.T; func F(*c.T) {}; type T yaml.Node`},
		{"no import is left", `import "a"; func F() { a.B() }`, "func F() {}"},
		{"an import of an unknown name stays", `import "unknown"; func F() { other.B() }`, `import "unknown"; func F() {}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			fset := token.NewFileSet()
			tree := parse(t, fset, test.src)
			paths := shake([]*ast.File{tree}, func(p string) string {
				return map[string]string{"gopkg.in/yaml.v3": "yaml", "unknown": ""}[p] + map[bool]string{true: path.Base(p)}[len(p) < 4]
			})
			if diff := cmp.Diff(source(t, fset, parse(t, fset, test.want)), source(t, fset, tree)); diff != "" {
				t.Error(diff)
			}
			var left []string
			for _, spec := range parse(t, fset, test.want).Imports {
				left = append(left, strings.Trim(spec.Path.Value, `"`))
			}
			if diff := cmp.Diff(left, paths); diff != "" {
				t.Errorf("paths that are left:\n%s", diff)
			}
		})
	}
}

// What one file mentions needs no import in another.
func TestShakeTellsFilesApart(t *testing.T) {
	fset := token.NewFileSet()
	trees := []*ast.File{
		parse(t, fset, `import "a"; func f() { a.B() }; type t int`),
		parse(t, fset, `import "a"; func F(a.B, t) {}`),
	}
	paths := shake(trees, path.Base)
	if diff := cmp.Diff([]string{"a"}, paths); diff != "" {
		t.Error(diff)
	}
	if len(trees[0].Decls) != 1 {
		t.Errorf("the first file has %d declarations, want its type only", len(trees[0].Decls))
	}
}

func parse(t *testing.T, fset *token.FileSet, src string) *ast.File {
	t.Helper()
	tree, err := parser.ParseFile(fset, "", "package p; "+src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// source prints a tree on one line, without the places of its lines.
func source(t *testing.T, fset *token.FileSet, tree *ast.File) string {
	t.Helper()
	var b bytes.Buffer
	if err := format.Node(&b, fset, tree); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("{ }", "{}", "(*T2[A, B])", "*T2[A, B]").Replace(strings.Join(strings.Fields(b.String()), " "))
}
