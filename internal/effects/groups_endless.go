// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// NeverDone tells whether the wait group of a call is a variable of one function that nothing counts down: all that is
// done with it, there and in closures, are calls of Wait, and of Add with a positive number.
func (e *Effects) NeverDone(call GroupCall) bool {
	alloc, ok := program.Receiver(call.Site).(*ssa.Alloc)
	return ok && onlyCounted(alloc)
}

// WorksBehind tells whether something is done behind an instruction of a function, other than what is deferred.
func WorksBehind(at ssa.Instruction) bool {
	for _, b := range at.Parent().Blocks {
		for _, instr := range b.Instrs {
			switch instr.(type) {
			case *ssa.Call, *ssa.Go, *ssa.Store, *ssa.Send, *ssa.Select, *ssa.MapUpdate:
				if instr != at && After(at, instr) {
					return true
				}
			}
		}
	}
	return false
}

// onlyCounted tells whether each use of the address of a wait group is a call of Wait, or of Add with a positive number.
func onlyCounted(addr ssa.Value) bool {
	for _, ref := range *addr.Referrers() {
		switch x := ref.(type) {
		case ssa.CallInstruction:
			if program.Receiver(x) != addr || !countsOrWaits(x) {
				return false
			}
		case *ssa.MakeClosure:
			for i, bound := range x.Bindings {
				if bound == addr && !onlyCounted(x.Fn.(*ssa.Function).FreeVars[i]) {
					return false
				}
			}
		case *ssa.DebugRef:
		default:
			return false
		}
	}
	return true
}

func countsOrWaits(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil {
		return false
	}
	switch target.Name() {
	case "Wait":
		return true
	case "Add":
		c, ok := program.Argument(site, 0).(*ssa.Const)
		return ok && c.Value != nil && c.Int64() > 0
	}
	return false
}
