// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Over is a call that is given a context which has ended by then, whatever happened before.
type Over struct {
	// Site is the call, Made the derivation of the context, By what ended it: a call of its cancel function, the wait for
	// its group, or the defer statement of the cancel function. Where the function heard of the end, Made is nil and By is
	// where it did.
	Site, Made ssa.CallInstruction
	By         ssa.Instruction
	Way        OverWay
}

// OverWay says why a context has ended.
type OverWay int

// The ways in which a context has ended before it is used.
const (
	// OverCancelled: its cancel function was called.
	OverCancelled OverWay = iota
	// OverWaited: it is the context of a group that was waited for, https://pkg.go.dev/golang.org/x/sync/errgroup#WithContext.
	OverWaited
	// OverDeferred: a deferred closure uses it, and the cancel function was deferred later, so it runs before.
	OverDeferred
	// OverReturned: what the call opens is returned to the caller, and the cancel function is deferred.
	OverReturned
	// OverHeard: the function waited for its end, or asked and was told.
	OverHeard
	// OverLeft: the call is deferred, and the function is left when it hears of the end.
	OverLeft
)

// derivation is a context with an end that its function brings about.
type derivation struct {
	made *ssa.Call
	ctx  ssa.Value
	// ends are the plain calls that end it, deferred the defer statements that do.
	ends     []ssa.CallInstruction
	deferred []*ssa.Defer
	way      OverWay
}

// UsesOver returns the calls that are given a context which is over, by functions in source order. Tests and generated code are left out.
func (e *Effects) UsesOver() []Over {
	var out []Over
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		out = append(out, e.usesHeard(fn)...)
		for site := range program.Sites(fn) {
			if d := derivationAt(site); d != nil {
				out = append(out, e.usesAfter(d)...)
				out = append(out, e.usesDeferred(d)...)
				out = append(out, e.returnedUnder(d)...)
			}
		}
	}
	return out
}

// derivationAt returns what a call derives, with what ends it; nil for other calls.
func derivationAt(site ssa.CallInstruction) *derivation {
	call, ok := site.(*ssa.Call)
	target := program.Target(site)
	if !ok || target == nil || target.Pkg() == nil {
		return nil
	}
	switch {
	case target.Pkg().Path() == errgroupPkg && target.Name() == "WithContext":
		d := &derivation{made: call, ctx: tupleElement(call, 1), way: OverWaited}
		if wait, ok := groupWait(call).(*ssa.Call); ok {
			d.ends = append(d.ends, wait)
		}
		return d.known()
	case target.Pkg().Path() == "context" && len(target.Name()) > 4 && target.Name()[:4] == "With" && target.Signature().Results().Len() == 2:
		d := &derivation{made: call, ctx: tupleElement(call, 0), way: OverCancelled}
		cancel := tupleElement(call, 1)
		if cancel == nil {
			return nil
		}
		for _, name := range aliases(cancel) {
			for _, ref := range refs(name) {
				switch x := ref.(type) {
				case *ssa.Call:
					if x.Call.Value == name {
						d.ends = append(d.ends, x)
					}
				case *ssa.Defer:
					if x.Call.Value == name {
						d.deferred = append(d.deferred, x)
					}
				}
			}
		}
		return d.known()
	}
	return nil
}

// known returns the derivation, or nil where nothing uses its context.
func (d *derivation) known() *derivation {
	if d.ctx == nil {
		return nil
	}
	return d
}

// is tells whether a context is the derived one where it is used: the value itself, the only content of a variable, or
// what was derived from it.
func (d *derivation) is(ctx ssa.Value, at ssa.Instruction, depth int) bool {
	if ctx == nil || depth > 4 {
		return false
	}
	if ctx == d.ctx {
		return true
	}
	switch x := ctx.(type) {
	case *ssa.UnOp:
		cell, ok := x.X.(*ssa.Alloc)
		if !ok || x.Op != token.MUL {
			return false
		}
		held := contentOf(cell, at)
		return len(held) == 1 && d.is(held[0], at, depth+1)
	case *ssa.Call:
		return derives(x) && d.is(ContextArgument(x), x, depth+1)
	case *ssa.Extract:
		call, ok := x.Tuple.(*ssa.Call)
		return ok && derives(call) && d.is(ContextArgument(call), call, depth+1)
	}
	return false
}

// derives tells whether a call of package context hands the end of its parent on.
func derives(call *ssa.Call) bool {
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == "context" && target.Name() != "WithoutCancel"
}

