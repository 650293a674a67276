// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// lateness says where in a function goroutines can be running that the same goroutine started before and has not waited
// for since.
type lateness struct {
	// called is set when that can be so already when the function is called.
	called bool
	// blocks holds the state at the start of each block.
	blocks map[*ssa.BasicBlock]bool
}

// findLeaves finds the functions that return while goroutines run which they have started: it goes on from callees to
// callers until nothing changes.
func (c *Concurrency) findLeaves() {
	var queue []*ssa.Function
	for _, fn := range c.p.Funcs {
		if c.spawns[fn] {
			queue = append(queue, fn)
		}
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		if c.leaves[fn] || c.waitsDeferred(fn) || !c.lateAtReturn(fn) {
			continue
		}
		c.leaves[fn] = true
		if isLoopBody(fn) {
			queue = append(queue, fn.Parent()) // which waits behind the loop, if at all
			continue
		}
		for _, e := range c.p.Callers(fn) {
			if e.How != Starts {
				queue = append(queue, e.Caller())
			}
		}
	}
}

// isLoopBody tells whether a function is the body of a loop over an iterator: it runs for the function around it alone, whatever
// else the iterator is used for.
func isLoopBody(fn *ssa.Function) bool {
	return fn.Parent() != nil && fn.Synthetic == "range-over-func yield"
}

// loopAround returns the call of the iterator whose loop has a body, in the function around it, or nil.
func loopAround(body *ssa.Function) ssa.CallInstruction {
	for site := range Sites(body.Parent()) {
		if loopBodyAt(site) == body {
			return site
		}
	}
	return nil
}

// loopBodyAt returns the body of a loop that a call hands to an iterator, or nil.
func loopBodyAt(site ssa.CallInstruction) *ssa.Function {
	for _, arg := range site.Common().Args {
		if closure, ok := arg.(*ssa.MakeClosure); ok && isLoopBody(closure.Fn.(*ssa.Function)) {
			return closure.Fn.(*ssa.Function)
		}
		if fn, ok := arg.(*ssa.Function); ok && isLoopBody(fn) {
			return fn
		}
	}
	return nil
}

// Leaves tells whether fn can return while goroutines run which it has started.
func (c *Concurrency) Leaves(fn *ssa.Function) bool { return c.leaves[fn] }

// lateAtReturn tells whether goroutines can be running at some return of fn that it has started.
func (c *Concurrency) lateAtReturn(fn *ssa.Function) bool {
	l := c.flowLate(fn, false)
	for _, b := range fn.Blocks {
		if _, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); !ok {
			continue
		}
		state := l.blocks[b]
		for _, instr := range b.Instrs {
			state = c.after(instr, state)
		}
		if state {
			return true
		}
	}
	return false
}

// waitsDeferred tells whether a function waits when it returns.
func (c *Concurrency) waitsDeferred(fn *ssa.Function) bool {
	for site := range Sites(fn) {
		if d, ok := site.(*ssa.Defer); ok {
			if row := Model(d); row != nil && row.Effect == kube.Block {
				return true
			}
		}
	}
	return false
}

// WaitsForStarted tells whether a call that starts goroutines returns when they have ended.
func WaitsForStarted(site ssa.CallInstruction) bool {
	row := Model(site)
	return row != nil && row.Name == "ParallelizeUntil"
}

// findLate follows calls down from the roots: what is called late is late from its start.
func (c *Concurrency) findLate() {
	var queue []*ssa.Function
	for _, fn := range c.p.Funcs {
		if c.spawns[fn] {
			queue = append(queue, fn)
		}
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		called := c.late[fn] != nil && c.late[fn].called
		c.late[fn] = c.flowLate(fn, called)
		for site := range Sites(fn) {
			if _, deferred := site.(*ssa.Defer); deferred || !c.Late(site) {
				continue
			}
			for _, e := range c.p.Callees(site) {
				if e.How == Starts || c.late[e.Callee] != nil && c.late[e.Callee].called {
					continue
				}
				c.late[e.Callee] = &lateness{called: true}
				queue = append(queue, e.Callee)
			}
		}
	}
}

