// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

// BeforeElection tells whether one instruction is a step of setting up and another stands behind a receive from what
// manager.Manager.Elected returns: that channel is closed after Start, which the process calls when all is set up.
func (p *Program) BeforeElection(setup, elected ssa.Instruction) bool {
	if !p.RunsOnce(setup) {
		return false
	}
	for _, b := range elected.Parent().Blocks {
		for _, instr := range b.Instrs {
			if p.receivesElected(instr) && MayPrecede(instr, elected) && dominates(instr, elected) {
				return true
			}
		}
	}
	return false
}

// receivesElected tells whether an instruction waits for the election, possibly among others.
func (p *Program) receivesElected(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.UnOp:
		return p.isElected(x.X)
	case *ssa.Select:
		return x.Blocking && slices.ContainsFunc(x.States, func(s *ssa.SelectState) bool { return s.Send == nil && p.isElected(s.Chan) })
	}
	return false
}

// isElected tells whether a channel is one that Elected of a manager returned.
func (p *Program) isElected(ch ssa.Value) bool {
	return slices.ContainsFunc(p.Sources(ch).Values, func(src ssa.Value) bool {
		call, ok := src.(*ssa.Call)
		if !ok {
			return false
		}
		fn := Target(call)
		return fn != nil && fn.Name() == "Elected" && fn.Pkg() != nil && fn.Pkg().Path() == "sigs.k8s.io/controller-runtime/pkg/manager"
	})
}
