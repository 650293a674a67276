// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// WatchFault is what is wrong with a loop over a watch.
type WatchFault int

// The faults.
const (
	// EndsSilently: the closed channel ends a goroutine that nothing starts again, and nobody is told.
	EndsSilently WatchFault = iota
	// IgnoresClose: the receive does not ask whether the channel is closed.
	IgnoresClose
	// AssertsError: the object of an Error event is asserted to be something else.
	AssertsError
)

// WatchLoop is a loop over the events of a raw watch that does not survive the watch's end.
type WatchLoop struct {
	Receive ssa.Instruction
	// At is where the fault is.
	At    ssa.Instruction
	Fault WatchFault
}

// WatchLoops returns the faulty watch loops of a function, in order.
func (g *Goroutines) WatchLoops(fn *ssa.Function) []WatchLoop {
	var out []WatchLoop
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			event, closed, ok := watchReceive(instr)
			if !ok || !InLoop(instr) {
				continue
			}
			if closed == nil && event != nil && !looksAtEvent(fn, event) {
				out = append(out, WatchLoop{instr, instr, IgnoresClose})
				continue
			}
			if at := assertsBlindly(fn, event); at != nil {
				out = append(out, WatchLoop{instr, at, AssertsError})
			}
			if at := g.endsSilently(fn, closed); at != nil {
				out = append(out, WatchLoop{instr, at, EndsSilently})
			}
		}
	}
	return out
}

// watchReceive recognises a receive from a watch's ResultChan; event and closed are the values it gave, nil if unused.
func watchReceive(instr ssa.Instruction) (event, closed ssa.Value, ok bool) {
	switch x := instr.(type) {
	case *ssa.UnOp:
		if x.Op != token.ARROW || !isResultChan(x.X) {
			return nil, nil, false
		}
		if !x.CommaOk {
			return x, nil, true
		}
		return extractOf(x, 0), extractOf(x, 1), true
	case *ssa.Select:
		received := 2
		for _, st := range x.States {
			if st.Send != nil {
				continue
			}
			if isResultChan(st.Chan) {
				// ok is shared by all cases: it counts as asked for when it is used at all.
				return extractOf(x, received), extractOf(x, 1), true
			}
			received++
		}
	}
	return nil, nil, false
}

func isResultChan(ch ssa.Value) bool {
	for _, v := range append([]ssa.Value{ch}, storedValues(ch)...) {
		call, ok := stripped(v).(*ssa.Call)
		if !ok {
			continue
		}
		if t := program.Target(call); t != nil && t.Name() == "ResultChan" && t.Pkg() != nil {
			return isWatch(program.Receiver(call).Type()) || program.IsNamed(program.Receiver(call).Type(), "k8s.io/client-go/tools/watch", "RetryWatcher")
		}
	}
	return false
}

// storedValues are the values of the local variable that v was loaded from.
func storedValues(v ssa.Value) []ssa.Value {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return nil
	}
	cell, ok := load.X.(*ssa.Alloc)
	if !ok {
		return nil
	}
	var out []ssa.Value
	for _, ref := range *cell.Referrers() {
		if store, ok := ref.(*ssa.Store); ok && store.Addr == cell {
			out = append(out, store.Val)
		}
	}
	return out
}

func extractOf(tuple ssa.Value, index int) ssa.Value {
	for _, ref := range *tuple.Referrers() {
		if ex, ok := ref.(*ssa.Extract); ok && ex.Index == index {
			return ex
		}
	}
	return nil
}

// looksAtEvent tells whether a function compares a part of the event with something: its type, or its object with nil.
func looksAtEvent(fn *ssa.Function, event ssa.Value) bool {
	return len(comparisons(fn, event)) > 0
}

// comparisons are the tests of a field of the event.
func comparisons(fn *ssa.Function, event ssa.Value) []*ssa.BinOp {
	fields := eventFields(event)
	var out []*ssa.BinOp
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if cmp, ok := instr.(*ssa.BinOp); ok {
				if fields[cmp.X] || fields[cmp.Y] || asserted(cmp.X, fields) && program.IsNil(cmp.Y) {
					out = append(out, cmp)
				}
			}
		}
	}
	return out
}

