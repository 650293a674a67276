// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/load"
)

// HalfRead tells whether some of a package was left out because it does not type-check, or uses C: that something is missing
// there proves nothing.
func (p *Program) HalfRead(pkg *types.Package) bool {
	own := p.own[pkg]
	return own != nil && (own.IllTyped || p.usesC[own])
}

// SomeHalfRead tells whether HalfRead holds for some own package: a call that is missing there may hand on anything.
func (p *Program) SomeHalfRead() bool {
	return slices.ContainsFunc(p.Code.Packages, func(pkg *load.Package) bool { return pkg.IllTyped })
}

// dropIllTyped removes the bodies of functions and the initialisers of variables that did not type-check. The variables
// themselves stay: what is well typed may use them. Calls such as log.Info(x) of a package that is missing are left out
// instead of the function around them. It returns the names of the functions that are not read then.
func dropIllTyped(pkg *load.Package) (dropped []*ast.Ident) {
	for _, file := range pkg.Files {
		decls := file.Syntax.Decls[:0:0]
		for _, decl := range file.Syntax.Decls {
			if decl, ok := decl.(*ast.FuncDecl); ok {
				if obj, ok := pkg.Info.Defs[decl.Name].(*types.Func); !ok || invalid(obj.Type()) {
					dropped = append(dropped, decl.Name)
					continue
				}
				if decl.Body != nil && illTyped(pkg.Info, decl.Body) {
					dropMissingCalls(pkg.Info, decl.Body)
					if illTyped(pkg.Info, decl.Body) {
						decl.Body = nil
						dropped = append(dropped, decl.Name)
					}
				}
			}
			decls = append(decls, decl)
		}
		file.Syntax.Decls = decls
	}
	var inits []*types.Initializer
	for _, init := range pkg.Info.InitOrder {
		bad := slices.ContainsFunc(init.Lhs, func(v *types.Var) bool { return invalid(v.Type()) })
		if init.Rhs != nil && !bad && !illTyped(pkg.Info, init.Rhs) {
			inits = append(inits, init)
		}
	}
	pkg.Info.InitOrder = inits
	return dropped
}

// illTyped tells whether some expression below root has no type, or an invalid one.
func illTyped(info *types.Info, root ast.Node) bool {
	bad := false
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			// The key of a struct literal is a field name, not an expression.
			if id, ok := n.Key.(*ast.Ident); ok && info.Uses[id] != nil {
				bad = bad || illTyped(info, n.Value)
				return false
			}
		case *ast.SelectorExpr:
			if sel := info.Selections[n]; sel != nil {
				bad = bad || invalid(sel.Type()) || illTyped(info, n.X)
			} else if use := info.Uses[n.Sel]; use == nil || invalid(use.Type()) {
				bad = true
			}
			return false
		case *ast.Ident:
			_, defined := info.Defs[n] // with nil for the variable of a type switch, and for blanks
			switch obj := info.ObjectOf(n).(type) {
			case nil:
				bad = bad || !defined
			case *types.Builtin, *types.Label: // they have no type in any program
			default:
				bad = bad || invalid(obj.Type())
			}
		case *ast.CallExpr, *ast.CompositeLit, *ast.BinaryExpr, *ast.IndexExpr, *ast.StarExpr, *ast.UnaryExpr:
			if tv, ok := info.Types[n.(ast.Expr)]; !ok || tv.Type == nil || invalid(tv.Type) {
				bad = true
			}
		}
		return !bad
	})
	return bad
}

// invalid tells whether t is, or is made of, a type that could not be resolved.
func invalid(t types.Type) bool {
	switch t := t.(type) {
	case nil:
		return true
	case *types.Basic:
		return t.Kind() == types.Invalid
	case *types.Alias:
		return invalid(types.Unalias(t))
	case *types.Pointer:
		return invalid(t.Elem())
	case *types.Slice:
		return invalid(t.Elem())
	case *types.Array:
		return invalid(t.Elem())
	case *types.Chan:
		return invalid(t.Elem())
	case *types.Map:
		return invalid(t.Key()) || invalid(t.Elem())
	case *types.Tuple:
		for v := range t.Variables() {
			if invalid(v.Type()) {
				return true
			}
		}
	case *types.Signature:
		return invalid(t.Params()) || invalid(t.Results()) || t.Recv() != nil && invalid(t.Recv().Type())
	}
	return false
}

// halfKnown tells whether a type embeds one that was not found, itself or through others that it embeds. What methods it has
// is not known.
func halfKnown(t types.Type) bool { return embedsInvalid(t, 0) }

func embedsInvalid(t types.Type, depth int) bool {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok || depth > 8 { // a type may embed a pointer to itself
		return false
	}
	for f := range s.Fields() {
		if f.Embedded() && (invalid(f.Type()) || invalid(f.Type().Underlying()) || embedsInvalid(f.Type(), depth+1)) {
			return true
		}
	}
	return false
}

// dropMissingCalls removes statements that do nothing but call a function of a package that was not found, with
// arguments that it can only read: logging, most often. A function, a channel or an ill-typed argument keeps the
// statement, as more may depend on the call.
func dropMissingCalls(info *types.Info, body *ast.BlockStmt) {
	dropped := func(stmt ast.Stmt) bool {
		expr, ok := stmt.(*ast.ExprStmt)
		if !ok {
			return false
		}
		call, ok := expr.X.(*ast.CallExpr)
		return ok && ofMissingPackage(info, call.Fun) && !slices.ContainsFunc(call.Args, func(arg ast.Expr) bool { return !onlyRead(info, arg) })
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			n.List = slices.DeleteFunc(n.List, dropped)
		case *ast.CaseClause:
			n.Body = slices.DeleteFunc(n.Body, dropped)
		case *ast.CommClause:
			n.Body = slices.DeleteFunc(n.Body, dropped)
		}
		return true
	})
}

// ofMissingPackage tells whether fun is a name that the file takes from a package that was not found.
func ofMissingPackage(info *types.Info, fun ast.Expr) bool {
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok || info.Uses[sel.Sel] != nil {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return false
	}
	name, ok := info.Uses[id].(*types.PkgName)
	return ok && !name.Imported().Complete()
}

// onlyRead tells whether an argument has a type and is nothing that the callee could run or signal with.
func onlyRead(info *types.Info, arg ast.Expr) bool {
	if illTyped(info, arg) {
		return false
	}
	t := info.TypeOf(arg)
	if t == nil {
		return false
	}
	switch t.Underlying().(type) {
	case *types.Signature, *types.Chan:
		return false
	}
	calls := false
	ast.Inspect(arg, func(n ast.Node) bool {
		_, call := n.(*ast.CallExpr)
		_, literal := n.(*ast.FuncLit)
		calls = calls || call || literal
		return !calls
	})
	return !calls
}
