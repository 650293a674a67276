// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// MadeApart tells whether the objects of two accesses that meet are surely two: where each comes from, on the ways that its
// goroutine takes, is known to the last, and nothing that is made there is made for both.
func (m *Memory) MadeApart(a, b *Access, meeting program.Meeting) bool {
	if a.Base == nil || b.Base == nil || meeting.A == nil || meeting.B == nil {
		return false
	}
	mine, ok := m.births(a.Base, meeting.A)
	if !ok {
		return false
	}
	others, ok := m.births(b.Base, meeting.B)
	return ok && !slices.ContainsFunc(mine, func(x ssa.Value) bool {
		return slices.ContainsFunc(others, func(y ssa.Value) bool { return m.oneBirth(x, y) })
	})
}

// oneBirth tells whether what is made at two places can be one object: they are one place, or the one is a call of a constructor
// and the other a step of that.
func (m *Memory) oneBirth(x, y ssa.Value) bool {
	if x == y {
		return true
	}
	made, other := m.allocsBy(x), m.allocsBy(y)
	if !slices.ContainsFunc(made, func(v ssa.Value) bool { return slices.Contains(other, v) }) {
		return false
	}
	return m.stepOf(x, y) || m.stepOf(y, x)
}

// allocsBy lists the allocations of what is made at a place.
func (m *Memory) allocsBy(birth ssa.Value) []ssa.Value {
	switch birth.(type) {
	case *ssa.Alloc, *ssa.Global:
		return []ssa.Value{birth}
	}
	return m.Program.Sources(birth).Values
}

// stepOf tells whether one place where an object is made belongs to a constructor that another calls.
func (m *Memory) stepOf(inner, outer ssa.Value) bool {
	within, ok := inner.(ssa.Instruction)
	if !ok {
		return true
	}
	site := callOf(outer)
	return site != nil && slices.ContainsFunc(m.Program.Static(site), func(fn *ssa.Function) bool {
		return fn == within.Parent() || slices.ContainsFunc(returns(fn), func(ret *ssa.Return) bool {
			return slices.ContainsFunc(ret.Results, func(v ssa.Value) bool {
				return callOf(v) != nil && callOf(v) != site && m.stepOf(inner, v)
			})
		})
	})
}

// callOf returns the call that a value is a result of, or nil.
func callOf(v ssa.Value) *ssa.Call {
	if ex, ok := v.(*ssa.Extract); ok {
		v = ex.Tuple
	}
	call, _ := v.(*ssa.Call)
	return call
}

// returns lists where a function returns.
func returns(fn *ssa.Function) []*ssa.Return {
	var out []*ssa.Return
	for _, b := range fn.Blocks {
		if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok {
			out = append(out, ret)
		}
	}
	return out
}

// births lists where the objects that a value can be in a goroutine are made: literals, and calls of constructors. ok is false
// if it can be something else as well.
func (m *Memory) births(v ssa.Value, in *program.Root) (made []ssa.Value, ok bool) {
	key := identityKey{v, in}
	if known, ok := m.born[key]; ok {
		return known, known != nil
	}
	m.born[key] = nil // asked again while answering: not known
	w := &birthWalk{m: m, in: in, seen: make(map[ssa.Value]bool)}
	w.value(v)
	if w.open || len(w.made) == 0 {
		return nil, false
	}
	m.born[key] = w.made
	return w.made, true
}

// birthWalk follows a value back to where it is made.
type birthWalk struct {
	m    *Memory
	in   *program.Root
	seen map[ssa.Value]bool
	made []ssa.Value
	// open is set when the value can also be something else.
	open bool
}

func (w *birthWalk) add(v ssa.Value) {
	if !slices.Contains(w.made, v) {
		w.made = append(w.made, v)
	}
}

func (w *birthWalk) all(values []ssa.Value) {
	w.open = w.open || len(values) == 0
	for _, v := range values {
		w.value(v)
	}
}

func (w *birthWalk) value(v ssa.Value) {
	if w.open || w.seen[v] {
		return
	}
	w.seen[v] = true
	if len(w.seen) > commonBudget {
		w.open = true
		return
	}
	switch x := v.(type) {
	case *ssa.Alloc, *ssa.Global:
		w.add(x)
	case *ssa.Const: // nil
	case *ssa.FieldAddr:
		w.value(x.X) // a struct inside of another is born with it
	case *ssa.Phi:
		w.all(x.Edges)
	case *ssa.MakeInterface:
		w.value(x.X)
	case *ssa.ChangeInterface:
		w.value(x.X)
	case *ssa.ChangeType:
		w.value(x.X)
	case *ssa.TypeAssert:
		w.value(x.X)
	case *ssa.Call:
		w.result(x, x, 0)
	case *ssa.Extract:
		switch tuple := x.Tuple.(type) {
		case *ssa.Call:
			w.result(x, tuple, x.Index)
		case *ssa.TypeAssert:
			w.value(tuple.X)
		default:
			w.open = true
		}
	case *ssa.UnOp:
		w.kept(x)
	case *ssa.FreeVar:
		w.all(w.m.Program.Bindings(x))
	case *ssa.Parameter:
		w.parameter(x)
	default:
		w.open = true
	}
}

