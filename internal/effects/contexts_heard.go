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

// heardEnd is a place behind which a context is known to be over: its function has waited for that, or asked.
type heardEnd struct {
	ctx ssa.Value
	by  ssa.Instruction
	// on is the branch that is taken then; without one the end is known from by on.
	on Edge
}

// behind tells whether the end is known wherever control gets to an instruction.
func (h heardEnd) behind(at ssa.Instruction) bool {
	if h.on.To == nil {
		return at != h.by && Before(h.by, at)
	}
	return len(h.on.To.Preds) == 1 && h.on.To.Dominates(at.Block())
}

// heardEnds returns the places of a function behind which a context is over.
func heardEnds(fn *ssa.Function) []heardEnd {
	var out []heardEnd
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.UnOp:
				if ctx := DoneOf(x.X); x.Op == token.ARROW && ctx != nil {
					out = append(out, heardEnd{ctx: ctx, by: x})
				}
			case *ssa.Select:
				for i, st := range x.States {
					if edge, ok := CaseEdge(x, i); ok && st.Dir == types.RecvOnly && DoneOf(st.Chan) != nil {
						out = append(out, heardEnd{ctx: DoneOf(st.Chan), by: x, on: edge})
					}
				}
			case *ssa.Call:
				if ctx := ContextArgument(x); ctx != nil && repeatsUntil(x) {
					out = append(out, heardEnd{ctx: ctx, by: x})
				}
				if isContextMethod(x, "Err") {
					if edge, ok := notNilEdge(x); ok {
						out = append(out, heardEnd{ctx: program.Receiver(x), by: x, on: edge})
					}
				}
			}
		}
	}
	return out
}

// notNilEdge returns the branch that is taken when a value is not nil.
func notNilEdge(v ssa.Value) (Edge, bool) {
	for _, ref := range refs(v) {
		cmp, ok := ref.(*ssa.BinOp)
		if !ok || !program.IsNil(cmp.Y) {
			continue
		}
		switch cmp.Op {
		case token.NEQ:
			return takenWhen(cmp)
		case token.EQL:
			return falseEdge(cmp, nil)
		}
	}
	return Edge{}, false
}

// usesHeard returns the calls of a function under a context of which it knows that it is over, and the deferred ones that
// then run.
func (e *Effects) usesHeard(fn *ssa.Function) []Over {
	var out []Over
	for _, end := range heardEnds(fn) {
		for site := range program.Sites(fn) {
			switch x := site.(type) {
			case *ssa.Call:
				if end.behind(x) && sameContext(ContextArgument(x), end.ctx, x, 0) && e.failsWhenOver(x) {
					out = append(out, Over{Site: x, By: end.by, Way: OverHeard})
				}
			case *ssa.Defer:
				if !Before(x, end.by) || InLoop(x) || !end.leaves() {
					continue // it is deferred later, or on some ways only
				}
				if use := e.deferredUnder(x, end.ctx); use != nil {
					out = append(out, Over{Site: use, By: end.by, Way: OverLeft})
				}
			}
		}
	}
	return out
}

// leaves tells whether the function can be left once the end is known.
func (h heardEnd) leaves() bool {
	w := &Paths{}
	if h.on.To != nil {
		return w.ExitOn(h.on) != nil
	}
	return w.ExitAfter(h.by) != nil
}

// deferredUnder returns the call that a defer statement makes, itself or in a closure, under a context of its function and
// that fails when the context is over; nil if there is none.
func (e *Effects) deferredUnder(d *ssa.Defer, ctx ssa.Value) ssa.CallInstruction {
	closure, ok := d.Call.Value.(*ssa.MakeClosure)
	if !ok {
		if sameContext(ContextArgument(d), ctx, d, 0) && e.failsWhenOver(d) {
			return d
		}
		return nil
	}
	fn := closure.Fn.(*ssa.Function)
	for i, bound := range closure.Bindings {
		free := fn.FreeVars[i]
		if !sameCell(bound, ctx, d) || stored(free) {
			continue // another context, or the closure makes one of its own
		}
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			if ok && isFree(ContextArgument(call), free) && e.failsWhenOver(call) && !looksAt(free) {
				return call
			}
		}
	}
	return nil
}

// sameCell tells whether a captured variable is, or holds nothing but, a context.
func sameCell(bound, ctx ssa.Value, at ssa.Instruction) bool {
	if bound == ctx {
		return true
	}
	cell, ok := bound.(*ssa.Alloc)
	if !ok || !isPointerToContext(cell.Type()) {
		return false
	}
	held := storedIn(cell)
	return len(held) == 1 && (held[0] == ctx || sameContext(ctx, held[0], at, 0))
}

// looksAt tells whether a closure asks whether a captured context is over.
func looksAt(free *ssa.FreeVar) bool {
	values := []ssa.Value{free}
	for _, ref := range refs(free) {
		if load, ok := ref.(*ssa.UnOp); ok {
			values = append(values, load)
		}
	}
	for _, v := range values {
		for _, ref := range refs(v) {
			if call, ok := ref.(*ssa.Call); ok && (isContextMethod(call, "Err") || isDoneCall(call)) {
				return true
			}
		}
	}
	return false
}

