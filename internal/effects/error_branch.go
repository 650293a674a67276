// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// FailureBlocks returns the blocks that run only when a call gave an error, in the order of the function.
func (e *Effects) FailureBlocks(call *ssa.Call) []*ssa.BasicBlock {
	err := errorResult(call)
	if err == nil {
		return nil
	}
	var heads []*ssa.BasicBlock
	seen := make(map[ssa.Value]bool)
	var follow func(v ssa.Value)
	follow = func(v ssa.Value) {
		if seen[v] || v.Referrers() == nil {
			return
		}
		seen[v] = true
		for _, ref := range *v.Referrers() {
			switch x := ref.(type) {
			case *ssa.Phi:
				follow(x)
			case *ssa.Store:
				if x.Val == v {
					for _, load := range loadsRightAfter(x) {
						follow(load)
					}
				}
			case *ssa.BinOp:
				heads = append(heads, failedSides(x)...)
			}
		}
	}
	follow(err)
	var out []*ssa.BasicBlock
	for _, b := range call.Parent().Blocks {
		for _, head := range heads {
			if head.Dominates(b) {
				out = append(out, b)
				break
			}
		}
	}
	return out
}

// loadsRightAfter returns the loads of a local variable, in the block of a store to it, that give what was stored.
func loadsRightAfter(st *ssa.Store) []ssa.Value {
	_, local := st.Addr.(*ssa.Alloc)
	if _, captured := st.Addr.(*ssa.FreeVar); !local && !captured {
		return nil
	}
	var out []ssa.Value
	after := false
	for _, instr := range st.Block().Instrs {
		switch x := instr.(type) {
		case *ssa.Store:
			if x.Addr == st.Addr {
				after = x == st
			}
		case *ssa.UnOp:
			if after && x.Op == token.MUL && x.X == st.Addr {
				out = append(out, x)
			}
		case *ssa.Call:
			callee := x.Call.StaticCallee()
			after = after && (local || callee != nil && len(callee.Blocks) == 0) // own code may set a variable of around
		}
	}
	return out
}

// failedSides returns the sides of the branches on a comparison that run when the error is not nil, and only then.
func failedSides(op *ssa.BinOp) []*ssa.BasicBlock {
	if op.Op != token.EQL && op.Op != token.NEQ || op.Referrers() == nil {
		return nil
	}
	var out []*ssa.BasicBlock
	for _, ref := range *op.Referrers() {
		branch, ok := ref.(*ssa.If)
		if !ok {
			continue
		}
		side := branch.Block().Succs[0]
		if op.Op == token.EQL {
			side = branch.Block().Succs[1]
		}
		if len(side.Preds) == 1 {
			out = append(out, side)
		}
	}
	return out
}
