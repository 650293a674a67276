// SPDX-License-Identifier: Apache-2.0

package program

import "golang.org/x/tools/go/ssa"

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
