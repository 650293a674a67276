// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/ast"
	"go/token"
	"go/types"

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