// usesAfter returns the calls behind the end of a context, in its own function.
func (e *Effects) usesAfter(d *derivation) []Over {
	var out []Over
	for _, end := range d.ends {
		for site := range program.Sites(d.made.Parent()) {
			if _, plain := site.(*ssa.Call); plain && Before(end, site) && d.is(ContextArgument(site), site, 0) && (e.waitsUnder(site) || e.waitsForEnd(site)) {
				out = append(out, Over{Site: site, Made: d.made, By: end, Way: d.way})
			}
		}
	}
	return out
}

// waitsUnder tells whether a call, given a context that is over, fails or does nothing: it leaves the process.
func (e *Effects) waitsUnder(site ssa.CallInstruction) bool {
	if target := program.Target(site); target != nil && (target.Name() == "Disconnect" || target.Name() == "Close") {
		return false // what is told to end does so, without the good-byes
	}
	return !isDoneCall(site) && (e.Work().At(site) != NoWork || e.Work().Through(site) != nil)
}

// waitsForEnd tells whether a call of own code waits for something else or the end of the context it is given: under one
// that is over it does not wait at all.
func (e *Effects) waitsForEnd(site ssa.CallInstruction) bool {
	edges := e.Program.Callees(site)
	for _, edge := range edges {
		if edge.How == program.Starts || edge.Arg >= 0 || !choosesEnd(edge.Callee, make(map[*ssa.Function]bool)) {
			return false // one of the functions that may be called does not care
		}
	}
	return len(edges) > 0
}

// choosesEnd tells whether a function, or one that it hands its context to, blocks in a select that the end of its context
// parameter is a case of.
func choosesEnd(fn *ssa.Function, seen map[*ssa.Function]bool) bool {
	if seen[fn] || len(seen) > 8 {
		return false
	}
	seen[fn] = true
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Select:
				if x.Blocking && slices.ContainsFunc(x.States, func(st *ssa.SelectState) bool {
					done, ok := stripped(st.Chan).(*ssa.Call)
					return ok && isDoneCall(done) && isParameter(program.Receiver(done))
				}) {
					return true
				}
			case *ssa.Call:
				if callee := x.Call.StaticCallee(); callee != nil && isParameter(ContextArgument(x)) && choosesEnd(callee, seen) {
					return true
				}
			}
		}
	}
	return false
}

// usesDeferred returns the calls in closures that were deferred before the cancel function: they run after it.
func (e *Effects) usesDeferred(d *derivation) []Over {
	var out []Over
	for _, cancel := range d.deferred {
		for site := range program.Sites(d.made.Parent()) {
			late, ok := site.(*ssa.Defer)
			if !ok || !Before(late, cancel) || After(cancel, late) {
				continue
			}
			closure, ok := late.Call.Value.(*ssa.MakeClosure)
			if !ok {
				continue
			}
			for _, free := range captures(closure, d) {
				for _, use := range e.usesOfVariable(free) {
					out = append(out, Over{Site: use, Made: d.made, By: cancel, Way: OverDeferred})
				}
			}
		}
	}
	return out
}

// captures returns the variables of a deferred closure that hold the derived context when it runs: it is stored in them,
// and nothing else is after that.
func captures(closure *ssa.MakeClosure, d *derivation) []*ssa.FreeVar {
	var out []*ssa.FreeVar
	for i, bound := range closure.Bindings {
		cell, ok := bound.(*ssa.Alloc)
		if !ok {
			continue
		}
		var own *ssa.Store
		for _, ref := range refs(cell) {
			if store, ok := ref.(*ssa.Store); ok && store.Addr == cell && d.is(store.Val, store, 0) {
				own = store
			}
		}
		if own == nil || slices.ContainsFunc(refs(cell), func(ref ssa.Instruction) bool {
			store, ok := ref.(*ssa.Store)
			return ok && store.Addr == cell && store != own && After(own, store)
		}) {
			continue
		}
		out = append(out, closure.Fn.(*ssa.Function).FreeVars[i])
	}
	return out
}

// usesOfVariable returns the calls of a closure that wait under the context in a captured variable, which the closure
// itself does not set.
func (e *Effects) usesOfVariable(free *ssa.FreeVar) []ssa.CallInstruction {
	var out []ssa.CallInstruction
	if stored(free) {
		return nil
	}
	for _, ref := range refs(free) {
		load, ok := ref.(*ssa.UnOp)
		if !ok || load.Op != token.MUL {
			continue
		}
		for _, use := range refs(load) {
			site, ok := use.(ssa.CallInstruction)
			if ok && ContextArgument(site) == load && e.waitsUnder(site) {
				out = append(out, site)
			}
		}
	}
	return out
}
