// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// births is where the objects that a value can be in a goroutine are made: literals, and calls of constructors.
type births struct {
	made []ssa.Value // none if the value can be something else as well
	// own is set when each run of the goroutine makes them for itself: it comes to them by what it made, not by what lasts longer.
	own bool
}

func (b births) known() bool { return len(b.made) > 0 }

// births finds out where the objects that a value can be in a goroutine are made.
func (m *Memory) births(v ssa.Value, in *program.Root) births {
	key := identityKey{v, in}
	if known, ok := m.born[key]; ok {
		return known
	}
	m.born[key] = births{} // asked again while answering: not known
	w := &birthWalk{m: m, in: in, seen: make(map[ssa.Value]bool)}
	w.value(v)
	if !w.open {
		m.born[key] = births{w.made, in != nil && !w.elsewhere}
	}
	return m.born[key]
}

// birthWalk follows a value back to where it is made.
type birthWalk struct {
	m    *Memory
	in   *program.Root
	seen map[ssa.Value]bool
	made []ssa.Value
	// open is set when the value can also be something else.
	open bool
	// elsewhere is set when something on the way is not made by this run of the goroutine.
	elsewhere bool
}

// add keeps a place where the value is made.
func (w *birthWalk) add(v ssa.Value) {
	w.elsewhere = w.elsewhere || !w.makes(v)
	if !slices.Contains(w.made, v) {
		w.made = append(w.made, v)
	}
}

// makes tells whether each run of the goroutine comes to a place where something is made.
func (w *birthWalk) makes(v ssa.Value) bool {
	at, ok := v.(ssa.Instruction)
	p := w.m.Program
	return ok && w.in != nil && p.Concurrency().Runs(w.in, at.Parent()) && !p.RunsOnce(at) && !w.m.runsUnderOnce(at.Parent(), 0)
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
		w.captured(x)
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
		w.elsewhere = w.elsewhere || !w.m.births(addr.X, w.in).own
		w.all(w.stored(addr))
	case *ssa.Alloc:
		w.elsewhere = w.elsewhere || !w.makes(addr)
		w.open = w.open || givenAway(addr)
		w.all(w.m.Program.StoredAt(addr))
	case *ssa.FreeVar:
		w.captured(addr)
		w.all(w.m.Program.StoredAt(addr))
	case *ssa.Global:
		w.elsewhere = true
		w.all(w.m.Program.StoredAt(addr))
	default:
		w.open = true
	}
}

// captured follows a variable of the function around a closure, which the same run has made unless the goroutine begins in it.
func (w *birthWalk) captured(x *ssa.FreeVar) {
	fn := x.Parent()
	w.elsewhere = w.elsewhere || w.in == nil || fn == w.in.Func || !w.m.Program.Concurrency().Runs(w.in, fn.Parent())
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
		holders = w.m.births(field.X, w.in).made
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
	at := m.births(store.Addr.(*ssa.FieldAddr).X, nil)
	return at.known() && !slices.ContainsFunc(at.made, func(x ssa.Value) bool {
		return slices.ContainsFunc(holders, func(y ssa.Value) bool { return m.oneBirth(x, y) })
	})
}

// copied tells whether a struct is made as the copy of another, with what that has in a field.
func copied(made ssa.Value, field int) bool {
	if program.IsNil(made) {
		return false
	}
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
	w.elsewhere = w.elsewhere || !runs || begins
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
