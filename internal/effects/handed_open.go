// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// handedOpen returns the resource that a call of own code is when each function it may run opens something and hands it
// out as its first result: the caller closes it then.
func (g *Goroutines) handedOpen(call *ssa.Call) (Resource, bool) {
	if closeMethod(firstResult(call)) == nil {
		return Resource{}, false
	}
	what := Resource{}
	for _, e := range g.p.Callees(call) {
		if g.p.InTest(e.Callee) {
			continue // a fake for tests opens nothing
		}
		r, ok := g.handsOutOpen(e.Callee)
		if e.Arg >= 0 || e.How == program.Starts || !ok {
			return Resource{}, false
		}
		what = r
	}
	return what, what.Stop != ""
}

// handsOutOpen tells what a function opens for its caller: all that it returns first is nil, or something that it has just
// opened and neither keeps nor closes.
func (g *Goroutines) handsOutOpen(fn *ssa.Function) (Resource, bool) {
	if known, ok := g.handsOpen[fn]; ok {
		return known, known.Stop != ""
	}
	g.handsOpen[fn] = Resource{} // who calls itself says nothing
	found := Resource{}
	for _, b := range fn.Blocks {
		ret, ok := last(b).(*ssa.Return)
		if !ok || len(ret.Results) == 0 || program.IsNil(ret.Results[0]) {
			continue
		}
		r, ok := g.openedHere(ret.Results[0], nil, 0)
		if !ok {
			return Resource{}, false // it may be one that others have, too
		}
		found = r
	}
	g.handsOpen[fn] = found
	return found, found.Stop != ""
}

// openedHere follows a result back to the call that opened it: inside the function, or in a goroutine that hands it over
// by a channel. want is the type that it was asserted to have, if any.
func (g *Goroutines) openedHere(v ssa.Value, want types.Type, depth int) (Resource, bool) {
	if depth > 8 {
		return Resource{}, false
	}
	switch x := v.(type) {
	case *ssa.MakeInterface:
		return g.openedHere(x.X, want, depth+1)
	case *ssa.ChangeInterface:
		return g.openedHere(x.X, want, depth+1)
	case *ssa.TypeAssert:
		return g.openedHere(x.X, x.AssertedType, depth+1)
	case *ssa.Phi:
		return g.openedByAll(x.Edges, want, depth)
	case *ssa.UnOp:
		if x.Op == token.ARROW {
			return g.openedFor(x.X, want)
		}
		if cell, ok := x.X.(*ssa.Alloc); ok && x.Op == token.MUL {
			return g.openedByAll(storedIn(cell), want, depth)
		}
	case *ssa.Call:
		return g.openedAndFree(x)
	case *ssa.Extract:
		switch tuple := x.Tuple.(type) {
		case *ssa.Call:
			if x.Index == 0 {
				return g.openedAndFree(tuple)
			}
		case *ssa.TypeAssert:
			return g.openedHere(tuple, want, depth+1)
		case *ssa.Select:
			return g.openedBySelect(tuple, want, x.Index)
		}
	}
	return Resource{}, false
}

// openedByAll is openedHere for a value that is one of several: nil, or opened.
func (g *Goroutines) openedByAll(values []ssa.Value, want types.Type, depth int) (Resource, bool) {
	found := Resource{}
	for _, v := range values {
		if program.IsNil(v) {
			continue
		}
		r, ok := g.openedHere(v, want, depth+1)
		if !ok {
			return Resource{}, false
		}
		found = r
	}
	return found, found.Stop != ""
}

// storedIn returns what is stored in a variable.
func storedIn(cell *ssa.Alloc) []ssa.Value {
	var out []ssa.Value
	for _, ref := range refs(cell) {
		if store, ok := ref.(*ssa.Store); ok && store.Addr == cell {
			out = append(out, store.Val)
		}
	}
	return out
}

// openedAndFree tells whether a call opens something that its function neither keeps for others nor sees to itself.
func (g *Goroutines) openedAndFree(call *ssa.Call) (Resource, bool) {
	r, ok := g.ResourceAt(call)
	if !ok || r.Body || r.Stop != "Close" {
		return Resource{}, false
	}
	names := aliases(r.Value)
	for _, name := range names {
		for _, ref := range refs(name) {
			if keepsName(ref, name) && !keptInResult(ref) {
				return Resource{}, false
			}
			if closure, ok := ref.(*ssa.MakeClosure); ok && g.closureStops(closure, names) {
				return Resource{}, false
			}
			if start, ok := ref.(*ssa.Go); ok && g.lets(start, names) {
				return Resource{}, false
			}
		}
	}
	return Resource{What: r.What, Stop: r.Stop}, true
}

// keptInResult tells whether a store goes to a field of something that its function makes and hands out: a client on the
// connection.
func keptInResult(instr ssa.Instruction) bool {
	store, ok := instr.(*ssa.Store)
	if !ok {
		return false
	}
	field, ok := store.Addr.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	made, ok := field.X.(*ssa.Alloc)
	return ok && slices.ContainsFunc(aliases(made), isReturned)
}

// openedBySelect is openedFor the channel whose value a select received.
func (g *Goroutines) openedBySelect(sel *ssa.Select, want types.Type, index int) (Resource, bool) {
	received := 2
	for _, st := range sel.States {
		if st.Dir != types.RecvOnly {
			continue
		}
		if received == index {
			return g.openedFor(st.Chan, want)
		}
		received++
	}
	return Resource{}, false
}

// openedFor tells whether a goroutine of the function that makes a channel opens something that can only get out by it.
func (g *Goroutines) openedFor(ch ssa.Value, want types.Type) (Resource, bool) {
	if load, ok := stripped(ch).(*ssa.UnOp); ok {
		if cell, ok := load.X.(*ssa.Alloc); ok && len(storedIn(cell)) == 1 {
			ch = storedIn(cell)[0]
		}
	}
	made, ok := stripped(ch).(*ssa.MakeChan)
	if !ok {
		return Resource{}, false
	}
	for _, closure := range made.Parent().AnonFuncs {
		for site := range program.Sites(closure) {
			call, ok := site.(*ssa.Call)
			if !ok {
				continue
			}
			if r, ok := g.ResourceAt(call); ok && !r.Body && r.Stop == "Close" && !g.keeps(r) && (want == nil || types.AssignableTo(r.Value.Type(), want)) {
				return Resource{What: r.What, Stop: r.Stop}, true
			}
		}
	}
	return Resource{}, false
}

// besides are the other results of the call that opened a resource, which may hold it: a client on a connection.
func besides(r Resource) []ssa.Value {
	var out []ssa.Value
	results := r.Site.Common().Signature().Results()
	for i := 1; i < results.Len(); i++ {
		v := tupleElement(r.Site, i)
		if v == nil || isErrorType(v.Type()) {
			continue
		}
		out = append(out, aliases(v)...)
	}
	return out
}

// livesIn tells whether an instruction lets something that may hold a resource out of the function: the resource is in use
// then, and has an owner.
func (g *Goroutines) livesIn(instr ssa.Instruction, holders []ssa.Value) bool {
	if len(holders) == 0 {
		return false
	}
	return g.lets(instr, holders) || slices.ContainsFunc(holders, func(v ssa.Value) bool { return keepsName(instr, v) })
}
