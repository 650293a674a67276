// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// initialiser returns the function that finds something unset and then, itself or by what it alone calls, makes a write; nil where
// the write is not such a one.
func (m *Memory) initialiser(a *Access) *ssa.Function {
	var below []*ssa.Function
	for at := a.At; len(below) <= onceDepth; {
		fn := at.Parent()
		below = append(below, fn)
		if m.findsUnset(at, a.Place, below) {
			return fn
		}
		callers := slices.DeleteFunc(slices.Clone(m.Program.Callers(fn)), m.Locks.testsOnly)
		if len(callers) != 1 || callers[0].How != program.Calls || slices.Contains(below, callers[0].Caller()) {
			return nil
		}
		at = callers[0].Site
	}
	return nil
}

// Initialises tells whether an access makes a package variable that its function has found unset, with others or alone.
func (m *Memory) Initialises(a *Access) bool {
	return a.Write && a.Place.Global != nil && m.findsUnset(a.At, a.Place, []*ssa.Function{a.Func()})
}

// beginsAfter tells whether a goroutine or an entry point begins only after a function has been called: wherever it is started or
// registered, or its receiver is made where no registration is seen, a call of the function comes first.
func (m *Memory) beginsAfter(r *program.Root, fn *ssa.Function) bool {
	w := &calledFirst{m: m, fn: fn, leads: make(map[*ssa.Function]bool), seen: make(map[*ssa.Function]bool)}
	w.findLeads(fn, 0)
	begins := m.begins(r)
	return len(begins) > 0 && !slices.ContainsFunc(begins, func(at ssa.Instruction) bool { return !w.before(at) })
}

// begins lists where a goroutine is started, or an entry point is registered or its receiver made; tests aside.
func (m *Memory) begins(r *program.Root) []ssa.Instruction {
	var out []ssa.Instruction
	for _, site := range r.BroughtAbout() {
		out = append(out, site)
	}
	if recv := r.Func.Signature.Recv(); len(out) == 0 && recv != nil {
		for _, made := range m.makers(program.Named(recv.Type())) {
			out = append(out, made)
		}
	}
	return slices.DeleteFunc(out, func(at ssa.Instruction) bool { return m.Program.InTest(at.Parent()) })
}

// calledFirst looks for calls of a function that come before others.
type calledFirst struct {
	m  *Memory
	fn *ssa.Function
	// leads are the functions that call fn, themselves or by a few steps.
	leads map[*ssa.Function]bool
	seen  map[*ssa.Function]bool
}

func (w *calledFirst) findLeads(fn *ssa.Function, depth int) {
	if w.leads[fn] || depth > onceDepth {
		return
	}
	w.leads[fn] = true
	for _, e := range w.m.Program.Callers(fn) {
		if e.How == program.Calls {
			w.findLeads(e.Caller(), depth+1)
		}
	}
}

// before tells whether a call of the function has come back whenever an instruction runs.
func (w *calledFirst) before(at ssa.Instruction) bool {
	holder := at.Parent()
	for site := range program.Sites(holder) {
		if program.Dominates(site, at) && w.surely(site) {
			return true
		}
	}
	if w.seen[holder] {
		return true // asked already: a no would have been the end
	}
	w.seen[holder] = true
	callers := slices.DeleteFunc(slices.Clone(w.m.Program.Callers(holder)), w.m.Locks.testsOnly)
	return len(callers) > 0 && !slices.ContainsFunc(callers, func(e program.Edge) bool { return !w.before(e.Site) })
}

// surely tells whether a call comes to the function, itself or in what it calls, unless that fails first.
func (w *calledFirst) surely(site ssa.CallInstruction) bool {
	call, plain := site.(*ssa.Call)
	if !plain {
		return false
	}
	callees := w.m.Program.Static(call)
	return len(callees) > 0 && !slices.ContainsFunc(callees, func(callee *ssa.Function) bool { return !w.within(callee) })
}

func (w *calledFirst) within(callee *ssa.Function) bool {
	if !w.leads[callee] || callee == w.fn {
		return callee == w.fn
	}
	w.leads[callee] = false // a circle leads nowhere
	defer func() { w.leads[callee] = true }()
	for site := range program.Sites(callee) {
		if w.surely(site) && !slices.ContainsFunc(returns(callee), func(ret *ssa.Return) bool {
			return !fails(ret) && !program.Dominates(site, ret)
		}) {
			return true
		}
	}
	return false
}

// fails tells whether a return may give its caller an error.
func fails(ret *ssa.Return) bool {
	if len(ret.Results) == 0 {
		return false
	}
	last := ret.Results[len(ret.Results)-1]
	return program.IsError(last.Type()) && !isZero(last)
}
