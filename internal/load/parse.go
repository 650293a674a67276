// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"os"
	"strings"
)

// parse reads and parses the files of a unit: own ones in full, those of dependencies without comments and function
// bodies. What is wrong with an own file becomes a row.
func (u *unit) parse() {
	for i, path := range u.files {
		src, err := os.ReadFile(path)
		if err != nil {
			u.fail("load", path, 0, "reading the file: "+err.Error())
			continue
		}
		if len(src) > u.sizes[i] {
			u.fail("load", path, 0, "the file grew while it was read: run again")
			continue
		}
		if !u.own {
			u.parseDep(path, src)
			continue
		}
		tree, err := parser.ParseFile(u.fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
		u.syntaxErrors(path, err)
		u.trees = append(u.trees, tree)
		u.pkg.Files = append(u.pkg.Files, &File{
			Path:      path,
			Syntax:    tree,
			Source:    src,
			Generated: ast.IsGenerated(tree),
			Test:      strings.HasSuffix(path, "_test.go"),
		})
	}
}

// parseDep parses a file of a dependency. Its errors are of no interest here: when they matter, own code shows them.
func (u *unit) parseDep(path string, src []byte) {
	tree, _ := parser.ParseFile(u.fset, path, src, parser.SkipObjectResolution)
	empty := new(ast.BlockStmt)
	for _, d := range tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			f.Body = empty
		}
	}
	u.trees = append(u.trees, tree)
}

// syntaxErrors turns the error of the parser into rows.
func (u *unit) syntaxErrors(path string, err error) {
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return
	}
	u.pkg.IllTyped = true
	for _, e := range list {
		u.fail("type", path, e.Pos.Line, e.Msg)
	}
}
