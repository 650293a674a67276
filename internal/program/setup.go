// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

// setsUp tells whether an instruction of x is a step of setting up for y: x runs once, it is x that brings y about, and it
// does so only after the instruction. What brings a goroutine about is whoever starts it, or registers its entry point.
func (c *Concurrency) setsUp(x, y *Root, instr ssa.Instruction) bool {
	if x.Again || x.Parallel || !c.ofMain(x) {
		return false
	}
	key := lateKey{x, y, instr}
	known, ok := c.setUp[key]
	if !ok {
		known = c.beginsAfter(x, y, instr, make(map[*Root]bool))
		c.setUp[key] = known
	}
	return known
}

// ofMain tells whether the start of a program starts a goroutine, or a goroutine that it has started once.
func (c *Concurrency) ofMain(x *Root) bool { return c.startedByMain(x, 0) }

// mainDepth bounds the goroutines between main and one that is a part of starting up.
const mainDepth = 3

func (c *Concurrency) startedByMain(x *Root, depth int) bool {
	return slices.ContainsFunc(x.Sites, func(site ssa.CallInstruction) bool {
		return c.Some(site.Parent(), func(by *Root) bool {
			return by.once() || depth < mainDepth && by != x && !by.Again && !by.Parallel && c.startedByMain(by, depth+1)
		})
	})
}

// Leads tells whether a goroutine starts another, or registers its entry point, itself or through one that it starts.
func (c *Concurrency) Leads(by, x *Root) bool {
	return c.leadsToRoot(by, x, 0) || x.Entry != nil && slices.ContainsFunc(x.Entry.sites, func(site ssa.CallInstruction) bool {
		return c.Runs(by, site.Parent())
	})
}

// leadsToRoot tells whether a goroutine starts another, itself or through one that it starts.
func (c *Concurrency) leadsToRoot(by, x *Root, depth int) bool {
	return slices.ContainsFunc(x.Sites, func(site ssa.CallInstruction) bool {
		return c.Some(site.Parent(), func(r *Root) bool {
			return r == by || depth < mainDepth && r != x && c.leadsToRoot(by, r, depth+1)
		})
	})
}

// beginsAfter tells whether every call that brings y about is made by x after instr, or by what x brings about after it.
// Calls in other programs and in functions that nobody calls do not count.
func (c *Concurrency) beginsAfter(x, y *Root, instr ssa.Instruction, seen map[*Root]bool) bool {
	seen[y] = true
	sites := y.BroughtAbout()
	if len(sites) == 0 || c.mayFollow(x, sites, c.bringersOf(y), instr) {
		return false
	}
	for _, site := range sites {
		for by := range c.Of(site.Parent()) {
			switch {
			case by == x || seen[by] || !by.Known():
				continue
			case c.leadsToRoot(by, x, 0):
				return false // it brings about the one beside the other
			case by.once():
				continue
			}
			if !c.beginsAfter(x, by, instr, seen) {
				return false
			}
		}
	}
	return true
}

// BroughtAbout returns the calls that start a goroutine or hand an entry point to its framework, as far as they are seen.
func (y *Root) BroughtAbout() []ssa.CallInstruction {
	if y.Entry != nil {
		return append(slices.Clone(y.Sites), y.Entry.sites...)
	}
	return y.Sites
}

// mayFollow tells whether an instruction can run in x after one of some calls, which the functions of a set lead to.
func (c *Concurrency) mayFollow(x *Root, sites []ssa.CallInstruction, leads bitset, instr ssa.Instruction) bool {
	type step struct {
		at ssa.Instruction
		in *ssa.Function // that the step calls and where the instruction is, nil at the instruction itself
	}
	seen := make(map[*ssa.Function]bool)
	for queue := []step{{at: instr}}; len(queue) > 0; queue = queue[1:] {
		at, fn := queue[0].at, queue[0].at.Parent()
		for site := range Sites(fn) {
			if !MayPrecede(site, at) {
				continue
			}
			if slices.Contains(sites, site) {
				return true
			}
			for _, e := range c.p.Callees(site) {
				// Of a list of functions that a loop calls in turn, each is called once.
				again := site == at && e.Callee == queue[0].in && site.Common().StaticCallee() == nil
				if e.How != Starts && c.runs.in(leads, e.Callee) && !again {
					return true
				}
			}
		}
		if seen[fn] || fn == x.Func {
			continue
		}
		seen[fn] = true
		for _, e := range c.p.Callers(fn) {
			if e.How != Starts && c.Runs(x, e.Caller()) {
				queue = append(queue, step{e.Site, fn})
			}
		}
	}
	return false
}

// bringersOf returns the functions that bring a root about, themselves or through others, by their numbers.
func (c *Concurrency) bringersOf(y *Root) bitset {
	if known := c.bringers[y]; known != nil {
		return known
	}
	set := newBitset(len(c.runs.number))
	var queue []*ssa.Function
	for _, s := range y.BroughtAbout() {
		queue = append(queue, s.Parent())
	}
	for ; len(queue) > 0; queue = queue[1:] {
		number := c.runs.number[queue[0]]
		if set.has(number) {
			continue
		}
		set.put(number)
		for _, e := range c.p.Callers(queue[0]) {
			if e.How != Starts {
				queue = append(queue, e.Caller())
			}
		}
	}
	c.bringers[y] = set
	return set
}
