// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/ast"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

const lockOption = "MergeFromWithOptimisticLock"

// patchCall returns the call that makes a patch, and its function; nil where it is not spelled so that it is certain:
// client.MergeFrom(base), client.StrategicMergeFrom(base, …), client.MergeFromWithOptions(base, …).
func patchCall(p *program.Program, patch *effects.Patch) (*ast.CallExpr, *ast.SelectorExpr) {
	if patch == nil || patch.Made == nil {
		return nil, nil
	}
	call := p.CallExpr(patch.Made)
	if call == nil || len(call.Args) == 0 || call.Ellipsis.IsValid() {
		return nil, nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil, nil
	}
	switch sel.Sel.Name {
	case "MergeFrom", "StrategicMergeFrom", "MergeFromWithOptions":
		return call, sel
	}
	return nil, nil
}

// lockEdits adds the optimistic lock to the call that makes a patch; nil where that is not certain.
func lockEdits(p *program.Program, patch *effects.Patch) []rule.Edit {
	call, sel := patchCall(p, patch)
	if call == nil {
		return nil
	}
	local, ok := sel.X.(*ast.Ident)
	target := program.Target(patch.Made)
	if !ok || target == nil || target.Pkg().Scope().Lookup(lockOption) == nil {
		return nil
	}
	option := fmt.Sprintf("%s.%s{}", local.Name, lockOption)
	last := call.Args[len(call.Args)-1].End()
	edits := []rule.Edit{{Pos: last, End: last, New: ", " + option}}
	if sel.Sel.Name == "MergeFrom" {
		edits = append(edits, rule.Edit{Pos: sel.Sel.End(), End: sel.Sel.End(), New: "WithOptions"})
	}
	return edits
}
