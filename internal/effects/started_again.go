// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// StartedAgain is a goroutine that goes on until it is told to stop, and that each run of its starter starts anew.
type StartedAgain struct {
	Spawn Spawn
	// Stop is where the goroutine hears that it is to stop, StopExpr what it waits for.
	Stop ssa.Instruction
	// Entry is what runs again and again.
	Entry *program.Entry
}

// StartedAgain returns the goroutines that pile up with each reconcile or request, in source order.
func (e *Effects) StartedAgain() []StartedAgain {
	var out []StartedAgain
	for _, spawn := range e.Goroutines().Spawns {
		start, plain := spawn.Site.(*ssa.Go)
		if !plain || e.Program.InTest(spawn.Body) {
			continue
		}
		stop := e.untilTold(spawn)
		if stop == nil || guardedByState(start) {
			continue // it ends by itself; or something knows that it runs
		}
		if entry := e.repeatedly(start.Parent(), 0); entry != nil {
			out = append(out, StartedAgain{spawn, stop, entry})
		}
	}
	return out
}

// untilTold returns where a goroutine hears of the only thing that it ends with: a stop that comes from its starter and is
// older than the call that started it. nil where it ends by itself, or that is not known.
func (e *Effects) untilTold(spawn Spawn) ssa.Instruction {
	for _, end := range e.toldToStop(spawn.Body) {
		if !e.outlivesCall(end, spawn) {
			return nil
		}
		if e.onlyEnd(spawn.Body, end) {
			return end.by
		}
	}
	return nil
}

// toldEnd is a place where a function hears that it is to stop.
type toldEnd struct {
	heardEnd
	stop ssa.Value
}

// toldToStop returns the places in loops, and the repeating calls, by which a function hears that it is to stop.
func (e *Effects) toldToStop(fn *ssa.Function) []toldEnd {
	var out []toldEnd
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Select:
				for i, st := range x.States {
					t := chanElem(st.Chan)
					if edge, ok := CaseEdge(x, i); ok && InLoop(x) && x.Blocking && st.Dir == types.RecvOnly && isEmptyStruct(t) {
						out = append(out, toldEnd{heardEnd{by: x, on: edge}, st.Chan})
					}
				}
			case *ssa.Call:
				if !repeatsUntil(x) {
					continue
				}
				stop := ContextArgument(x)
				if stop == nil {
					stop = x.Call.Args[len(x.Call.Args)-1]
				}
				out = append(out, toldEnd{heardEnd{by: x}, stop})
			}
		}
	}
	return out
}

// onlyEnd tells whether a function can't be left, once it came to an end's place, but behind the end.
func (e *Effects) onlyEnd(fn *ssa.Function, end toldEnd) bool {
	if end.on.To == nil {
		return !InLoop(end.by)
	}
	w := &Paths{EndsOn: map[Edge]bool{end.on: true}}
	return w.ExitAfter(end.by) == nil
}

// outlivesCall tells whether what a goroutine is stopped by was there before the call that started it, and ends later: a
// field, or a context of the process that nothing else ends.
func (e *Effects) outlivesCall(end toldEnd, spawn Spawn) bool {
	ctx := DoneOf(end.stop)
	if isContextType(end.stop.Type()) {
		ctx = end.stop
	}
	if ctx != nil {
		return e.endsWithProcessOnly(ctx)
	}
	stop := end.stop
	for i, param := range spawn.Body.Params {
		if stop == ssa.Value(param) && i < len(spawn.Site.Common().Args) {
			stop = spawn.Site.Common().Args[i]
		}
	}
	return isFieldOf(stop)
}

// endsWithProcessOnly tells whether a context is known, and ends with the process, its leadership or never.
func (e *Effects) endsWithProcessOnly(ctx ssa.Value) bool {
	origins := e.Contexts().Of(ctx)
	for _, o := range origins {
		switch o.Kind {
		case ProcessContext, LeaderContext, ReconcileContext, BackgroundContext, DetachedContext:
			if o.Bounded || o.Cancellable || o.Deferred != nil {
				return false
			}
		default:
			return false
		}
	}
	return len(origins) > 0
}

// isFieldOf tells whether a channel is read from a field of something that the function was given.
func isFieldOf(ch ssa.Value) bool {
	load, ok := stripped(ch).(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return false
	}
	for addr, ok := load.X.(*ssa.FieldAddr); ok; {
		switch x := addr.X.(type) {
		case *ssa.Parameter, *ssa.FreeVar:
			return true
		case *ssa.FieldAddr:
			addr = x
			continue
		case *ssa.UnOp:
			if inner, isField := x.X.(*ssa.FieldAddr); isField {
				addr = inner
				continue
			}
			if cell, local := x.X.(*ssa.Alloc); local { // a parameter that a closure captures
				held := storedIn(cell)
				return len(held) == 1 && isParameter(held[0])
			}
			_, free := x.X.(*ssa.FreeVar)
			return free
		}
		return false
	}
	return false
}

