// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

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

func inCycle(b *ssa.BasicBlock) bool { return Reaches(b, b) }

// Dominates tells whether every path to b passes a, both in one function.
func Dominates(a, b ssa.Instruction) bool { return dominates(a, b) }

// MayPrecedeWithout tells whether a can run before b without def running in between.
func MayPrecedeWithout(a, b, def ssa.Instruction) bool {
	return a != b && comesTo(a, b, def)
}

// RunsAgainWithout tells whether an instruction can run again in one call of its function without def running in between.
func RunsAgainWithout(instr, def ssa.Instruction) bool { return comesTo(instr, instr, def) }

// comesTo tells whether control can get from one instruction to another without passing def.
func comesTo(a, b, def ssa.Instruction) bool {
	if a.Parent() != b.Parent() {
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
	return from == to || Reaches(from, to)
}

// Reaches tells whether a path of at least one edge leads from one block to another of the same function.
func Reaches(from, to *ssa.BasicBlock) bool {
	if from.Parent() != to.Parent() {
		return false
	}
	seen := make([]bool, len(from.Parent().Blocks)) // by the index of a block
	for work := slices.Clone(from.Succs); len(work) > 0; {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		if b == to {
			return true
		}
		if !seen[b.Index] {
			seen[b.Index] = true
			work = append(work, b.Succs...)
		}
	}
	return false
}
