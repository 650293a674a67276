// SPDX-License-Identifier: Apache-2.0

package program

import "golang.org/x/tools/go/ssa"

// MayPrecede tells whether a can run before b in one call of their function.
func MayPrecede(a, b ssa.Instruction) bool {
	if a.Parent() != b.Parent() || a.Block() == nil || b.Block() == nil {
		return false
	}
	if a.Block() == b.Block() {
		for _, instr := range a.Block().Instrs {
			if instr == a {
				return a != b || inCycle(a.Block())
			}
			if instr == b {
				break
			}
		}
		return inCycle(a.Block())
	}
	return blockReaches(a.Block(), b.Block())
}

func inCycle(b *ssa.BasicBlock) bool {
	for _, s := range b.Succs {
		if blockReaches(s, b) {
			return true
		}
	}
	return false
}

// Dominates tells whether every path to b passes a, both in one function.
func Dominates(a, b ssa.Instruction) bool { return dominates(a, b) }

// MayPrecedeWithout tells whether a can run before b without def running in between.
func MayPrecedeWithout(a, b, def ssa.Instruction) bool {
	if a.Parent() != b.Parent() || a == b {
		return false
	}
	seen := make(map[*ssa.BasicBlock]bool)
	var from func(block *ssa.BasicBlock, instrs []ssa.Instruction) bool
	from = func(block *ssa.BasicBlock, instrs []ssa.Instruction) bool {
		for _, instr := range instrs {
			switch instr {
			case b:
				return true
			case def:
				return false
			}
		}
		for _, succ := range block.Succs {
			if !seen[succ] {
				seen[succ] = true
				if from(succ, succ.Instrs) {
					return true
				}
			}
		}
		return false
	}
	for i, instr := range a.Block().Instrs {
		if instr == a {
			return from(a.Block(), a.Block().Instrs[i+1:])
		}
	}
	return false
}

// blockReaches tells whether control can get from one block to another; a block reaches itself.
func blockReaches(from, to *ssa.BasicBlock) bool {
	seen := make(map[*ssa.BasicBlock]bool)
	queue := []*ssa.BasicBlock{from}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		if b == to {
			return true
		}
		if seen[b] {
			continue
		}
		seen[b] = true
		queue = append(queue, b.Succs...)
	}
	return false
}