// flowLate propagates the state over the blocks of a function until nothing changes.
func (c *Concurrency) flowLate(fn *ssa.Function, called bool) *lateness {
	l := &lateness{called: called, blocks: make(map[*ssa.BasicBlock]bool)}
	queue := []*ssa.BasicBlock{fn.Blocks[0]}
	l.blocks[fn.Blocks[0]] = called
	seen := make(map[*ssa.BasicBlock]bool)
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		seen[b] = true
		out := l.blocks[b]
		for _, instr := range b.Instrs {
			out = c.after(instr, out)
		}
		for _, succ := range b.Succs {
			if !seen[succ] || out && !l.blocks[succ] {
				l.blocks[succ] = l.blocks[succ] || out
				queue = append(queue, succ)
				seen[succ] = true
			}
		}
	}
	c.lateAfterGivingUp(fn, l)
	return l
}

// after tells whether goroutines can be running after an instruction, from whether they can before it.
func (c *Concurrency) after(instr ssa.Instruction, late bool) bool {
	if c.Waits(instr) {
		return false
	}
	site, ok := instr.(ssa.CallInstruction)
	if !ok {
		return late
	}
	if _, deferred := site.(*ssa.Defer); deferred {
		return late
	}
	if c.starts(site) {
		return late || !WaitsForStarted(site)
	}
	if body := loopBodyAt(site); body != nil && c.leaves[body] {
		return true
	}
	for _, e := range c.p.Callees(site) {
		if e.How != Starts && c.leaves[e.Callee] && !isLoopBody(e.Callee) {
			return true
		}
	}
	for _, e := range c.p.Callees(site) {
		if late && e.How == Calls && c.waitsInside(e.Callee) {
			return false
		}
	}
	return late
}

// Waits tells whether an instruction waits for another goroutine: a receive, a select that receives, a Wait.
func (c *Concurrency) Waits(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.UnOp:
		return x.Op == token.ARROW
	case *ssa.Select:
		for _, st := range x.States {
			if st.Send == nil {
				return true
			}
		}
	case *ssa.Call:
		if row := Model(x); row != nil {
			return row.Effect == kube.Block && row.Name != "Sleep"
		}
	}
	return false
}

// waitsInside tells whether a function itself waits for other goroutines.
func (c *Concurrency) waitsInside(fn *ssa.Function) bool {
	known, ok := c.waiters[fn]
	if !ok {
		known = slices.ContainsFunc(fn.Blocks, func(b *ssa.BasicBlock) bool { return slices.ContainsFunc(b.Instrs, c.Waits) })
		c.waiters[fn] = known
	}
	return known
}

// Late tells whether, when instr runs, goroutines can be running that the same goroutine started before and has not
// waited for since.
func (c *Concurrency) Late(instr ssa.Instruction) bool {
	l := c.late[instr.Parent()]
	if l == nil {
		return false
	}
	if _, known := l.blocks[instr.Block()]; !known {
		return l.called
	}
	return c.lateBefore(instr, l)
}

// lateBefore is the state before an instruction.
func (c *Concurrency) lateBefore(instr ssa.Instruction, l *lateness) bool {
	state := l.blocks[instr.Block()]
	for _, at := range instr.Block().Instrs {
		if at == instr {
			break
		}
		state = c.after(at, state)
	}
	return state
}

// joins tells whether the function that starts a goroutine at site waits afterwards, itself or deferred.
func (c *Concurrency) joins(site ssa.CallInstruction) bool {
	fn := site.Parent()
	if WaitsForStarted(site) || c.waitsDeferred(fn) {
		return true
	}
	if isLoopBody(fn) {
		loop := loopAround(fn)
		return loop != nil && c.joins(loop)
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if c.Waits(instr) && (dominates(site, instr) || blockReaches(site.Block(), b) && site.Block() != b) {
				return true
			}
		}
	}
	return false
}

// joinedInLoop tells whether each round of the loop that starts a goroutine waits for it.
func (c *Concurrency) joinedInLoop(site ssa.CallInstruction) bool {
	for _, b := range site.Parent().Blocks {
		for _, instr := range b.Instrs {
			if c.Waits(instr) && dominates(site, instr) && blockReaches(b, site.Block()) {
				return true
			}
		}
	}
	return false
}
