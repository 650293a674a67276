// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/constant"
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// lateAfterGivingUp corrects the state within the cases of choices that give up waiting: there it is as before the choice.
// What comes after the case, on all ways through the choice, is left alone: most often the way of the case ends soon.
func (c *Concurrency) lateAfterGivingUp(fn *ssa.Function, l *lateness) {
	for _, from := range fn.Blocks {
		for _, to := range from.Succs {
			if choice := gaveUp(from, to); choice != nil && c.lateBefore(choice, l) {
				c.lateWithin(to, l)
			}
		}
	}
}

// lateWithin spreads the state from the start of a case over the blocks that only the case leads to.
func (c *Concurrency) lateWithin(start *ssa.BasicBlock, l *lateness) {
	seen := map[*ssa.BasicBlock]bool{start: true}
	for queue := []*ssa.BasicBlock{start}; len(queue) > 0; queue = queue[1:] {
		b := queue[0]
		l.blocks[b] = true
		state := true
		for _, instr := range b.Instrs {
			state = c.after(instr, state)
		}
		for _, succ := range b.Succs {
			if state && !seen[succ] && start.Dominates(succ) {
				seen[succ] = true
				queue = append(queue, succ)
			}
		}
	}
}

// gaveUp returns the choice whose case for the end of a context or of a time is entered from one block to the next, or
// nil: what the other cases wait for is still running then.
func gaveUp(from, to *ssa.BasicBlock) *ssa.Select {
	branch, ok := from.Instrs[len(from.Instrs)-1].(*ssa.If)
	if !ok || from.Succs[0] != to {
		return nil
	}
	test, ok := branch.Cond.(*ssa.BinOp)
	if !ok || test.Op != token.EQL {
		return nil
	}
	chosen, ok := test.X.(*ssa.Extract)
	if !ok || chosen.Index != 0 {
		return nil
	}
	choice, ok := chosen.Tuple.(*ssa.Select)
	if !ok {
		return nil
	}
	index, ok := test.Y.(*ssa.Const)
	if !ok || index.Value == nil {
		return nil
	}
	if i, exact := constant.Int64Val(index.Value); !exact || i < 0 || int(i) >= len(choice.States) || !comesByItself(choice.States[i].Chan) {
		return nil
	}
	return choice
}

// GaveUp tells whether an instruction stands in a case of a choice that is for the end of a context or of a time: it does not
// follow what the other cases wait for.
func GaveUp(choice, at ssa.Instruction) bool {
	if _, ok := choice.(*ssa.Select); !ok {
		return false
	}
	for _, from := range choice.Parent().Blocks {
		for _, to := range from.Succs {
			if given := gaveUp(from, to); given != nil && ssa.Instruction(given) == choice && len(to.Preds) == 1 && to.Dominates(at.Block()) {
				return true
			}
		}
	}
	return false
}

// comesByItself tells whether a channel is ready without any goroutine of the program: a timer's, or a context's end.
func comesByItself(ch ssa.Value) bool {
	call, ok := ch.(*ssa.Call)
	if !ok {
		load, ok := ch.(*ssa.UnOp)
		if !ok {
			return false
		}
		field, ok := load.X.(*ssa.FieldAddr)
		return ok && (IsNamed(field.X.Type(), "time", "Timer") || IsNamed(field.X.Type(), "time", "Ticker"))
	}
	target := Target(call)
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch target.Pkg().Path() {
	case "context":
		return target.Name() == "Done"
	case "time":
		return target.Name() == "After"
	}
	return false
}
