// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCutBodies(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"plain", "func f() { x() }", "func f() {     }"},
		{"lines stay", "func f() {\n\tx()\n}\n", "func f() {\n    \n}\n"},
		{"method", "func (r *R[T]) f(a interface{ M() }) int { return 1 }", "func (r *R[T]) f(a interface{ M() }) int {          }"},
		{"struct result", "func f() struct{ a int } { x() }", "func f() struct{ a int } {     }"},
		{"interface result", "func f() map[int]interface{} { x() }", "func f() map[int]interface{} {     }"},
		{"a type named like a keyword", "func f() mystruct { x() }", "func f() mystruct {     }"},
		{"assembly", "func f() int\nvar x = T{1}", "func f() int\nvar x = T{1}"},
		{"braces in literals", "func f() { a('}', '\\'', \"}\\\"\", `}`) /* } */ }", "func f() {" + strings.Repeat(" ", 34) + "}"},
		{"comment in a signature", "func f() struct /* { */ { a int } { x() }", "func f() struct /* { */ { a int } { x() }"},
		{"raw string", "var x = `\nfunc f() { x() }`", "var x = `\nfunc f() { x() }`"},
		{"in a comment", "/*\nfunc f() { x() }\n*/", "/*\nfunc f() { x() }\n*/"},
		{"literal of a variable", "var x = func() { y() }", "var x = func() { y() }"},
		{"not closed", "func f() { x(", "func f() { x("},
	} {
		t.Run(test.name, func(t *testing.T) {
			src := []byte(test.src)
			cutBodies(src)
			if diff := cmp.Diff(test.want, string(src)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the parser sees outside of bodies, and where, is the same with and without them.
func TestCutBodiesOnStandardLibrary(t *testing.T) {
	for _, dir := range []string{"fmt", "net/http", "reflect", "runtime", "go/types", "encoding/json", "math/big"} {
		files, err := filepath.Glob(filepath.Join(runtime.GOROOT(), "src", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of %s: %v", dir, err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(declarations(t, src, false), declarations(t, src, true)); diff != "" {
				t.Errorf("%s:\n%s", file, diff)
			}
		}
	}
}

func FuzzCutBodies(f *testing.F) {
	f.Add("package p\n\nfunc f() struct{ a int } {\n\tx('}')\n}\n\nvar y = 1\n")
	f.Add("package p\nfunc (r *R[T]) f(a interface{ M() }) (b []int) { return `}` }\nfunc g()\n")
	f.Add("package p\nvar x =\nfunc() int { return 1 }()\n")
	f.Fuzz(func(t *testing.T, src string) {
		cut := []byte(src)
		cutBodies(cut)
		if len(cut) != len(src) || bytes.Count(cut, []byte("\n")) != strings.Count(src, "\n") {
			t.Fatal("positions moved")
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "", src, 0); err != nil {
			return
		}
		if diff := cmp.Diff(declarations(t, []byte(src), false), declarations(t, []byte(src), true)); diff != "" {
			t.Error(diff)
		}
	})
}

// declarations lists the nodes outside of function bodies with their positions.
func declarations(t *testing.T, src []byte, cut bool) []string {
	src = bytes.Clone(src)
	if cut {
		cutBodies(src)
	}
	tree, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var nodes []string
	ast.Inspect(tree, func(n ast.Node) bool {
		if n != nil {
			nodes = append(nodes, fmt.Sprintf("%T %d %d", n, n.Pos(), n.End()))
		}
		_, body := n.(*ast.BlockStmt)
		return !body
	})
	return nodes
}
