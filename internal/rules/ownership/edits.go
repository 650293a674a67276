// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"go/ast"
	"slices"

	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// forceEdits force an apply; nil where the call does not spell its options: client.FieldOwner("x") among the arguments, or
// metav1.ApplyOptions{FieldManager: "x"}.
func forceEdits(p *rule.Pass, site ssa.CallInstruction) []rule.Edit {
	call := p.Program.CallExpr(site)
	if call == nil || call.Ellipsis.IsValid() {
		return nil
	}
	for _, arg := range call.Args {
		switch arg := arg.(type) {
		case *ast.CallExpr:
			sel, ok := arg.Fun.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "FieldOwner" {
				continue
			}
			if pkg, ok := sel.X.(*ast.Ident); ok {
				last := call.Args[len(call.Args)-1].End()
				return []rule.Edit{{Pos: last, End: last, New: ", " + pkg.Name + ".ForceOwnership"}}
			}
		case *ast.CompositeLit:
			if manager := keyed(arg, "FieldManager"); manager != nil && keyed(arg, "Force") == nil {
				return []rule.Edit{{Pos: manager.End(), End: manager.End(), New: ", Force: true"}}
			}
		}
	}
	return nil
}

// keyed returns the element of a struct literal that sets a field, or nil.
func keyed(lit *ast.CompositeLit, field string) ast.Expr {
	i := slices.IndexFunc(lit.Elts, func(e ast.Expr) bool {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		key, ok := kv.Key.(*ast.Ident)
		return ok && key.Name == field
	})
	if i < 0 {
		return nil
	}
	return lit.Elts[i]
}
