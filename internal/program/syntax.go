// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ast/astutil"
	"golang.org/x/tools/go/ssa"
)

// OwnPackage tells whether pkg belongs to the reviewed code.
func (p *Program) OwnPackage(pkg *types.Package) bool { return p.own[pkg] != nil }

// CallExpr returns the syntax of a call, or nil where the SSA builder made the call up.
func (p *Program) CallExpr(site ssa.CallInstruction) *ast.CallExpr {
	at := site.Common().Pos()
	for _, n := range p.Enclosing(at) {
		if call, ok := n.(*ast.CallExpr); ok && call.Lparen == at {
			return call
		}
	}
	return nil
}

// Start returns where a call's syntax begins: the position that readers expect a finding at.
func (p *Program) Start(site ssa.CallInstruction) token.Pos {
	if call := p.CallExpr(site); call != nil {
		return call.Pos()
	}
	return site.Pos()
}

// Enclosing returns the syntax around a position of own code, innermost first; nil elsewhere.
func (p *Program) Enclosing(pos token.Pos) []ast.Node {
	file := p.File(pos)
	if file == nil {
		return nil
	}
	path, _ := astutil.PathEnclosingInterval(file.Syntax, pos, pos)
	return path
}

// Statements returns the list of statements that a node is; nil for others.
func Statements(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

// TypeOf returns the type of an expression of own code, or nil.
func (p *Program) TypeOf(expr ast.Expr) types.Type {
	for _, pkg := range p.own {
		if t := pkg.Info.TypeOf(expr); t != nil {
			return t
		}
	}
	return nil
}

// ImportName returns the name under which the file of pos imports the package with that path; "" if it does not.
func (p *Program) ImportName(pos token.Pos, path string) string {
	file := p.File(pos)
	if file == nil {
		return ""
	}
	for _, spec := range file.Syntax.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err != nil || imported != path {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	return ""
}

// ImportStays tells whether the file around pos names the member of a package elsewhere too, so that its import stays
// used whatever is replaced at pos.
func (p *Program) ImportStays(pos token.Pos, pkg, member string) bool {
	file := p.File(pos)
	if file == nil {
		return false
	}
	for _, own := range p.own {
		for _, f := range own.Files {
			if f == file {
				return namesMember(own.Info, f.Syntax, pkg, member)
			}
		}
	}
	return false
}

func namesMember(info *types.Info, file *ast.File, pkg, member string) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == member {
			if id, ok := sel.X.(*ast.Ident); ok {
				if name, ok := info.Uses[id].(*types.PkgName); ok && name.Imported().Path() == pkg {
					found = true
				}
			}
		}
		return !found
	})
	return found
}
