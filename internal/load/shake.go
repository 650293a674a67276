// SPDX-License-Identifier: Apache-2.0

package load

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
)

// shake removes from the trees of a dependency what no importer can see the type of: function bodies, unexported
// declarations that nothing else mentions, values of variables where their type is written down, and the imports that
// only these used. A name that what stays mentions is kept, whatever it means there, so that what stays type-checks as
// if all were there. It returns the import paths that are left, as written. name tells the name of the package that a
// path imports, or "" where that is not known.
func shake(trees []*ast.File, name func(path string) string) []string {
	s := &shaker{waiting: make(map[string][]part), kept: make(map[ast.Node]bool)}
	mentions := make([]map[string]bool, len(trees))
	for i, tree := range trees {
		mentions[i] = make(map[string]bool)
		for _, decl := range tree.Decls {
			s.sort(decl, mentions[i])
		}
	}
	for len(s.queue) > 0 {
		next := s.queue[len(s.queue)-1]
		s.queue = s.queue[:len(s.queue)-1]
		s.lookThrough(next)
	}
	var paths []string
	for i, tree := range trees {
		paths = append(paths, trimImports(tree, mentions[i], name)...)
		s.trim(tree)
	}
	return paths
}

// shaker finds the declarations of one package that are needed.
type shaker struct {
	waiting map[string][]part // for somebody to mention the name
	queue   []part            // kept, and to be looked through
	kept    map[ast.Node]bool
}

// part is a declaration that is kept or not: a function, a type, some variables, a group of constants.
type part struct {
	node     ast.Node
	mentions map[string]bool // of the file it is in
}

// sort keeps what importers see of a declaration, and lets the rest wait.
func (s *shaker) sort(decl ast.Decl, mentions map[string]bool) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		decl.Body = &ast.BlockStmt{}
		if decl.Recv != nil {
			s.await(part{decl, mentions}, receiver(decl.Recv))
		} else {
			s.await(part{decl, mentions}, decl.Name)
		}
	case *ast.GenDecl:
		if decl.Tok == token.CONST { // what one repeats and counts depends on the others
			var names []*ast.Ident
			for _, spec := range decl.Specs {
				names = append(names, spec.(*ast.ValueSpec).Names...)
			}
			s.await(part{decl, mentions}, names...)
			return
		}
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				s.await(part{spec, mentions}, spec.Name)
			case *ast.ValueSpec:
				dropValues(spec)
				s.await(part{spec, mentions}, spec.Names...)
			}
		}
	}
}

// await keeps p at once when one of its names is exported or unknown, else when one is mentioned.
func (s *shaker) await(p part, names ...*ast.Ident) {
	for _, name := range names {
		if name == nil || name.IsExported() {
			s.keep(p)
			return
		}
	}
	for _, name := range names {
		if name.Name != "_" {
			s.waiting[name.Name] = append(s.waiting[name.Name], p)
		}
	}
}

func (s *shaker) keep(p part) {
	if !s.kept[p.node] {
		s.kept[p.node] = true
		s.queue = append(s.queue, p)
	}
}

// lookThrough notes the names that p mentions, and keeps what waits for them. Names of fields, methods and parameters
// are no mentions.
func (s *shaker) lookThrough(p part) {
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv != nil {
				ast.Inspect(n.Recv, visit)
			}
			ast.Inspect(n.Type, visit)
			return false
		case *ast.FuncLit:
			n.Body = &ast.BlockStmt{}
			ast.Inspect(n.Type, visit)
			return false
		case *ast.Field:
			ast.Inspect(n.Type, visit)
			return false
		case *ast.SelectorExpr:
			ast.Inspect(n.X, visit)
			return false
		case *ast.Ident:
			p.mentions[n.Name] = true
			for _, waiting := range s.waiting[n.Name] {
				s.keep(waiting)
			}
			delete(s.waiting, n.Name)
		}
		return true
	}
	ast.Inspect(p.node, visit)
}

// trim removes the declarations that are not kept. A declaration without specifications is none.
func (s *shaker) trim(tree *ast.File) {
	decls := tree.Decls[:0]
	for _, decl := range tree.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok == token.CONST {
			if s.kept[decl] {
				decls = append(decls, decl)
			}
			continue
		}
		if group.Tok != token.IMPORT {
			group.Specs = slices.DeleteFunc(group.Specs, func(spec ast.Spec) bool { return !s.kept[spec] })
		}
		if len(group.Specs) > 0 {
			decls = append(decls, decl)
		}
	}
	tree.Decls = decls
}

// trimImports removes the imports whose names the file does not mention, and returns the paths of the others.
func trimImports(tree *ast.File, mentions map[string]bool, name func(path string) string) []string {
	var paths []string
	needed := func(spec *ast.ImportSpec) bool {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return false
		}
		local := name(path)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "_" || local != "" && local != "." && !mentions[local] {
			return false
		}
		paths = append(paths, path)
		return true
	}
	for _, decl := range tree.Decls {
		if group, ok := decl.(*ast.GenDecl); ok && group.Tok == token.IMPORT {
			group.Specs = slices.DeleteFunc(group.Specs, func(spec ast.Spec) bool { return !needed(spec.(*ast.ImportSpec)) })
		}
	}
	return paths
}

// receiver returns the name of the type in a receiver, or nil.
func receiver(recv *ast.FieldList) *ast.Ident {
	if len(recv.List) == 0 {
		return nil
	}
	t := recv.List[0].Type
	for {
		switch inner := t.(type) {
		case *ast.Ident:
			return inner
		case *ast.StarExpr:
			t = inner.X
		case *ast.ParenExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.IndexListExpr:
			t = inner.X
		default:
			return nil
		}
	}
}

// dropValues removes what the types of variables don't depend on: values beside a type, elements of literals.
func dropValues(spec *ast.ValueSpec) {
	if spec.Type != nil {
		spec.Values = nil
		return
	}
	for _, value := range spec.Values {
		if address, ok := value.(*ast.UnaryExpr); ok && address.Op == token.AND {
			value = address.X
		}
		if literal, ok := value.(*ast.CompositeLit); ok && !countsElements(literal) {
			literal.Elts = nil
		}
	}
}

// countsElements tells whether the type of a literal is an array as long as the literal: [...]T.
func countsElements(literal *ast.CompositeLit) bool {
	array, ok := literal.Type.(*ast.ArrayType)
	if !ok {
		return false
	}
	_, ok = array.Len.(*ast.Ellipsis)
	return ok
}
