// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// owned tells whether the object at root belongs to the running function alone when instr runs: it was made here, or
// by whoever called with it, and nobody else was told of it yet.
func (m *Memory) owned(root ssa.Value, instr ssa.Instruction) bool {
	switch x := root.(type) {
	case *ssa.Alloc:
		return m.madeHere(x, x.Parent(), instr)
	case *ssa.Call:
		return m.isFresh(x) && m.madeHere(x, x.Parent(), instr)
	case *ssa.Extract:
		return m.isFresh(x) && m.madeHere(x, x.Parent(), instr)
	case *ssa.Parameter:
		_, within := m.within(x.Parent(), instr)
		return within && m.ownedParam(x)
	}
	return false
}

// within returns the instruction of fn that runs instr, which stands in fn or in a closure of it that runs as a part of it;
// ok is false for a closure that somebody else runs.
func (m *Memory) within(fn *ssa.Function, instr ssa.Instruction) (at ssa.Instruction, ok bool) {
	at = instr
	for depth := 0; at.Parent() != fn; depth++ {
		inner := at.Parent()
		callers := m.Program.Callers(inner)
		if depth > 8 || inner.Parent() == nil || len(callers) != 1 || m.startedOrKept(inner) {
			return nil, false
		}
		at = callers[0].Site
	}
	return at, true
}

// madeHere tells whether an object made in fn was not told to others before instr, which stands in fn or in a closure
// of it that runs as a part of it.
func (m *Memory) madeHere(v ssa.Value, fn *ssa.Function, instr ssa.Instruction) bool {
	at, ok := m.within(fn, instr)
	if !ok {
		return false
	}
	if !m.Program.Concurrency().Late(at) {
		return true
	}
	return !m.toldBefore(v, at)
}

// startedOrKept tells whether a closure runs as a goroutine or is called by a framework.
func (m *Memory) startedOrKept(fn *ssa.Function) bool {
	return m.Program.EntryAt(fn) != nil ||
		slices.ContainsFunc(m.Program.Callers(fn), func(e program.Edge) bool { return e.How == program.Starts })
}

// toldBefore tells whether a value can have got to others before instr.
func (m *Memory) toldBefore(v ssa.Value, instr ssa.Instruction) bool {
	return slices.ContainsFunc(m.tells(v), func(tell ssa.Instruction) bool {
		return program.MayPrecedeWithout(tell, instr, v.(ssa.Instruction))
	})
}

// tells returns what gets a value to others: it is stored, captured, sent or passed on.
func (m *Memory) tells(v ssa.Value) []ssa.Instruction {
	if known, ok := m.told[v]; ok {
		return known
	}
	var out []ssa.Instruction
	seen := map[ssa.Value]bool{v: true} // a closure may be in a variable that it captures
	cells := []ssa.Value{v}
	follow := func(cell ssa.Value) {
		if !seen[cell] {
			seen[cell] = true
			cells = append(cells, cell)
		}
	}
	for ; len(cells) > 0; cells = cells[1:] {
		cell := cells[0]
		if cell.Referrers() == nil {
			continue
		}
		for _, ref := range *cell.Referrers() {
			switch x := ref.(type) {
			case *ssa.Store:
				if local, ok := x.Addr.(*ssa.Alloc); ok && x.Val == cell {
					follow(local)
					continue
				}
				if x.Val != cell || m.Locks.place.refOf(x.Addr).Root == v {
					continue // stored into the object itself: it goes where the object goes
				}
			case *ssa.MakeClosure:
				follow(x) // told of when the closure is
				continue
			case *ssa.FieldAddr, *ssa.UnOp, *ssa.Return, *ssa.DebugRef, *ssa.IndexAddr, *ssa.Phi:
				continue
			case *ssa.Call:
				if m.keepsForItself(x, cell, 0) {
					continue
				}
			}
			out = append(out, ref)
		}
	}
	m.told[v] = out
	return out
}

// isFresh tells whether a call returns an object that its callee made.
func (m *Memory) isFresh(v ssa.Value) bool {
	if !m.constructs(v) { // asks less than the sources of v
		return false
	}
	srcs := m.Program.Sources(v)
	if srcs.Partial || len(srcs.Values) == 0 {
		return false
	}
	fresh := false
	for _, src := range srcs.Values {
		switch src.(type) {
		case *ssa.Const: // nil next to an error
		case *ssa.Alloc:
			fresh = true
		default:
			return false
		}
	}
	return fresh
}

// constructs tells whether the call behind v makes what it returns, itself or by what it calls, instead of handing out what is
// kept somewhere.
func (m *Memory) constructs(v ssa.Value) bool { return m.constructsAt(v, 0) }

// constructsDepth bounds the constructors that are followed into each other.
const constructsDepth = 3

func (m *Memory) constructsAt(v ssa.Value, depth int) bool {
	index := 0
	if ex, ok := v.(*ssa.Extract); ok {
		index, v = ex.Index, ex.Tuple
	}
	call, ok := v.(*ssa.Call)
	if !ok || depth > constructsDepth {
		return false
	}
	callees := m.Program.Static(call)
	for _, fn := range callees {
		for _, b := range fn.Blocks {
			ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
			if !ok || index >= len(ret.Results) {
				continue
			}
			switch root := m.Locks.place.refOf(ret.Results[index]).Root.(type) {
			case *ssa.Alloc, *ssa.Const:
			case *ssa.Call, *ssa.Extract:
				if !m.constructsAt(root, depth+1) {
					return false
				}
			default:
				return false
			}
		}
	}
	return len(callees) > 0
}

// ownedParam tells whether every caller passes an object that it owns.
func (m *Memory) ownedParam(param *ssa.Parameter) bool {
	if known, ok := m.ownedParams[param]; ok {
		return known
	}
	m.ownedParams[param] = true // asked again while answering: a circle adds no other callers
	m.ownedParams[param] = m.passedOwned(param)
	return m.ownedParams[param]
}

func (m *Memory) passedOwned(param *ssa.Parameter) bool {
	fn := param.Parent()
	callers := m.Program.Callers(fn)
	if len(callers) == 0 || m.Program.EntryAt(fn) != nil || m.Program.Concurrency().Unseen(fn) {
		return false
	}
	for _, e := range callers {
		if m.Program.InTest(e.Caller()) && !m.Program.InTest(fn) {
			continue // whoever tests fn does not share the object either
		}
		arg := program.ArgumentFor(e, slices.Index(fn.Params, param))
		if arg == nil || e.How == program.Starts || !m.owned(m.Locks.place.refOf(arg).Root, e.Site) {
			return false
		}
	}
	return true
}

// runsUnderOnce tells whether fn runs only inside of sync.Once and its like.
func (m *Memory) runsUnderOnce(fn *ssa.Function, depth int) bool {
	callers := m.Program.Callers(fn)
	if len(callers) == 0 || depth > 4 {
		return false
	}
	for _, e := range callers {
		if e.UnderOnce() {
			continue
		}
		if e.Arg >= 0 || !m.runsUnderOnce(e.Caller(), depth+1) {
			return false
		}
	}
	return true
}
