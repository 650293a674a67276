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

// lockEdits adds the optimistic lock to the call that makes a patch; nil where the call is not spelled so that it is
// certain: client.MergeFrom(base), client.StrategicMergeFrom(base, …), client.MergeFromWithOptions(base, …).
func lockEdits(p *program.Program, patch *effects.Patch) []rule.Edit {
	if patch == nil || patch.Made == nil {
		return nil
	}
	call := p.CallExpr(patch.Made)
	if call == nil || len(call.Args) == 0 || call.Ellipsis.IsValid() {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
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
	switch sel.Sel.Name {
	case "MergeFrom":
		return append(edits, rule.Edit{Pos: sel.Sel.End(), End: sel.Sel.End(), New: "WithOptions"})
	case "StrategicMergeFrom", "MergeFromWithOptions":
		return edits
	}
	return nil
}
