// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Whether a value of own code has to be closed is not always to be seen where it is made: one of several providers opens a
// connection, another does when it is first asked. That a caller closes what a function handed to it says that it is owed.

// owed returns the resource that a call of own code is when each function it may run makes what it hands out, another
// call's result of one of them is closed, and closing it does something.
func (g *Goroutines) owed(call *ssa.Call) (Resource, bool) {
	stop := closeMethod(firstResult(call))
	if stop == nil || !program.ReturnsError(call.Call.Signature()) {
		return Resource{}, false
	}
	closed := false
	for _, e := range g.p.Callees(call) {
		if g.p.InTest(e.Callee) {
			continue
		}
		if e.Arg >= 0 || e.How == program.Starts || !g.handsOutNew(e.Callee) {
			return Resource{}, false
		}
		closed = closed || g.closedByCallers()[e.Callee]
	}
	return Resource{What: nameOfType(firstResult(call)), Stop: stop.Name()}, closed
}

// closedByCallers are the functions of own code whose first result some caller closes.
func (g *Goroutines) closedByCallers() map[*ssa.Function]bool {
	if g.ownersClose != nil {
		return g.ownersClose
	}
	g.ownersClose = make(map[*ssa.Function]bool)
	for _, fn := range g.p.Funcs {
		if g.p.InTest(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			if !ok || closeMethod(firstResult(call)) == nil || len(g.p.Static(call)) == 0 || !g.closedHere(call) {
				continue
			}
			for _, callee := range g.p.Static(call) {
				g.ownersClose[callee] = true
			}
		}
	}
	return g.ownersClose
}

// closedHere tells whether a function closes what a call in it returned: itself, or by a function that it gives it to.
func (g *Goroutines) closedHere(call *ssa.Call) bool {
	v := tupleElement(call, 0)
	if v == nil {
		return false
	}
	names := aliases(v)
	for _, name := range names {
		for _, ref := range refs(name) {
			switch x := ref.(type) {
			case ssa.CallInstruction:
				if g.closesName(x, name, names) {
					return true
				}
			case *ssa.MakeClosure:
				if g.closureStops(x, names) {
					return true
				}
			}
		}
	}
	return false
}

// closesName tells whether a call closes a value, or runs a function of own code that closes its parameter.
func (g *Goroutines) closesName(site ssa.CallInstruction, name ssa.Value, names []ssa.Value) bool {
	if promotedFrom(program.Receiver(site)) == name {
		return stops(program.Target(site)) && g.stopDoesSomething(site)
	}
	for _, e := range g.p.Callees(site) {
		for i, param := range e.Callee.Params {
			if !isName(program.ArgumentFor(e, i), names) {
				continue
			}
			own := aliases(param)
			for inner := range program.Sites(e.Callee) {
				if recv := program.Receiver(inner); recv != nil && slices.Contains(own, recv) && stops(program.Target(inner)) && g.stopDoesSomething(inner) {
					return true
				}
			}
		}
	}
	return false
}

// stopDoesSomething tells whether one of the methods that a call of Close may run stops something in turn.
func (g *Goroutines) stopDoesSomething(site ssa.CallInstruction) bool {
	return slices.ContainsFunc(g.p.Static(site), stopsSomething)
}

// handsOutNew tells whether all that a function returns first is nil, or made by it for this caller. What a method hands out
// as itself counts, too: closing it has to be right for it.
func (g *Goroutines) handsOutNew(fn *ssa.Function) bool {
	if known, ok := g.handsNew[fn]; ok {
		return known
	}
	g.handsNew[fn] = false // who calls itself says nothing
	found := len(fn.Blocks) > 0
	for _, b := range fn.Blocks {
		if ret, ok := last(b).(*ssa.Return); ok && len(ret.Results) > 0 {
			found = found && g.isNew(resultsOf(ret)[0], 0)
		}
	}
	g.handsNew[fn] = found
	return found
}

// isNew tells whether a value is nil or something that its function has made and keeps nowhere else.
func (g *Goroutines) isNew(v ssa.Value, depth int) bool {
	if depth > 8 {
		return false
	}
	allNew := func(values []ssa.Value) bool {
		return !slices.ContainsFunc(values, func(edge ssa.Value) bool { return !g.isNew(edge, depth+1) })
	}
	switch x := stripped(v).(type) {
	case *ssa.Const:
		return x.IsNil()
	case *ssa.Alloc:
		return !slices.ContainsFunc(aliases(x), isKept)
	case *ssa.Parameter:
		return x.Parent().Signature.Recv() != nil && x == x.Parent().Params[0]
	case *ssa.Phi:
		return allNew(x.Edges)
	case *ssa.UnOp:
		cell, ok := x.X.(*ssa.Alloc)
		return ok && allNew(storedIn(cell))
	case *ssa.Call:
		return g.callIsNew(x)
	case *ssa.Extract:
		call, ok := x.Tuple.(*ssa.Call)
		return ok && x.Index == 0 && g.callIsNew(call) && !slices.ContainsFunc(aliases(x), isKept)
	}
	return false
}

// isKept tells whether a value is stored for others.
func isKept(v ssa.Value) bool {
	return slices.ContainsFunc(refs(v), func(ref ssa.Instruction) bool { return keepsName(ref, v) })
}

// callIsNew tells whether each function that a call may run makes what it hands out.
func (g *Goroutines) callIsNew(call *ssa.Call) bool {
	callees := g.p.Static(call)
	if len(callees) == 0 {
		r, ok := g.ResourceAt(call)
		return ok && !r.Body
	}
	return !slices.ContainsFunc(callees, func(callee *ssa.Function) bool { return !g.handsOutNew(callee) })
}
