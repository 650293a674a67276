// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"os"
	"strings"
)

// parse reads and parses the files of a unit: own ones in full, those of dependencies without comments and function
// bodies. What is wrong with an own file becomes a row; errors in dependencies show where own code needs what is wrong.
func (u *unit) parse(buf *bytes.Buffer) {
	for i, path := range u.files {
		buf.Reset()
		if err := u.contents(path, buf); err != nil {
			u.fail("load", path, 0, "reading the file: "+err.Error())
			continue
		}
		if buf.Len() > u.sizes[i] {
			u.fail("load", path, 0, "the file grew while it was read: run again")
			continue
		}
		if u.own {
			u.parseOwn(path, bytes.Clone(buf.Bytes()))
		} else {
			u.parseDep(path, buf.Bytes())
		}
	}
	if !u.own {
		u.shake()
	}
}

// shake keeps of a dependency what others can see, and the imports that are needed for it.
func (u *unit) shake() {
	paths := shake(u.trees, func(path string) string {
		if dep := u.imports[path]; dep != nil {
			return dep.listed.Name
		}
		return ""
	})
	needed := make(map[string]*unit, len(paths))
	for _, path := range paths {
		if dep := u.imports[path]; dep != nil {
			needed[path] = dep
		}
	}
	u.imports = needed
}

// readFile appends the contents of a file to buf.
func readFile(path string, buf *bytes.Buffer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = buf.ReadFrom(f)
	return err
}

// parseOwn parses a file in full. The tree holds what could be read, even when there are syntax errors.
func (u *unit) parseOwn(path string, src []byte) {
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

// parseDep parses the declarations of a file. It writes into src, and keeps nothing of it.
func (u *unit) parseDep(path string, src []byte) {
	cutBodies(src)
	tree, _ := parser.ParseFile(u.fset, path, src, parser.SkipObjectResolution)
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