// result stops at the call of a constructor, and goes on into what else returns the value.
func (w *birthWalk) result(v ssa.Value, call *ssa.Call, index int) {
	if w.m.isFresh(v) {
		w.add(v)
		return
	}
	callees := w.m.Program.Static(call)
	w.open = w.open || len(callees) == 0
	for _, fn := range callees {
		for _, ret := range returns(fn) {
			if index < len(ret.Results) {
				w.value(ret.Results[index])
			}
		}
	}
}

// kept follows what is loaded from a variable.
func (w *birthWalk) kept(load *ssa.UnOp) {
	switch addr := load.X.(type) {
	case *ssa.FieldAddr:
		w.all(w.stored(addr))
	case *ssa.Alloc:
		w.open = w.open || givenAway(addr)
		w.all(w.m.Program.StoredAt(addr))
	case *ssa.Global, *ssa.FreeVar:
		w.all(w.m.Program.StoredAt(addr))
	default:
		w.open = true
	}
}

// givenAway tells whether a call is given the address of a variable: it may put something else there.
func givenAway(cell *ssa.Alloc) bool {
	return slices.ContainsFunc(*cell.Referrers(), func(ref ssa.Instruction) bool {
		_, call := ref.(ssa.CallInstruction)
		return call
	})
}

// storesLimit bounds the stores to a field that are looked at one by one.
const storesLimit = 12

// stored lists what is stored in a field, as far as the struct there can be the one that the field belongs to.
func (w *birthWalk) stored(field *ssa.FieldAddr) []ssa.Value {
	key, ok := program.FieldKeyOf(field.X.Type(), field.Field)
	if !ok {
		return nil
	}
	stores := w.m.Program.FieldStores(key)
	var holders []ssa.Value
	if len(stores) > 1 && len(stores) <= storesLimit {
		holders, _ = w.m.births(field.X, w.in)
	}
	apart := len(holders) > 0 && !w.m.overwritten(key.Type) && !slices.ContainsFunc(holders, func(birth ssa.Value) bool {
		return slices.ContainsFunc(w.m.allocsBy(birth), func(made ssa.Value) bool { return copied(made, field.Field) })
	})
	var out []ssa.Value
	for _, store := range stores {
		if !apart || !w.m.toOthers(store, holders) {
			out = append(out, store.Val)
		}
	}
	return out
}

// toOthers tells whether a store is to a struct that is none of several.
func (m *Memory) toOthers(store *ssa.Store, holders []ssa.Value) bool {
	at, ok := m.births(store.Addr.(*ssa.FieldAddr).X, nil)
	return ok && !slices.ContainsFunc(at, func(x ssa.Value) bool {
		return slices.ContainsFunc(holders, func(y ssa.Value) bool { return m.oneBirth(x, y) })
	})
}

// copied tells whether a struct is made as the copy of another, with what that has in a field.
func copied(made ssa.Value, field int) bool {
	return made.Referrers() == nil || slices.ContainsFunc(*made.Referrers(), func(ref ssa.Instruction) bool {
		whole, ok := ref.(*ssa.Store)
		return ok && whole.Addr == made && !setNext(whole, field)
	})
}

// setNext tells whether a field of a struct is set behind a store to the whole struct, in one block with it.
func setNext(whole *ssa.Store, field int) bool {
	instrs := whole.Block().Instrs
	return slices.ContainsFunc(instrs[slices.Index(instrs, ssa.Instruction(whole)):], func(instr ssa.Instruction) bool {
		store, ok := instr.(*ssa.Store)
		if !ok {
			return false
		}
		at, ok := store.Addr.(*ssa.FieldAddr)
		return ok && at.X == whole.Addr && at.Field == field
	})
}

// overwritten tells whether structs of a type are ever replaced as a whole behind a pointer.
func (m *Memory) overwritten(t *types.Named) bool {
	if m.replaced == nil {
		m.replaced = make(map[*types.Named]bool)
		for _, fn := range m.Program.Funcs {
			for _, b := range fn.Blocks {
				for _, instr := range b.Instrs {
					if store, ok := instr.(*ssa.Store); ok && wholeStruct(store.Val.Type()) {
						if _, local := store.Addr.(*ssa.Alloc); !local {
							m.replaced[program.Named(store.Val.Type())] = true
						}
					}
				}
			}
		}
	}
	return m.replaced[t]
}

// parameter follows the arguments that the goroutine gives; where it begins, what who started it gave. A function that made
// something ready before the goroutine began has all its callers.
func (w *birthWalk) parameter(x *ssa.Parameter) {
	fn, p := x.Parent(), w.m.Program
	index := slices.Index(fn.Params, x)
	runs := w.in != nil && p.Concurrency().Runs(w.in, fn)
	begins := w.in != nil && fn == w.in.Func
	if begins && (w.in.Entry != nil || w.in.ByContract()) || p.EntryAt(fn) != nil && !runs {
		if index != 0 || fn.Signature.Recv() == nil {
			w.open = true
			return
		}
		made := w.m.makers(program.Named(x.Type()))
		w.open = w.open || len(made) == 0
		for _, alloc := range made {
			w.add(alloc)
		}
		return
	}
	some := false
	for _, e := range p.Callers(fn) {
		starts := e.How == program.Starts
		if runs && (begins != starts || !starts && !p.Concurrency().Runs(w.in, e.Caller())) {
			continue
		}
		args := p.Arguments(e, index)
		some = some || len(args) > 0
		w.all(args)
	}
	w.open = w.open || !some
}
