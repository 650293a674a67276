// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// awaited returns the wait for a goroutine in the function that starts it: a receive from the channel that the goroutine sends to
// or closes, the Wait of the group that it is one of. What the goroutine takes its time for, the function does too. Nil where the
// function does not wait for it.
func (l *Locks) awaited(e program.Edge) ssa.Instruction {
	if e.How != program.Starts {
		return nil
	}
	if known, ok := l.waits[e.Site]; ok {
		return known
	}
	l.waits[e.Site] = nil
	for _, b := range e.Site.Parent().Blocks {
		for _, instr := range b.Instrs {
			if program.MayPrecede(e.Site, instr) && l.endsBefore(e, instr) {
				l.waits[e.Site] = instr
				return instr
			}
		}
	}
	return nil
}

// endsBefore tells whether an instruction waits for what a goroutine does last.
func (l *Locks) endsBefore(e program.Edge, instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.UnOp:
		return x.Op == token.ARROW && l.signals(e, x.X)
	case *ssa.Select:
		for _, state := range x.States {
			if x.Blocking && state.Dir == types.RecvOnly && l.signals(e, state.Chan) {
				return true
			}
		}
	case *ssa.Call:
		target, group := program.Target(x), program.Receiver(x)
		if target == nil || group == nil || target.Name() != "Wait" || l.opOf(x).kind == opCondWait {
			return false
		}
		_, started := e.Site.(*ssa.Go)
		if !started {
			return sameVariable(program.Receiver(e.Site), group) // g.Go
		}
		return l.inGoroutine(e, group, func(instr ssa.Instruction, v ssa.Value) bool {
			site, ok := instr.(ssa.CallInstruction)
			done := ok && program.Target(site) != nil && program.Target(site).Name() == "Done"
			return done && program.Receiver(site) == v
		})
	}
	return false
}

// signals tells whether a goroutine sends to a channel of its starter, or closes it.
func (l *Locks) signals(e program.Edge, channel ssa.Value) bool {
	return l.inGoroutine(e, channel, func(instr ssa.Instruction, v ssa.Value) bool {
		switch x := instr.(type) {
		case *ssa.Send:
			return x.Chan == v
		case ssa.CallInstruction:
			b, ok := x.Common().Value.(*ssa.Builtin)
			return ok && b.Name() == "close" && x.Common().Args[0] == v
		}
		return false
	})
}

// inGoroutine tells whether a goroutine does something to a variable of its starter, which it captures or is given.
func (l *Locks) inGoroutine(e program.Edge, of ssa.Value, does func(instr ssa.Instruction, v ssa.Value) bool) bool {
	inner := l.within(e, of)
	if inner == nil {
		return false
	}
	names := []ssa.Value{inner}
	for _, ref := range *inner.Referrers() {
		if load, ok := ref.(*ssa.UnOp); ok && load.Op == token.MUL {
			names = append(names, load)
		}
	}
	for _, b := range e.Callee.Blocks {
		for _, instr := range b.Instrs {
			for _, name := range names {
				if does(instr, name) {
					return true
				}
			}
		}
	}
	return false
}

// within returns the name that a variable of the starter has in a goroutine; nil where it has none.
func (l *Locks) within(e program.Edge, of ssa.Value) ssa.Value {
	for i, param := range e.Callee.Params {
		if arg := program.ArgumentFor(e, i); arg != nil && sameVariable(arg, of) {
			return param
		}
	}
	for _, free := range e.Callee.FreeVars {
		for _, bound := range l.program.Bindings(free) {
			if sameVariable(bound, of) {
				return free
			}
		}
	}
	return nil
}

// sameVariable tells whether two values are one variable, or what is loaded from it.
func sameVariable(a, b ssa.Value) bool {
	return variableOf(a) == variableOf(b) && variableOf(a) != nil
}

func variableOf(v ssa.Value) ssa.Value {
	for {
		switch x := v.(type) {
		case *ssa.ChangeType:
			v = x.X
			continue
		case *ssa.UnOp:
			if cell, ok := x.X.(*ssa.Alloc); ok && x.Op == token.MUL {
				return cell
			}
		}
		return v
	}
}
