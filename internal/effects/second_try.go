// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// TriedAgain tells whether the failure of a write is answered by another write of the kind: in the function itself, or in one that
// it calls there.
func (e *Effects) TriedAgain(row *Entry) bool {
	call, ok := row.Site.(*ssa.Call)
	if !ok {
		return false
	}
	for _, b := range e.FailureBlocks(call) {
		for _, instr := range b.Instrs {
			again, ok := instr.(*ssa.Call)
			if !ok {
				continue
			}
			callees := e.Program.Static(again)
			if e.anyLike(row, func(other *Entry) bool {
				return other.Site == ssa.CallInstruction(again) || slices.Contains(callees, other.Site.Parent())
			}) {
				return true
			}
		}
	}
	return false
}

// SecondTry tells whether a write stands in a function that is called only where another write of the kind has failed.
func (e *Effects) SecondTry(row *Entry) bool {
	callers := slices.DeleteFunc(slices.Clone(e.Program.Callers(row.Site.Parent())), func(by program.Edge) bool { return e.Program.InTest(by.Caller()) })
	return len(callers) > 0 && !slices.ContainsFunc(callers, func(by program.Edge) bool {
		return !e.anyLike(row, func(first *Entry) bool {
			call, ok := first.Site.(*ssa.Call)
			return ok && call.Parent() == by.Caller() && slices.Contains(e.FailureBlocks(call), by.Site.Block())
		})
	})
}

// anyLike tells whether another write with the same effect on the same kind is one that is looked for.
func (e *Effects) anyLike(row *Entry, is func(*Entry) bool) bool {
	return slices.ContainsFunc(e.Ledger(), func(other *Entry) bool {
		return other != row && other.Kind == row.Kind && other.Call.Effect == row.Call.Effect && is(other)
	})
}
