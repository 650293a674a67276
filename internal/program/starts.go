// SPDX-License-Identifier: Apache-2.0

package program

import (
	"iter"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// starts says which goroutines a call of a function starts, itself or through what it calls: a row of bits for each
// function, a bit for each root that own code starts.
type starts struct {
	rows  []bitset // by the number of a function
	roots []*Root  // that own code starts, by their bits
}

// findStarts follows the calls up from where goroutines are started, for all of them at once.
func (c *Concurrency) findStarts() {
	for _, root := range c.Roots {
		if len(root.Sites) > 0 {
			root.started = len(c.started.roots)
			c.started.roots = append(c.started.roots, root)
		}
	}
	callers := make([][]int, len(c.p.Funcs))
	for i, fn := range c.p.Funcs {
		for _, e := range c.p.Callers(fn) {
			if e.How != Starts {
				callers[i] = append(callers[i], c.runs.number[e.Caller()])
			}
		}
		slices.Sort(callers[i])
		callers[i] = slices.Compact(callers[i])
	}
	f := newFlow(len(c.p.Funcs), len(c.started.roots))
	for bit, root := range c.started.roots {
		for _, site := range root.Sites {
			f.start(c.runs.number[site.Parent()], bit)
		}
	}
	order := downwards(len(c.p.Funcs), func(fn int) iter.Seq[int] { return slices.Values(callers[fn]) })
	f.run(order, func(fn int) {
		for _, caller := range callers[fn] {
			f.join(caller, f.rows[fn])
		}
	})
	c.started.rows = f.rows
}

// of returns the goroutines that a call of a function starts, by their indices among all roots.
func (s *starts) of(fn, roots int) bitset {
	if fn >= len(s.rows) || s.rows[fn] == nil {
		return nil
	}
	out := newBitset(roots)
	for bit := range s.rows[fn].all() {
		out.put(s.roots[bit].index)
	}
	return out
}

// StartsRoot tells whether one root starts the other.
func (c *Concurrency) StartsRoot(by, started *Root) bool {
	return by != started && c.MayStart(by.Func, started)
}

// MayStart tells whether a call of fn can start the goroutine of a root.
func (c *Concurrency) MayStart(fn *ssa.Function, r *Root) bool {
	i, ok := c.runs.number[fn]
	return ok && i < len(c.started.rows) && len(r.Sites) > 0 && c.started.rows[i].has(r.started)
}

// MayStartAny tells whether a call of fn can start some goroutine.
func (c *Concurrency) MayStartAny(fn *ssa.Function) bool { return c.spawns[fn] }
