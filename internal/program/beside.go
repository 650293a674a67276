// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

// beside tells whether an instruction of x can run while y does. What runs once meets only the goroutines that it has
// started before and not waited for.
func (c *Concurrency) beside(x, y *Root, instr ssa.Instruction) bool {
	return c.besideWithin(x, y, instr, 0)
}

// startersDepth bounds the goroutines that are followed from the started one to those that start it.
const startersDepth = 3

func (c *Concurrency) besideWithin(x, y *Root, instr ssa.Instruction, depth int) bool {
	switch {
	case x.once():
		return c.LateFor(x, y, instr)
	case (y.Entry != nil || y.contract != nil) && !y.once() && !x.Again && c.p.RunsOnce(instr):
		return false // a step of starting up: the framework calls nobody before
	case c.setsUp(x, y, instr):
		return false
	case (!x.Again || y.joined) && c.StartsRoot(x, y):
		return c.LateFor(x, y, instr)
	case depth < startersDepth && len(y.Sites) > 0 && y.joined && c.endsWithStarter(y):
		return c.besideStarters(x, y, instr, depth)
	}
	return true
}

// besideStarters tells of a goroutine that ends before those that start it go on: it runs only while they do.
func (c *Concurrency) besideStarters(x, y *Root, instr ssa.Instruction, depth int) bool {
	return slices.ContainsFunc(y.Sites, func(site ssa.CallInstruction) bool {
		return c.Some(site.Parent(), func(by *Root) bool {
			return by == x || by == y || c.besideWithin(x, by, instr, depth+1)
		})
	})
}

type lateKey struct {
	x, y  *Root
	instr ssa.Instruction
}

// LateFor tells whether y can be running when instr does, because x has started it before.
func (c *Concurrency) LateFor(x, y *Root, instr ssa.Instruction) bool {
	if len(y.Sites) == 0 {
		return false
	}
	return c.orderOf(x, y, instr).late
}

// EarlyFor tells whether some way of x leads to an instruction before x has started y.
func (c *Concurrency) EarlyFor(x, y *Root, instr ssa.Instruction) bool {
	return c.orderOf(x, y, instr).early
}

// order says when an instruction can run: after one root has started another, before, or both.
type order struct{ late, early bool }

func (c *Concurrency) orderOf(x, y *Root, instr ssa.Instruction) order {
	key := lateKey{x, y, instr}
	known, ok := c.orders[key]
	if !ok {
		known = c.findOrder(x, y, instr)
		c.orders[key] = known
	}
	return known
}

// findOrder goes from an instruction back over the calls that x makes: to where it has started y, or to where x begins.
func (c *Concurrency) findOrder(x, y *Root, instr ssa.Instruction) (found order) {
	seen := make(map[*ssa.Function]bool)
	for queue := []ssa.Instruction{instr}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		fn := at.Parent()
		switch {
		case c.Late(at) && c.startedBefore(y, at):
			found.late = true
			continue
		case fn == x.Func:
			found.early = true
			continue
		case seen[fn]:
			continue
		}
		seen[fn] = true
		for _, e := range c.p.Callers(fn) {
			if e.How != Starts && c.Runs(x, e.Caller()) {
				queue = append(queue, e.Site)
			}
		}
	}
	return found
}

// startedBefore tells whether a call before instr, in its function, starts y, and nothing in between waits for a group.
func (c *Concurrency) startedBefore(y *Root, instr ssa.Instruction) bool {
	within := c.endsWithStarter(y)
	for _, e := range c.p.CallsFrom(instr.Parent()) {
		starts := e.How == Starts && e.Callee == y.Func || e.How != Starts && c.MayStart(e.Callee, y)
		if !starts || !MayPrecede(e.Site, instr) || c.waitsBetween(e.Site, instr) {
			continue
		}
		if body := loopBodyAt(e.Site); within && e.How != Starts && (body == nil || !c.MayStart(body, y)) {
			continue // whoever starts it there has seen it end
		}
		return true
	}
	return false
}

// endsWithStarter tells whether the functions that start a goroutine never return while one of theirs runs.
func (c *Concurrency) endsWithStarter(y *Root) bool {
	return !slices.ContainsFunc(y.Sites, func(site ssa.CallInstruction) bool {
		fn := site.Parent()
		for isLoopBody(fn) {
			fn = fn.Parent()
		}
		return c.leaves[fn]
	})
}

// waitsBetween tells whether every way from one instruction to another comes by a wait for a group.
func (c *Concurrency) waitsBetween(from, to ssa.Instruction) bool {
	for site := range Sites(from.Parent()) {
		if _, plain := site.(*ssa.Call); plain && c.Waits(site) && !MayPrecedeWithout(from, to, site) {
			return true
		}
	}
	return false
}
