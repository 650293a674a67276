// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"iter"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// runs says which roots run which functions. A large program has about as many roots as functions that nobody calls, and
// each may run most of the program: so there is a row of bits for each function, a bit for each root.
type runs struct {
	number map[*ssa.Function]int
	rows   []bitset // by the number of a function
	// ways are the calls out of a function that return before it goes on; they are gone when the rows are found.
	ways [][]callWay
}

// callWay is a call as a root walks it.
type callWay struct {
	callee int
	// maker is set for a closure that the caller may not know: the function that must have been run before. Else it is -1.
	maker int
}

// numberFuncs gives each function a number, its place in the order of the code.
func (c *Concurrency) numberFuncs() {
	c.runs.number = make(map[*ssa.Function]int, len(c.p.Funcs))
	for _, fn := range c.p.Funcs {
		c.runs.numberOf(fn)
	}
}

// numberOf returns the number of a function, which may be one that own code merely leads to.
func (r *runs) numberOf(fn *ssa.Function) int {
	i, ok := r.number[fn]
	if !ok {
		i = len(r.ways)
		r.number[fn] = i
		r.ways = append(r.ways, nil)
	}
	return i
}

// in tells whether a set of numbers has that of a function.
func (r *runs) in(set bitset, fn *ssa.Function) bool {
	i, ok := r.number[fn]
	return ok && set.has(i)
}

// findRuns reads the calls between the functions and follows them down, from all roots at once.
func (c *Concurrency) findRuns() {
	r := &c.runs
	for i, fn := range c.p.Funcs {
		r.ways[i] = c.waysFrom(fn)
	}
	f := newFlow(len(r.ways), len(c.Roots))
	for _, root := range c.Roots {
		f.start(r.number[root.Func], root.index)
	}
	makers := c.makersOfClosures()
	follow := func(caller int, way callWay) {
		if way.maker < 0 {
			f.join(way.callee, f.rows[caller])
			return
		}
		f.joinWhere(way.callee, f.rows[caller], f.rows[way.maker], makers[way.maker].starts)
	}
	order := downwards(len(r.ways), func(fn int) iter.Seq[int] {
		return func(yield func(int) bool) {
			for _, way := range r.ways[fn] {
				if !yield(way.callee) {
					return
				}
			}
		}
	})
	f.run(order, func(fn int) {
		for _, way := range r.ways[fn] {
			follow(fn, way)
		}
		if made := makers[fn]; made != nil {
			for _, caller := range made.callers {
				for _, way := range r.ways[caller] {
					if way.maker == fn {
						follow(caller, way)
					}
				}
			}
		}
	})
	r.rows, r.ways = f.rows, nil
}

// waysFrom lists the calls of fn that return before it goes on.
func (c *Concurrency) waysFrom(fn *ssa.Function) []callWay {
	var ways []callWay
	add := func(callee *ssa.Function, maker int) {
		ways = append(ways, callWay{c.runs.numberOf(callee), maker})
	}
	for _, h := range c.p.handovers()[fn] {
		if !h.spawned && !c.ownGoroutine(h.callee) {
			add(h.callee, -1)
		}
	}
	for _, e := range c.p.CallsFrom(fn) {
		switch {
		case e.How == Starts || c.ownGoroutine(e.Callee):
		case c.p.runsForGiver(e): // who gave it runs it
		case c.mayBeForeign(e):
			add(e.Callee, c.runs.numberOf(e.Callee.Parent()))
		default:
			add(e.Callee, -1)
		}
	}
	slices.SortFunc(ways, func(a, b callWay) int { return cmp.Or(a.callee-b.callee, a.maker-b.maker) })
	return slices.Compact(ways)
}

// maker is a function that makes closures which others call: a root runs them where it runs the maker, or where a call of
// the maker starts it.
type maker struct {
	callers []int
	starts  bitset
}

// makersOfClosures collects the makers among the ways.
func (c *Concurrency) makersOfClosures() map[int]*maker {
	makers := make(map[int]*maker)
	for caller, ways := range c.runs.ways {
		for _, way := range ways {
			if way.maker < 0 {
				continue
			}
			m := makers[way.maker]
			if m == nil {
				m = &maker{starts: c.started.of(way.maker, len(c.Roots))}
				makers[way.maker] = m
			}
			if n := len(m.callers); n == 0 || m.callers[n-1] != caller {
				m.callers = append(m.callers, caller)
			}
		}
	}
	return makers
}

// mayBeForeign tells whether a call seems to run a closure that can be unknown to who calls: its function is neither run
// by the same root, nor before that was started. Calls of function values are resolved by type, which joins too much.
func (c *Concurrency) mayBeForeign(e Edge) bool {
	maker := e.Callee.Parent()
	return maker != nil && !named(e) && !within(maker, e.Site.Parent()) && !c.calledOnce(maker, 0)
}

// named tells whether the call of an edge says itself which function it runs.
func named(e Edge) bool {
	if e.Arg < 0 {
		return e.Site.Common().StaticCallee() != nil
	}
	return namesFunction(e.Site.Common().Args[e.Arg])
}

// namesFunction tells whether a value is a function or a closure itself, not what holds one.
func namesFunction(v ssa.Value) bool {
	switch unwrapFunc(v).(type) {
	case *ssa.MakeClosure, *ssa.Function:
		return true
	}
	return false
}

// within tells whether a function is written inside of another, so that the other must have run to make it.
func within(outer, fn *ssa.Function) bool {
	for fn = fn.Parent(); fn != nil; fn = fn.Parent() {
		if fn == outer {
			return true
		}
	}
	return false
}

// ownGoroutine tells whether a framework calls fn in goroutines of its own, whoever else calls it.
func (c *Concurrency) ownGoroutine(fn *ssa.Function) bool {
	e := c.p.entryAt[fn]
	return e != nil && e.Kind == EntryMain
}

// Of iterates over the roots that run fn, in source order.
func (c *Concurrency) Of(fn *ssa.Function) iter.Seq[*Root] {
	return func(yield func(*Root) bool) {
		i, ok := c.runs.number[fn]
		if !ok {
			return
		}
		for root := range c.runs.rows[i].all() {
			if !yield(c.Roots[root]) {
				return
			}
		}
	}
}

// Some tells whether one of the roots that run fn is as asked.
func (c *Concurrency) Some(fn *ssa.Function, is func(*Root) bool) bool {
	for root := range c.Of(fn) {
		if is(root) {
			return true
		}
	}
	return false
}

// First returns the first root that runs fn, or nil.
func (c *Concurrency) First(fn *ssa.Function) *Root {
	for root := range c.Of(fn) {
		return root
	}
	return nil
}

// Runs tells whether a root runs fn.
func (c *Concurrency) Runs(r *Root, fn *ssa.Function) bool {
	i, ok := c.runs.number[fn]
	return ok && c.runs.rows[i].has(r.index)
}
