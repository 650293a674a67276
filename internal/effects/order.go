// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// MayPrecede tells whether a can run before b in one call of their function.
func MayPrecede(a, b ssa.Instruction) bool {
	if a == b || a.Parent() != b.Parent() {
		return false
	}
	x, y := a.Block(), b.Block()
	if x == nil || y == nil {
		return false
	}
	if x == y && indexIn(x, a) < indexIn(y, b) {
		return true
	}
	return reaches(x, y)
}

// MustPrecede tells whether a runs before b on every path to b in one call of their function.
func MustPrecede(a, b ssa.Instruction) bool {
	if a == b || a.Parent() != b.Parent() || a.Block() == nil || b.Block() == nil {
		return false
	}
	if a.Block() == b.Block() {
		return indexIn(a.Block(), a) < indexIn(b.Block(), b)
	}
	return a.Block().Dominates(b.Block())
}

func indexIn(b *ssa.BasicBlock, instr ssa.Instruction) int {
	for i, other := range b.Instrs {
		if other == instr {
			return i
		}
	}
	return -1
}

// reaches tells whether a path of at least one edge leads from x to y.
func reaches(x, y *ssa.BasicBlock) bool { return program.Reaches(x, y) }

func isErrorType(t types.Type) bool { return program.IsError(t) }

// CanAvoid tells whether one side of a branch leads past an instruction: from there on it does not run any more.
func CanAvoid(branch *ssa.If, instr ssa.Instruction) bool {
	for _, succ := range branch.Block().Succs {
		if succ != instr.Block() && !reaches(succ, instr.Block()) {
			return true
		}
	}
	return false
}
