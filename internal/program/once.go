// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// RunsOnce tells whether an instruction runs at most once in the life of the process (or of a test), as far as own code
// shows: no loop, one caller, and so on up to the start.
func (p *Program) RunsOnce(instr ssa.Instruction) bool {
	c := p.Concurrency()
	return !c.InLoop(instr) && c.calledOnce(instr.Parent(), 0)
}

func (c *Concurrency) calledOnce(fn *ssa.Function, depth int) bool {
	if known, ok := c.once[fn]; ok {
		return known
	}
	if depth > 20 {
		return false
	}
	once := false
	callers := c.p.Callers(fn)
	switch e := c.p.entryAt[fn]; {
	case e != nil:
		once = e.Kind == EntryMain || e.Kind == EntryTest || e.Kind == EntryRunnable
	case fn.Synthetic != "" && fn.Name() == "init":
		once = true
	case len(callers) == 1 && callers[0].How != PassesTo && !c.InLoop(callers[0].Site):
		once = c.calledOnce(callers[0].Caller(), depth+1)
	}
	c.once[fn] = once
	return once
}

// RunsAgain tells whether the code shows that an instruction runs again and again: it stands in a loop, or what is called
// in a loop or by a framework for each event leads to it.
func (p *Program) RunsAgain(instr ssa.Instruction) bool {
	c := p.Concurrency()
	if c.again == nil {
		c.findAgain()
	}
	return c.InLoop(instr) || c.again[instr.Parent()]
}

// findAgain finds the functions that run again and again.
func (c *Concurrency) findAgain() {
	c.again = make(map[*ssa.Function]bool)
	var queue []*ssa.Function
	add := func(fn *ssa.Function) {
		if !c.again[fn] {
			c.again[fn] = true
			queue = append(queue, fn)
		}
	}
	for _, e := range c.p.Entries {
		switch e.Kind {
		case EntryMain, EntryRunnable, EntryElected, EntryTest:
		default:
			add(e.Func)
		}
	}
	for _, fn := range c.p.Funcs {
		if c.p.InTest(fn) {
			continue
		}
		for site := range Sites(fn) {
			if !c.InLoop(site) || c.oneOfEach(site) {
				continue
			}
			for _, e := range c.p.Callees(site) {
				if !e.UnderOnce() {
					add(e.Callee)
				}
			}
		}
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		for site := range Sites(fn) {
			if c.oneOfEach(site) {
				continue // another one each time
			}
			for _, e := range c.p.Callees(site) {
				if !e.UnderOnce() {
					add(e.Callee)
				}
			}
		}
	}
}

// FewTimes tells whether an instruction runs at most a few times in the life of the process, once for each place that leads
// to it: none of them is in a loop, and all of them start at main, at a runnable, at a package variable or under a sync.Once.
func (p *Program) FewTimes(instr ssa.Instruction) bool {
	return !p.Concurrency().InLoop(instr) && p.calledFewTimes(instr.Parent(), make(map[*ssa.Function]bool))
}

// calledFewTimes answers for a function; known holds the answers given before, and false for those that are being asked: who
// is called by itself is called again and again.
func (p *Program) calledFewTimes(fn *ssa.Function, known map[*ssa.Function]bool) bool {
	if few, ok := known[fn]; ok {
		return few
	}
	known[fn] = false
	known[fn] = p.startedFewTimes(fn) || p.callersFewTimes(fn, known)
	return known[fn]
}

// startedFewTimes tells whether a function is where something begins that happens once.
func (p *Program) startedFewTimes(fn *ssa.Function) bool {
	if e := p.entryAt[fn]; e != nil {
		return e.Kind == EntryMain || e.Kind == EntryRunnable || e.Kind == EntryElected
	}
	return fn.Synthetic != "" && fn.Name() == "init" || p.onceVariable(fn)
}

// callersFewTimes tells whether all calls of a function are made a few times.
func (p *Program) callersFewTimes(fn *ssa.Function, known map[*ssa.Function]bool) bool {
	callers := p.Callers(fn)
	if p.entryAt[fn] != nil || len(callers) == 0 {
		return false
	}
	return !slices.ContainsFunc(callers, func(e Edge) bool {
		if p.InTest(e.Caller()) || e.UnderOnce() {
			return false
		}
		c := p.Concurrency()
		return e.How == PassesTo || c.InLoop(e.Site) && !c.oneOfEach(e.Site) || !p.calledFewTimes(e.Caller(), known)
	})
}

// onceVariable tells whether a function is the body of a package variable such as var x = sync.OnceValue(func() T {...}).
func (p *Program) onceVariable(fn *ssa.Function) bool {
	start := fn.Parent()
	if start == nil || start.Synthetic == "" {
		return false
	}
	for site := range Sites(start) {
		row := Model(site)
		if row == nil || row.Effect != kube.RunOnce {
			continue
		}
		if slices.ContainsFunc(site.Common().Args, func(arg ssa.Value) bool { return slices.Contains(p.FunctionsOf(arg), fn) }) {
			return true
		}
	}
	return false
}

// UnderOnce tells whether the call hands the function to a sync.Once, or to sync.OnceFunc and its like.
func (e Edge) UnderOnce() bool {
	row := Model(e.Site)
	return e.Arg >= 0 && row != nil && row.Effect == kube.RunOnce && row.Recv != "Group"
}