// repeatedly returns the entry that runs a function on each of its rounds, whatever the state is; nil if there is none.
func (e *Effects) repeatedly(fn *ssa.Function, depth int) *program.Entry {
	if entry := e.Program.EntryAt(fn); entry != nil {
		if entry.Kind == program.EntryReconcile || entry.Kind == program.EntryHTTP || entry.Kind == program.EntryWebhook {
			return entry
		}
		return nil
	}
	if depth == 6 {
		return nil
	}
	for _, edge := range e.Program.Callers(fn) {
		if edge.How == program.Starts || edge.Arg >= 0 || guardedByState(edge.Site) {
			continue
		}
		if entry := e.repeatedly(edge.Caller(), depth+1); entry != nil {
			return entry
		}
	}
	return nil
}

// guardedByState tells whether an instruction stands behind a test of anything but an error, the specification or the
// deletion of an object: something may know that the work was begun before.
func guardedByState(at ssa.Instruction) bool {
	block := at.Block()
	for b := block.Idom(); b != nil; b = b.Idom() {
		branch, ok := last(b).(*ssa.If)
		if !ok || !leadsOnlyTo(b, block) {
			continue
		}
		if cond, _ := positive(branch.Cond); !harmless(cond, 0) {
			return true
		}
	}
	return false
}

// leadsOnlyTo tells whether one side of a branch at the end of a block is the only way to another block. The head of a loop
// asks for the next item only.
func leadsOnlyTo(b, block *ssa.BasicBlock) bool {
	return !strings.HasSuffix(b.Comment, ".loop") && slices.ContainsFunc(b.Succs, func(succ *ssa.BasicBlock) bool {
		return len(succ.Preds) == 1 && succ.Dominates(block)
	})
}

// harmless tells whether a condition is the same in each round: it asks for a failure, for the end of an object or for what
// the user wants.
func harmless(cond ssa.Value, depth int) bool {
	if depth > 10 {
		return false
	}
	switch x := cond.(type) {
	case *ssa.Const:
		return true
	case *ssa.BinOp:
		return isErrorType(x.X.Type()) || program.IsNil(x.Y) && besideError(x.X) || harmless(x.X, depth+1) && harmless(x.Y, depth+1)
	case *ssa.UnOp:
		return harmless(x.X, depth+1)
	case *ssa.Phi:
		for _, edge := range x.Edges {
			if !harmless(edge, depth+1) {
				return false
			}
		}
		return true
	case *ssa.Alloc: // a copy
		held := storedIn(x)
		return len(held) == 1 && harmless(held[0], depth+1)
	case *ssa.FieldAddr:
		name := fieldNameAt(x.X.Type(), x.Field)
		return name == "Spec" || name == "DeletionTimestamp" || harmless(x.X, depth+1)
	case *ssa.Call:
		for _, arg := range x.Call.Args {
			if isErrorType(arg.Type()) {
				return true
			}
		}
		if target := program.Target(x); target != nil && target.Name() == "GetDeletionTimestamp" {
			return true
		}
		if len(x.Call.Args) > 0 && !slices.ContainsFunc(x.Call.Args, func(arg ssa.Value) bool { return !harmless(arg, depth+1) }) {
			return true
		}
		callee := x.Call.StaticCallee()
		return callee != nil && len(callee.Blocks) > 0 && returnsHarmless(callee, depth+1)
	}
	return false
}

// besideError tells whether a value is returned together with an error: it is tested for nil where the call may have failed.
func besideError(v ssa.Value) bool {
	ex, ok := v.(*ssa.Extract)
	if !ok {
		return false
	}
	call, ok := ex.Tuple.(*ssa.Call)
	if !ok {
		return false
	}
	results := call.Call.Signature().Results()
	return isErrorType(results.At(results.Len() - 1).Type())
}

// returnsHarmless tells whether all that a function returns, and all that it decides by, is the same in each round.
func returnsHarmless(fn *ssa.Function, depth int) bool {
	for _, b := range fn.Blocks {
		switch x := last(b).(type) {
		case *ssa.If:
			if cond, _ := positive(x.Cond); !harmless(cond, depth) {
				return false
			}
		case *ssa.Return:
			if slices.ContainsFunc(x.Results, func(v ssa.Value) bool { return !harmless(v, depth) }) {
				return false
			}
		}
	}
	return true
}
