// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// entryHeld are the locks that all callers of a function hold when they call it.
type entryHeld struct {
	// any is set while no caller was looked at yet: all locks are held, for all that is known.
	any  bool
	held []Holding
	// passed is set for a closure that its maker hands to one call: it runs under what its maker holds there as well.
	passed *ssa.Call
	// unmade is set while what the maker holds was not looked at yet, of is what it holds.
	unmade bool
	of     []Holding
}

// known tells whether all that is held was looked at once.
func (e *entryHeld) known() bool { return !e.any && !e.unmade }

// spreadHeld hands held locks down from callers to callees. It starts from "all locks" and takes away what some caller
// does not hold, until nothing changes. Callers in tests do not count, and neither do those who build the object that they call.
func (l *Locks) spreadHeld(builds func(program.Edge) bool) {
	l.entry = make(map[*ssa.Function]*entryHeld, len(l.program.Funcs))
	var queue []*ssa.Function
	makes := make(map[*ssa.Function][]*ssa.Function)
	for _, fn := range l.program.Funcs {
		callers := l.program.Callers(fn)
		started := slices.ContainsFunc(callers, func(e program.Edge) bool { return e.How == program.Starts })
		free := len(callers) == 0 || started || l.program.EntryAt(fn) != nil
		if free && l.program.Idle(fn) {
			free = false // it never runs: what it does not hold says nothing
		}
		at := &entryHeld{any: !free, passed: l.passedTo(fn)}
		l.entry[fn] = at
		if at.passed != nil {
			at.unmade = true
			makes[fn.Parent()] = append(makes[fn.Parent()], fn)
		}
		if free {
			queue = append(queue, fn)
		}
	}
	waiting := make(map[*ssa.Function]bool)
	asked := make(map[*ssa.Function]int)
	put := func(fn *ssa.Function) {
		if !waiting[fn] && l.entry[fn].known() {
			waiting[fn] = true
			queue = append(queue, fn)
		}
	}
	// hand hands down over one call; true if it leads on.
	hand := func(fn *ssa.Function, e program.Edge) {
		// Whose callers say by a flag what they hold is asked again: what one of them holds may have changed.
		again := len(l.flags[e.Callee]) > 0 && asked[e.Callee] < flagRounds
		if again {
			asked[e.Callee]++
		}
		if l.handDown(fn, e) || again {
			put(e.Callee)
		}
	}
	for len(queue) > 0 {
		for len(queue) > 0 {
			fn := queue[0]
			queue = queue[1:]
			waiting[fn] = false
			for _, e := range l.program.CallsFrom(fn) {
				if e.How == program.Starts || l.unasked(e.Site) || l.testsOnly(e) || builds(e) {
					continue
				}
				hand(fn, e)
			}
			for _, closure := range makes[fn] {
				if l.handIn(closure) {
					put(closure)
				}
			}
		}
		for _, e := range l.builtOnly(builds) {
			hand(e.Caller(), e)
		}
	}
}

// builtOnly lists the calls by those who build an object, of functions that nobody else was seen to call: there they count.
func (l *Locks) builtOnly(builds func(program.Edge) bool) []program.Edge {
	var out []program.Edge
	for _, fn := range l.program.Funcs {
		if !l.entry[fn].any {
			continue
		}
		for _, e := range l.program.Callers(fn) {
			if by := l.entry[e.Caller()]; e.How != program.Starts && by != nil && by.known() && !l.testsOnly(e) && builds(e) {
				out = append(out, e)
			}
		}
	}
	return out
}

// flagRounds bounds how often a function is looked at again because a caller was.
const flagRounds = 32

// handIn tells a closure what its maker holds where it hands it over; true if the closure learned something.
func (l *Locks) handIn(closure *ssa.Function) bool {
	at := l.entry[closure]
	held := l.heldByMaker(closure, at.passed)
	if !at.unmade && slices.Equal(held, at.of) {
		return false
	}
	at.unmade, at.of = false, held
	return true
}

// handDown tells a callee what is held at one call of it; true if the callee learned something.
func (l *Locks) handDown(fn *ssa.Function, e program.Edge) bool {
	at := l.entry[e.Callee]
	if at == nil {
		return false // the body of a generic function: its instances are reviewed
	}
	held := l.heldAtCall(e)
	if at.any {
		at.any, at.held = false, held
		return true
	}
	before := len(at.held)
	kept := at.held[:0:0]
	weaker := false
	for _, h := range at.held {
		i := slices.IndexFunc(held, func(o Holding) bool { return o.Lock == h.Lock })
		if i < 0 {
			// Another instance, or the same by another name: the place is still held.
			i = slices.IndexFunc(held, func(o Holding) bool { return o.Lock.Place == h.Lock.Place && o.Lock.Place.Known() })
			weaker = weaker || i >= 0 && h.Lock.Ref != (Ref{})
			h.Lock.Ref = Ref{}
		}
		if i < 0 {
			continue
		}
		if held[i].Mode < h.Mode {
			h.Mode, weaker = held[i].Mode, true
		}
		kept = append(kept, h)
	}
	at.held = kept
	return weaker || len(kept) < before
}

// heldAtCall names the locks that are held at a call as the callee would. Deferred calls run under what is held when
// they were deferred, if nothing is known better: under nothing.
func (l *Locks) heldAtCall(e program.Edge) []Holding {
	var out []Holding
	held := l.Held(e.Site)
	if d, ok := e.Site.(*ssa.Defer); ok {
		held = l.heldAtExit(d)
	}
	for _, h := range held {
		h.Lock.Ref = l.rename(h.Lock.Ref, e)
		h.Site = nil
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// heldAtExit are the locks held whenever a deferred call runs.
func (l *Locks) heldAtExit(d *ssa.Defer) []Holding {
	fn := d.Parent()
	var out []Holding
	first := true
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if _, ok := instr.(*ssa.RunDefers); !ok || !program.MayPrecede(d, instr) {
				continue // a return before the call is deferred does not run it
			}
			held := l.Held(instr)
			if first {
				out, first = held, false
			} else {
				out = commonHoldings(out, held)
			}
		}
	}
	return out
}

// rename gives an instance the name it has in the callee: a parameter, or the same name where callee and caller share
// variables. The zero Ref says that it has none.
func (l *Locks) rename(ref Ref, e program.Edge) Ref {
	if ref.Root == nil {
		return ref
	}
	for i, param := range e.Callee.Params {
		arg := program.ArgumentFor(e, i)
		if arg == nil {
			continue
		}
		base := l.place.refOf(arg)
		if rest, ok := strings.CutPrefix(ref.Path, base.Path); ok && base.Root == ref.Root && (rest == "" || rest[0] == '.') {
			return Ref{param, rest}
		}
	}
	if _, global := ref.Root.(*ssa.Global); global {
		return ref
	}
	if v, ok := ref.Root.(interface{ Parent() *ssa.Function }); ok && encloses(v.Parent(), e.Callee) {
		return ref
	}
	return Ref{}
}

func (l *Locks) entryOf(fn *ssa.Function) []Holding {
	e := l.entry[fn]
	switch {
	case e == nil || !e.known():
		return nil
	case e.passed != nil:
		return append(slices.Clone(e.held), e.of...)
	}
	return e.held
}

// testsOnly tells whether a call is made by a test of code that is none.
func (l *Locks) testsOnly(e program.Edge) bool {
	return l.program.InTest(e.Caller()) && !l.program.InTest(e.Callee)
}
