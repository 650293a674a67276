// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"

	"golang.org/x/tools/go/ssa"
)

// saidBy tells whether a test has one answer once an instruction has run, the one that leads to another instruction: the
// flag that it looks at was set beside the first, and later ways leave it or set it once more.
func saidBy(first ssa.Instruction, branch *ssa.If, second ssa.Instruction) bool {
	for i, side := range branch.Block().Succs {
		if side.Dominates(second.Block()) && len(side.Preds) == 1 {
			return flagSays(first, branch.Cond, i == 0, make(map[ssa.Value]bool))
		}
	}
	return false
}

// flagSays tells whether a value is a given constant on each way that comes from an instruction.
func flagSays(first ssa.Instruction, v ssa.Value, want bool, seen map[ssa.Value]bool) bool {
	switch x := v.(type) {
	case *ssa.Const:
		return x.Value != nil && x.Value.Kind() == constant.Bool && constant.BoolVal(x.Value) == want
	case *ssa.Phi:
		if seen[x] {
			return true
		}
		seen[x] = true
		ways := 0
		for i, edge := range x.Edges {
			pred := x.Block().Preds[i]
			if last := pred.Instrs[len(pred.Instrs)-1]; !MayPrecede(first, last) {
				continue // no way from there leads here
			}
			if ways++; !flagSays(first, edge, want, seen) {
				return false
			}
		}
		return ways > 0
	}
	return false
}
