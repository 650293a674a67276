// SPDX-License-Identifier: Apache-2.0

package program

import (
	"math/bits"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// runs says which roots run which functions. A large program has about as many roots as functions that nobody calls, and
// each may run most of the program: so there is a row of bits for each function, a bit for each root.
type runs struct {
	number map[*ssa.Function]int
	funcs  []*ssa.Function
	rows   [][]uint64
	width  int // of a row, in words
	// ways are the calls out of a function that return before it goes on.
	ways [][]callWay
}

// callWay is a call as a root walks it.
type callWay struct {
	callee int
	// maker is set for a closure that the caller may not know: the function that must have been run before. Else it is -1.
	maker int
}

// has tells whether a root runs fn.
func (r *runs) has(root *Root, fn *ssa.Function) bool {
	i, ok := r.number[fn]
	return ok && r.rows[i] != nil && r.rows[i][root.index/64]&(1<<(root.index%64)) != 0
}

func (r *runs) set(root *Root, fn int) {
	if r.rows[fn] == nil {
		r.rows[fn] = make([]uint64, r.width)
	}
	r.rows[fn][root.index/64] |= 1 << (root.index % 64)
}

// of returns the indices of the roots that run fn, in order.
func (r *runs) of(fn *ssa.Function) []int {
	var out []int
	i, ok := r.number[fn]
	if !ok {
		return nil
	}
	for w, word := range r.rows[i] {
		for ; word != 0; word &= word - 1 {
			out = append(out, 64*w+bits.TrailingZeros64(word))
		}
	}
	return out
}

// findRuns numbers the functions, reads the calls between them, and walks these from each root.
func (c *Concurrency) findRuns() {
	r := &c.runs
	r.number = make(map[*ssa.Function]int, len(c.p.Funcs))
	for _, fn := range c.p.Funcs {
		r.numberOf(fn)
	}
	for i, fn := range c.p.Funcs {
		add := func(way callWay) {
			if !slices.Contains(r.ways[i], way) {
				r.ways[i] = append(r.ways[i], way)
			}
		}
		for _, h := range c.p.handovers()[fn] {
			if !h.spawned && !c.ownGoroutine(h.callee) {
				add(callWay{r.numberOf(h.callee), -1})
			}
		}
		for _, e := range c.p.CallsFrom(fn) {
			switch {
			case e.How == Starts || c.ownGoroutine(e.Callee):
			case c.p.runsForGiver(e): // who gave it runs it
			case c.mayBeForeign(e):
				add(callWay{r.numberOf(e.Callee), r.numberOf(e.Callee.Parent())})
			default:
				add(callWay{r.numberOf(e.Callee), -1})
			}
		}
	}
	r.width = len(c.Roots)/64 + 1
	w := walk{seen: make([]int, len(r.rows))}
	for _, root := range c.Roots {
		c.spread(root, &w)
	}
	r.ways = nil
}

func (r *runs) numberOf(fn *ssa.Function) int {
	i, ok := r.number[fn]
	if !ok {
		i = len(r.rows)
		r.number[fn] = i
		r.funcs = append(r.funcs, fn)
		r.rows, r.ways = append(r.rows, nil), append(r.ways, nil)
	}
	return i
}

// walk is what walks from one root after another share.
type walk struct {
	// seen holds, for each function, the last root that was seen to run it, counted from one.
	seen  []int
	queue []int
}

// spread marks the functions that a root runs, over calls that return before the caller goes on.
func (c *Concurrency) spread(root *Root, w *walk) {
	r, mark := &c.runs, root.index+1
	put := func(fn int) {
		if w.seen[fn] != mark {
			w.seen[fn] = mark
			w.queue = append(w.queue, fn)
		}
	}
	put(r.numberOf(root.Func))
	starters := c.startersOf(root)
	// Closures of functions that the root has not been seen to run wait until it is.
	waiting := make(map[int][]int)
	for len(w.queue) > 0 {
		fn := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		r.set(root, fn)
		for _, closure := range waiting[fn] {
			put(closure)
		}
		for _, way := range r.ways[fn] {
			switch {
			case w.seen[way.callee] == mark:
			case way.maker >= 0 && w.seen[way.maker] != mark && !starters[r.funcs[way.maker]]:
				waiting[way.maker] = append(waiting[way.maker], way.callee)
			default:
				put(way.callee)
			}
		}
	}
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

// Of returns the roots that run fn, in source order.
func (c *Concurrency) Of(fn *ssa.Function) []*Root {
	known, ok := c.rootsOf[fn]
	if !ok {
		for _, i := range c.runs.of(fn) {
			known = append(known, c.Roots[i])
		}
		c.rootsOf[fn] = known
	}
	return known
}

// Runs tells whether a root runs fn.
func (c *Concurrency) Runs(r *Root, fn *ssa.Function) bool { return c.runs.has(r, fn) }
