// SPDX-License-Identifier: Apache-2.0

package review

import (
	"bytes"
	_ "embed"
	"go/ast"
	"go/format"
	goparser "go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/rules"
)

//go:embed testdata/pipeline.go.txt
var pipelineSource []byte

// The whole pipeline on programs that nobody would write: statements are removed, doubled and exchanged, names are
// confused. Whatever comes out of it, nothing panics, and a second look says the same.
func FuzzPipeline(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, uint8(seed*5))
	}
	dir, err := filepath.EvalSymlinks(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(dir, "main.go")
	for name, data := range map[string][]byte{file: pipelineSource, filepath.Join(dir, "go.mod"): []byte("module example.com/fuzzed\n\ngo 1.24\n")} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, seed uint64, edits uint8) {
		source := mutate(t, pipelineSource, seed, int(edits%40))
		look := func(jobs int) []byte {
			r, err := Run(t.Context(), Options{
				Load:  load.Config{Dir: dir, Jobs: jobs, Overlay: map[string][]byte{file: source}},
				Rules: rules.All(), Strict: true,
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, source)
			}
			for _, e := range r.Errors {
				if e.Kind == "rule" || e.Kind == "internal" {
					t.Errorf("%s: %s\n%s", e.Kind, e.Message, source)
				}
			}
			var out bytes.Buffer
			if err := r.Encode(&out); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
		if diff := cmp.Diff(string(look(1)), string(look(2))); diff != "" {
			t.Errorf("two looks differ:\n%s\n%s", diff, source)
		}
	})
}

// mutate makes a number of random edits that leave the program parsable.
func mutate(t *testing.T, source []byte, seed uint64, edits int) []byte {
	t.Helper()
	fset := token.NewFileSet()
	tree, err := goparser.ParseFile(fset, "main.go", source, goparser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	for range edits {
		edit(tree, r)
	}
	var out bytes.Buffer
	if err := format.Node(&out, fset, tree); err != nil {
		t.Skip("an edit that can't be printed")
	}
	return out.Bytes()
}

// edit changes one list of statements, or one name.
func edit(tree *ast.File, r *rand.Rand) {
	var lists []*[]ast.Stmt
	var names []*ast.Ident
	ast.Inspect(tree, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BlockStmt:
			lists = append(lists, &x.List)
		case *ast.CaseClause:
			lists = append(lists, &x.Body)
		case *ast.CommClause:
			lists = append(lists, &x.Body)
		case *ast.Ident:
			names = append(names, x)
		case *ast.ImportSpec:
			return false
		}
		return true
	})
	list := lists[r.IntN(len(lists))]
	other := lists[r.IntN(len(lists))]
	switch n := len(*list); {
	case r.IntN(4) == 0:
		names[r.IntN(len(names))].Name = names[r.IntN(len(names))].Name
	case n == 0:
		*list = append(*list, &ast.ExprStmt{X: &ast.CallExpr{Fun: ast.NewIdent("main")}})
	case r.IntN(3) == 0:
		i := r.IntN(n)
		*list = slices.Delete(slices.Clone(*list), i, i+1)
	case r.IntN(2) == 0:
		i, j := r.IntN(n), r.IntN(n)
		(*list)[i], (*list)[j] = (*list)[j], (*list)[i]
	default:
		// A statement of another place; one that holds this list would make a circle.
		if s := (*list)[r.IntN(n)]; !holds(s, list) && !holds(s, other) {
			*other = append(slices.Clone(*other), s)
		}
	}
}

// holds tells whether a list of statements stands inside of a statement.
func holds(s ast.Stmt, list *[]ast.Stmt) bool {
	found := false
	ast.Inspect(s, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BlockStmt:
			found = found || &x.List == list
		case *ast.CaseClause:
			found = found || &x.Body == list
		case *ast.CommClause:
			found = found || &x.Body == list
		}
		return !found
	})
	return found
}
