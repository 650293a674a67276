// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// DeadStop is a call that stops something on a branch which is never taken: its flag is never set.
type DeadStop struct {
	Stop ssa.CallInstruction
	Test *ssa.If
	// Flag names the variable.
	Flag string
}

// DeadStops returns the stops of a function that stand behind a variable which is false whatever happens before.
func DeadStops(fn *ssa.Function) []DeadStop {
	var out []DeadStop
	for _, b := range fn.Blocks {
		branch, ok := last(b).(*ssa.If)
		if !ok {
			continue
		}
		flag, ok := branch.Cond.(*ssa.Phi)
		if !ok || len(b.Succs[0].Preds) != 1 || !neverTrue(flag, map[*ssa.Phi]bool{}) {
			continue
		}
		for site := range program.Sites(fn) {
			if b.Succs[0].Dominates(site.Block()) && stops(program.Target(site)) {
				out = append(out, DeadStop{site, branch, flag.Comment})
				break
			}
		}
	}
	return out
}

// neverTrue tells whether all that a variable can be is false.
func neverTrue(flag *ssa.Phi, seen map[*ssa.Phi]bool) bool {
	seen[flag] = true
	return !slices.ContainsFunc(flag.Edges, func(v ssa.Value) bool {
		switch x := v.(type) {
		case *ssa.Const:
			return x.Value == nil || x.Value.Kind() != constant.Bool || constant.BoolVal(x.Value)
		case *ssa.Phi:
			return !seen[x] && !neverTrue(x, seen)
		}
		return true
	})
}
