// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// reachable returns the blocks that control can get to, edges that cut says no to left out.
func reachable(fn *ssa.Function, cut func(from, to *ssa.BasicBlock) bool) map[*ssa.BasicBlock]bool {
	seen := make(map[*ssa.BasicBlock]bool)
	if len(fn.Blocks) == 0 {
		return seen
	}
	queue := []*ssa.BasicBlock{fn.Blocks[0]}
	seen[fn.Blocks[0]] = true
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		for _, succ := range b.Succs {
			if !seen[succ] && !cut(b, succ) {
				seen[succ] = true
				queue = append(queue, succ)
			}
		}
	}
	return seen
}

// inLoop tells whether control can come back to b, through the blocks of within (nil: all).
func inLoop(b *ssa.BasicBlock, within map[*ssa.BasicBlock]bool) bool {
	return comesTo(b, b, within)
}

// comesTo tells whether control can get from the end of one block to the start of another.
func comesTo(from, to *ssa.BasicBlock, within map[*ssa.BasicBlock]bool) bool {
	seen := make(map[*ssa.BasicBlock]bool)
	queue := []*ssa.BasicBlock{from}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		for _, succ := range b.Succs {
			if succ == to {
				return true
			}
			if !seen[succ] && (within == nil || within[succ]) {
				seen[succ] = true
				queue = append(queue, succ)
			}
		}
	}
	return false
}

// InLoop tells whether an instruction stands in a loop of its function.
func InLoop(instr ssa.Instruction) bool { return inLoop(instr.Block(), nil) }

// LoopOf returns the blocks that are in a loop together with b: control gets from b to them and back. nil if b is in none.
func LoopOf(b *ssa.BasicBlock) []*ssa.BasicBlock {
	if !inLoop(b, nil) {
		return nil
	}
	var out []*ssa.BasicBlock
	for _, other := range b.Parent().Blocks {
		if other == b || comesTo(b, other, nil) && comesTo(other, b, nil) {
			out = append(out, other)
		}
	}
	return out
}

// After tells whether control can get from one instruction to another of the same function.
func After(first, second ssa.Instruction) bool {
	if first.Parent() != second.Parent() {
		return false
	}
	if first.Block() == second.Block() {
		for _, instr := range first.Block().Instrs {
			if instr == first {
				return true
			}
			if instr == second {
				break
			}
		}
	}
	return comesTo(first.Block(), second.Block(), nil)
}

// firstReal returns the first instruction of a block that has a position, or its first.
func firstReal(b *ssa.BasicBlock) ssa.Instruction {
	for _, instr := range b.Instrs {
		if instr.Pos().IsValid() {
			return instr
		}
	}
	return b.Instrs[0]
}

// endsProcess tells whether a block calls what ends the process: os.Exit, log.Fatal.
func endsProcess(b *ssa.BasicBlock) bool {
	for _, instr := range b.Instrs {
		if site, ok := instr.(*ssa.Call); ok {
			if row := program.Model(site); row != nil && row.Effect == kube.ProcessExit {
				return true
			}
		}
	}
	return false
}

// chanElem returns the element type of a channel value, or nil.
func chanElem(ch ssa.Value) types.Type {
	if t, ok := ch.Type().Underlying().(*types.Chan); ok {
		return t.Elem()
	}
	return nil
}
