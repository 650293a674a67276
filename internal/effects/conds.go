// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// CondCall is a call of a method of a sync.Cond, or the taking of its Wait as a function value.
type CondCall struct {
	Instr  ssa.Instruction
	Method string // Wait, Signal, Broadcast
	Place  string
	// On is the condition variable.
	On   ssa.Value
	Func *ssa.Function
	// Value is set when the method is taken as a value to be called elsewhere.
	Value bool
}

// Woken tells whether somebody wakes those who wait for a condition variable, under this name of it or under another.
func (e *Effects) Woken(wait CondCall) bool {
	from := e.Program.Sources(wait.On)
	return slices.ContainsFunc(e.Conds(), func(c CondCall) bool {
		if c.Method == "Wait" {
			return false
		}
		return c.Place == wait.Place || from.Partial || slices.ContainsFunc(e.Program.Sources(c.On).Values, func(v ssa.Value) bool {
			return slices.Contains(from.Values, v)
		})
	})
}

// Conds returns all uses of condition variables in own code, in source order.
func (e *Effects) Conds() []CondCall {
	if e.conc.conds != nil {
		return e.conc.conds
	}
	out := []CondCall{}
	for _, fn := range e.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				switch x := instr.(type) {
				case ssa.CallInstruction:
					recv := program.Receiver(x)
					target := program.Target(x)
					if target != nil && recv != nil && program.IsNamed(recv.Type(), "sync", "Cond") {
						out = append(out, CondCall{x, target.Name(), e.Variable(recv), recv, fn, false})
					}
				case *ssa.MakeClosure:
					bound := x.Fn.(*ssa.Function)
					if len(x.Bindings) == 1 && bound.Synthetic != "" && program.IsNamed(x.Bindings[0].Type(), "sync", "Cond") {
						out = append(out, CondCall{x, program.Name(bound), e.Variable(x.Bindings[0]), x.Bindings[0], fn, true})
					}
				}
			}
		}
	}
	e.conc.conds = out
	return out
}
