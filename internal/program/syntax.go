// SPDX-License-Identifier: Apache-2.0

package program

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/replicavet/replicavet/internal/load"
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

// Source spells a piece of own code, as gofmt would.
func (p *Program) Source(n ast.Node) string {
	var out bytes.Buffer
	if format.Node(&out, p.Fset, n) != nil {
		return "…"
	}
	return out.String()
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

// ImportUses returns where the file around pos imports a package, and how often it names it; nil where it does not import it
// by itself.
func (p *Program) ImportUses(pos token.Pos, path string) (spec *ast.ImportSpec, uses int) {
	file := p.File(pos)
	if file == nil {
		return nil, 0
	}
	for _, s := range file.Syntax.Imports {
		if imported, err := strconv.Unquote(s.Path.Value); err == nil && imported == path && (s.Name == nil || token.IsIdentifier(s.Name.Name) && s.Name.Name != "_") {
			spec = s
		}
	}
	info := p.infoOf(file)
	if spec == nil || info == nil {
		return nil, 0
	}
	ast.Inspect(file.Syntax, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if name, ok := info.Uses[id].(*types.PkgName); ok && name.Imported().Path() == path {
				uses++
			}
		}
		return true
	})
	return spec, uses
}

// infoOf returns what the checker says of a file of own code.
func (p *Program) infoOf(file *load.File) *types.Info {
	for _, own := range p.own {
		if slices.Contains(own.Files, file) {
			return own.Info
		}
	}
	return nil
}
