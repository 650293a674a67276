// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// matchDepth bounds how far the element that a test compares is followed back to the index that picked it.
const matchDepth = 8

// ownElement tells whether the element at an index is the running function's own: it was told which, or it looked for the one
// that matches what it was told.
func ownElement(at *ssa.IndexAddr, instr ssa.Instruction) bool {
	return ownIndex(at.Index) || matchesOwn(at.Index, instr)
}

// matchesOwn tells whether every way to an instruction has compared what stands at an index with what the function was told,
// and found them equal. Goroutines that were told different things come to different elements then.
func matchesOwn(index ssa.Value, instr ssa.Instruction) bool {
	block := instr.Block()
	for at := block.Idom(); at != nil; at = at.Idom() {
		branch, ok := at.Instrs[len(at.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		test, ok := branch.Cond.(*ssa.BinOp)
		if !ok || test.Op != token.EQL && test.Op != token.NEQ {
			continue
		}
		if !(ownIndex(test.X) && pickedBy(test.Y, index, 0) || ownIndex(test.Y) && pickedBy(test.X, index, 0)) {
			continue
		}
		same := at.Succs[0]
		if test.Op == token.NEQ {
			same = at.Succs[1]
		}
		if len(same.Preds) == 1 && same.Dominates(block) {
			return true
		}
	}
	return false
}

// pickedBy tells whether a value is read out of an element at an index.
func pickedBy(v, index ssa.Value, depth int) bool {
	if v == index {
		return true
	}
	switch v.(type) {
	case *ssa.UnOp, *ssa.FieldAddr, *ssa.Field, *ssa.IndexAddr, *ssa.Index:
		var operands [4]*ssa.Value
		return depth < matchDepth && slices.ContainsFunc(v.(ssa.Instruction).Operands(operands[:0]), func(o *ssa.Value) bool {
			return *o != nil && pickedBy(*o, index, depth+1)
		})
	}
	return false
}