// sameContext tells whether a context is another one, or derived from it and ends with it: the same value, the content of
// the same variable that is set once.
func sameContext(ctx, of ssa.Value, at ssa.Instruction, depth int) bool {
	if ctx == nil || depth > 4 {
		return false
	}
	if ctx == of {
		return true
	}
	switch x := ctx.(type) {
	case *ssa.UnOp:
		other, ok := of.(*ssa.UnOp)
		if ok && x.Op == token.MUL && other.Op == token.MUL && x.X == other.X && setOnce(x.X) {
			return true
		}
		if cell, ok := x.X.(*ssa.Alloc); ok && x.Op == token.MUL {
			held := contentOf(cell, at)
			return len(held) == 1 && sameContext(held[0], of, at, depth+1)
		}
	case *ssa.Call:
		return derives(x) && sameContext(ContextArgument(x), of, x, depth+1)
	case *ssa.Extract:
		call, ok := x.Tuple.(*ssa.Call)
		return ok && x.Index == 0 && derives(call) && sameContext(ContextArgument(call), of, call, depth+1)
	}
	return false
}

// setOnce tells whether a variable is given its value in one place.
func setOnce(cell ssa.Value) bool {
	switch x := cell.(type) {
	case *ssa.Alloc:
		return len(storedIn(x)) == 1
	case *ssa.FreeVar:
		return !stored(x)
	}
	return false
}

// failsWhenOver tells whether a call that is given a context fails when it is over: it is a request, or a function of own
// code that makes one under the context that it is given.
func (e *Effects) failsWhenOver(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || isDoneCall(site) || goesQuietly(target) {
		return false
	}
	return e.isRequest(site) || isShutdown(target) || e.handsDown(site)
}

// isShutdown recognises the end of an HTTP server, which waits for the requests under way for as long as its context lives.
// https://pkg.go.dev/net/http#Server.Shutdown
func isShutdown(target *types.Func) bool {
	recv := target.Signature().Recv()
	return target.Name() == "Shutdown" && recv != nil && program.IsNamed(recv.Type(), "net/http", "Server")
}

// goesQuietly knows what does its work under a context that is over as well: what is told to end does so, without the
// good-byes; and what only waits for that.
func goesQuietly(target *types.Func) bool {
	switch target.Name() {
	case "Disconnect", "Close", "Rollback", "Err", "Value":
		return true
	}
	return target.Pkg() != nil && strings.HasPrefix(target.Pkg().Path(), "go.opentelemetry.io/")
}

// handsDown tells whether own code hands the context that a call is given down to a request, and can do nothing without it.
func (e *Effects) handsDown(site ssa.CallInstruction) bool {
	path := e.Work().Through(site)
	if path == nil || path.Next == nil {
		return false
	}
	for at := path.Next; at != nil; at = at.Next {
		if !isParameterOrDerived(ContextArgument(at.Site), at.Site) || !passesOn(at.Site) && !standsAlone(at.Site) {
			return false
		}
	}
	return e.isRequest(path.Last())
}

// isRequest tells whether a call by itself sends a request that fails when its context is over. Redis looks at deadlines only.
func (e *Effects) isRequest(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || isRedis(target.Pkg().Path()) || RecordsEvent(site) {
		return false
	}
	switch e.Work().At(site) {
	case APIWork, NetworkWork:
		return true
	}
	return false
}

// passesOn tells whether a function returns at once when a call of it has failed, or returns what the call did.
func passesOn(site ssa.CallInstruction) bool {
	call, ok := site.(*ssa.Call)
	if !ok {
		return false
	}
	if edge, ok := failureEdge(call); ok {
		_, returns := last(edge.To).(*ssa.Return)
		return returns
	}
	results := call.Call.Signature().Results()
	if results.Len() == 0 {
		return false
	}
	err := tupleElement(call, results.Len()-1)
	return err != nil && slices.ContainsFunc(refs(err), func(ref ssa.Instruction) bool {
		switch x := ref.(type) {
		case *ssa.Return:
			return true
		case *ssa.Call: // as by client.IgnoreNotFound
			return isReturned(x)
		}
		return false
	})
}

// standsAlone tells whether a call is all that its function does: nothing else in it can fail.
func standsAlone(site ssa.CallInstruction) bool {
	for other := range program.Sites(site.Parent()) {
		results := other.Common().Signature().Results()
		if other != site && results.Len() > 0 && isErrorType(results.At(results.Len()-1).Type()) && !prints(other) && !computes(other) && !isContextMethod(other, "Err") {
			return false
		}
	}
	return true
}

// isParameterOrDerived tells whether a context is a parameter of its function, or ends with one.
func isParameterOrDerived(ctx ssa.Value, at ssa.Instruction) bool {
	for _, param := range at.Parent().Params {
		if isContextType(param.Type()) && sameContext(ctx, param, at, 0) {
			return true
		}
	}
	return false
}
