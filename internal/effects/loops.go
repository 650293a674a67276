// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// DeafLoop is a loop that waits again and again and never looks at the context that its function has.
type DeafLoop struct {
	// Wait is where it waits.
	Wait ssa.Instruction
	// How says what it does, for a sentence: "sleeps", "waits for a ticker".
	How   string
	Reach *InReach
	// Fails is a call under the context that the loop answers with the next round when it fails, as it does when the context
	// is over; nil where the loop hands its context to no call.
	Fails *ssa.Call
}

// DeafLoops returns the loops of a function that has a context and does not look at it, in order.
func (g *Goroutines) DeafLoops(fn *ssa.Function) []DeafLoop {
	reach := ownContext(fn)
	if reach == nil {
		return nil
	}
	var out []DeafLoop
	told := make(map[*ssa.BasicBlock]bool)
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			how := g.waits(instr)
			if how == "" || told[b] {
				continue
			}
			loop := LoopOf(b)
			if _, isCall := instr.(*ssa.Call); loop == nil && isCall && how != "sleeps" {
				out = append(out, DeafLoop{Wait: instr, How: how, Reach: reach}) // a helper that loops
				continue
			}
			if loop == nil || countsDown(loop) || asks(loop) {
				continue
			}
			fails, heeds := failsIn(loop, instr)
			if heeds {
				continue
			}
			for _, b := range loop {
				told[b] = true
			}
			out = append(out, DeafLoop{instr, how, reach, fails})
		}
	}
	return out
}

// ownContext returns the context parameter of a function, or one it captured, if it can end at all.
func ownContext(fn *ssa.Function) *InReach {
	for _, param := range fn.Params {
		if isContextType(param.Type()) && param.Name() != "_" && param.Name() != "" {
			return &InReach{Expr: param.Name(), From: "parameter " + param.Name(), Value: param, Own: true}
		}
	}
	for _, free := range fn.FreeVars {
		if isContextType(free.Type()) || isPointerToContext(free.Type()) {
			return &InReach{Expr: free.Name(), From: "captured " + free.Name(), Value: free, Own: true}
		}
	}
	return nil
}

// waits says how an instruction lets time pass; "" if it does not.
func (g *Goroutines) waits(instr ssa.Instruction) string {
	switch x := instr.(type) {
	case *ssa.Call:
		t := program.Target(x)
		if t != nil && t.Pkg() != nil && t.Pkg().Path() == "time" && t.Name() == "Sleep" {
			return "sleeps"
		}
		if found := g.neverReturns(x); found != nil && program.Model(x) != nil {
			return "runs " + found.Why
		}
	case *ssa.UnOp:
		if x.Op == token.ARROW && timerChannel(x.X) {
			return "waits for a timer"
		}
	case *ssa.Select:
		if !x.Blocking {
			return ""
		}
		for _, st := range x.States {
			if st.Send != nil || !timerChannel(st.Chan) {
				return "" // it waits for something else too, which may end it
			}
		}
		return "waits for a timer"
	}
	return ""
}

// countsDown tells whether a loop ends by itself: it counts, or it goes over a slice or a map.
func countsDown(loop []*ssa.BasicBlock) bool {
	for _, b := range loop {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Next:
				return true
			case *ssa.BinOp:
				basic, ok := x.X.Type().Underlying().(*types.Basic)
				if !ok || basic.Info()&types.IsInteger == 0 && basic.Kind() != types.Bool {
					continue
				}
				if IsOrder(x.Op) || (x.Op == token.EQL || x.Op == token.NEQ) && stepsOn(x.X) {
					return true
				}
			case *ssa.Call:
				if t := program.Target(x); t != nil && t.Pkg() != nil && t.Pkg().Path() == "time" {
					switch t.Name() {
					case "Before", "After", "Since", "Until", "Sub": // a deadline of its own
						if t.Name() != "After" || t.Signature().Recv() != nil {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// stepsOn tells whether a number is the one before it and something more or less: each round takes it one step on.
func stepsOn(v ssa.Value) bool {
	step, ok := v.(*ssa.BinOp)
	if !ok || step.Op != token.ADD && step.Op != token.SUB {
		return false
	}
	_, before := step.X.(*ssa.Phi)
	_, constant := step.Y.(*ssa.Const)
	return before && constant
}

// asks tells whether a loop asks for the end of a context, or receives from a channel that is no timer's.
func asks(loop []*ssa.BasicBlock) bool {
	for _, b := range loop {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Call:
				if isContextMethod(x, "Done") || isContextMethod(x, "Err") {
					return true
				}
			case *ssa.UnOp:
				if x.Op == token.ARROW && !timerChannel(x.X) {
					return true
				}
			case *ssa.Select:
				for _, st := range x.States {
					if st.Send != nil || !timerChannel(st.Chan) {
						return true
					}
				}
			}
		}
	}
	return false
}

// failsIn looks at the calls of a loop that are given a context, where the loop can be left at all: heeds is set when one of
// them may be a way out by its failure; else fails is one of them.
func failsIn(loop []*ssa.BasicBlock, wait ssa.Instruction) (fails *ssa.Call, heeds bool) {
	if !hasExit(loop) {
		return nil, false
	}
	for _, b := range loop {
		for _, instr := range b.Instrs {
			call, ok := instr.(*ssa.Call)
			if !ok || ContextArgument(call) == nil {
				continue
			}
			if !waitsAgain(call, wait) {
				return nil, true
			}
			fails = call
		}
	}
	return fails, false
}

// hasExit tells whether a loop can be left.
func hasExit(loop []*ssa.BasicBlock) bool {
	return slices.ContainsFunc(loop, func(b *ssa.BasicBlock) bool {
		return slices.ContainsFunc(b.Succs, func(succ *ssa.BasicBlock) bool { return !slices.Contains(loop, succ) })
	})
}

// waitsAgain tells whether each way on from the failure of a call comes to a wait: the loop is not left by it.
func waitsAgain(call *ssa.Call, wait ssa.Instruction) bool {
	edge, ok := failureEdge(call)
	if !ok {
		return false // what becomes of it is not known
	}
	w := &Paths{Ends: func(instr ssa.Instruction) bool { return instr == wait }}
	return w.ExitOn(edge) == nil
}