// asserted tells whether a value is what an assertion made of a field of the event: nil where the channel is closed.
func asserted(v ssa.Value, fields map[ssa.Value]bool) bool {
	if phi, ok := v.(*ssa.Phi); ok {
		return slices.ContainsFunc(phi.Edges, func(edge ssa.Value) bool {
			_, again := edge.(*ssa.Phi)
			return !again && asserted(edge, fields)
		})
	}
	ex, ok := v.(*ssa.Extract)
	if !ok || ex.Index != 0 {
		return false
	}
	assert, ok := ex.Tuple.(*ssa.TypeAssert)
	return ok && fields[assert.X]
}

// eventFields are the values read from the event's fields, through the variable it was put in.
func eventFields(event ssa.Value) map[ssa.Value]bool {
	out := make(map[ssa.Value]bool)
	if event == nil {
		return out
	}
	for _, alias := range aliases(event) {
		if alias.Referrers() == nil {
			continue
		}
		for _, ref := range *alias.Referrers() {
			switch ref := ref.(type) {
			case *ssa.Field:
				out[ref] = true
			case *ssa.FieldAddr:
				for _, use := range *ref.Referrers() {
					if load, ok := use.(*ssa.UnOp); ok {
						out[load] = true
					}
				}
			case *ssa.Call:
				out[ref] = true // handed on whole: the callee may look
			}
		}
	}
	return out
}

// assertsBlindly returns an assertion of the event's object to a type, one that panics, that no test of the event's type
// stands before.
func assertsBlindly(fn *ssa.Function, event ssa.Value) ssa.Instruction {
	fields := eventFields(event)
	tests := comparisons(fn, event)
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			assert, ok := instr.(*ssa.TypeAssert)
			if !ok || assert.CommaOk || !fields[assert.X] {
				continue
			}
			tested := false
			for _, cmp := range tests {
				tested = tested || isEventType(cmp) && cmp.Block().Dominates(b)
			}
			if !tested {
				return assert
			}
		}
	}
	return nil
}

// isEventType tells whether a comparison is with one of watch's event types.
func isEventType(cmp *ssa.BinOp) bool {
	c, ok := cmp.Y.(*ssa.Const)
	return ok && c.Value != nil && c.Value.Kind() == constant.String && program.IsNamed(cmp.Y.Type(), "k8s.io/apimachinery/pkg/watch", "EventType")
}

// endsSilently returns the return that a closed channel leads to, where the function is the body of a goroutine that
// nothing starts again and the way out does nothing that others could notice.
func (g *Goroutines) endsSilently(fn *ssa.Function, closed ssa.Value) ssa.Instruction {
	if closed == nil || fn.Signature.Results().Len() > 0 || !g.startedOnce(fn) || tellsOthers(fn) {
		return nil
	}
	for _, ref := range *closed.Referrers() {
		branch, ok := ref.(*ssa.If)
		if !ok {
			continue
		}
		b := branch.Block().Succs[1]
		for range 4 {
			for _, instr := range b.Instrs {
				switch x := instr.(type) {
				case *ssa.Return:
					return x
				case *ssa.Send, *ssa.Panic, *ssa.Go:
					return nil
				case *ssa.Call:
					if !prints(x) && !stops(program.Target(x)) {
						return nil
					}
				}
			}
			if len(b.Succs) != 1 {
				return nil
			}
			b = b.Succs[0]
		}
	}
	return nil
}

// startedOnce tells whether a function is run by go statements outside of loops, and by nothing else.
func (g *Goroutines) startedOnce(fn *ssa.Function) bool {
	callers := g.p.Callers(fn)
	for _, e := range callers {
		if _, isGo := e.Site.(*ssa.Go); !isGo || e.Arg >= 0 || InLoop(e.Site) {
			return false
		}
	}
	return len(callers) > 0
}

// tellsOthers tells whether a function closes or sends to a channel, ends the process, or defers a call that may do so.
func tellsOthers(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Defer:
				if t := program.Target(x); t == nil || !stops(t) && t.Name() != "Done" && t.Name() != "Unlock" {
					return true
				}
			case *ssa.Call:
				if row := program.Model(x); row != nil && row.Effect == kube.ProcessExit {
					return true
				}
			}
		}
	}
	return false
}
