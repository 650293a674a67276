// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// KeptChange is a change of an API object that the same function put into a map or a variable before, with a lock held, where others find it.
type KeptChange struct {
	Func *ssa.Function
	// Type is that of the object.
	Type types.Type
	// Given is the call that puts the object there, Put is where that is done, and Guard the lock that is held then.
	Given ssa.CallInstruction
	Put   *memory.Access
	Guard memory.Place
	// Change is made later, without the lock.
	Change *Event
	// Read is where others take objects from the map.
	Read *memory.Access
}

// KeptChanges returns the first such change of each object in own code, in source order of the functions; each change once, in however
// many places the object is kept.
func (e *Effects) KeptChanges() []KeptChange {
	k := &keeper{e: e, puts: e.sharedPuts(), known: make(map[*ssa.Parameter]keeping)}
	var out []KeptChange
	told := make(map[ssa.Instruction]bool)
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if c, ok := k.changedAfter(fn, site); ok && !told[c.Change.Origin] {
				told[c.Change.Origin] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// changedAfter looks for a change of an object after a call that keeps it.
func (k *keeper) changedAfter(fn *ssa.Function, site ssa.CallInstruction) (KeptChange, bool) {
	for _, callee := range k.e.Program.Static(site) {
		for i, param := range callee.Params {
			arg := program.ArgumentFor(program.Edge{Site: site, Callee: callee, Arg: -1}, i)
			if arg == nil || !k.e.isObject(param.Type()) {
				continue
			}
			does := k.keeps(param, 0)
			put, guard := does.put, does.lock
			obj, one := k.e.Place(fn, arg)
			if put == nil || !guard.Known() || !one || obj.Base != "" || obj.Path != "" {
				continue
			}
			for _, ev := range k.later(fn, site, obj.Root, put.Place) {
				if k.holds(ev, guard) {
					continue
				}
				if read := k.readers(put, guard, ev); read != nil {
					return KeptChange{Func: fn, Type: param.Type(), Given: site, Put: put, Guard: guard, Change: ev, Read: read}, true
				}
			}
		}
	}
	return KeptChange{}, false
}

// later returns the changes of an object that come after a call, in the function itself and in the function values that it makes then.
func (k *keeper) later(fn *ssa.Function, site ssa.CallInstruction, object ssa.Value, place memory.Place) []*Event {
	var out []*Event
	for _, ev := range slices.Concat(k.e.Events(fn), k.e.answered(fn)) {
		if ev.Kind == Change && ev.Root == object && ev.Path != "" && staysWithin(site, ev.At, object) && !k.dropped(site, ev.At, place) {
			out = append(out, ev)
		}
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			made, ok := instr.(*ssa.MakeClosure)
			if !ok || !staysWithin(site, made, object) || k.dropped(site, made, place) {
				continue
			}
			inner := made.Fn.(*ssa.Function)
			for _, ev := range slices.Concat(k.e.Events(inner), k.e.answered(inner)) {
				if ev.Kind == Change && ev.Path != "" && k.binds(made, ev.Root, object) {
					out = append(out, ev)
				}
			}
		}
	}
	return out
}

// binds tells whether a captured variable of a function value has nothing but that object.
func (k *keeper) binds(made *ssa.MakeClosure, captured, object ssa.Value) bool {
	for i, free := range made.Fn.(*ssa.Function).FreeVars {
		if ssa.Value(free) != captured {
			continue
		}
		cell, ok := made.Bindings[i].(*ssa.Alloc)
		if !ok {
			return made.Bindings[i] == object
		}
		stored := k.e.Program.StoredAt(cell)
		return len(stored) == 1 && stored[0] == object
	}
	return false
}

// holds tells whether a change is made with a lock held.
func (k *keeper) holds(ev *Event, guard memory.Place) bool {
	return slices.ContainsFunc(k.e.Memory().Locks.Held(ev.Origin), func(h memory.Holding) bool { return h.Lock.Place == guard })
}

// readers returns where another function takes entries from there, at the same time as the change.
func (k *keeper) readers(put *memory.Access, guard memory.Place, change *Event) *memory.Access {
	for _, a := range k.e.Memory().Accesses(put.Place) {
		if a.Write || a.Func() == put.Func() || a.Func() == change.Func() {
			continue
		}
		if _, held := a.Holds(guard); !held {
			continue
		}
		if _, meet := k.e.Program.Concurrency().Meet(change.Origin, a.At); meet {
			return a
		}
	}
	return nil
}

// dropped tells whether something between two instructions takes the object out again.
func (k *keeper) dropped(from, to ssa.Instruction, place memory.Place) bool {
	for _, a := range k.e.Memory().Accesses(place) {
		if !a.Write || !removes(a.At) {
			continue
		}
		for site := range program.Sites(from.Parent()) {
			if site != from && MayPrecede(from, site) && MayPrecede(site, to) && slices.ContainsFunc(k.e.Program.Static(site), func(callee *ssa.Function) bool {
				return callee == a.Func() || k.e.Reach(callee)[a.Func()]
			}) {
				return true
			}
		}
	}
	return false
}

// removes tells whether an instruction deletes an entry of a map, or leaves nothing in a variable.
func removes(at ssa.Instruction) bool {
	switch x := at.(type) {
	case *ssa.Call:
		b, ok := x.Call.Value.(*ssa.Builtin)
		return ok && b.Name() == "delete"
	case *ssa.Store:
		return program.IsNil(x.Val)
	}
	return false
}

// staysWithin tells whether control can get from one instruction to another without making the object anew.
func staysWithin(from, to ssa.Instruction, object ssa.Value) bool {
	if from.Block() == to.Block() && indexIn(from.Block(), from) < indexIn(to.Block(), to) {
		return true
	}
	made, ok := object.(ssa.Instruction)
	if !ok {
		return MayPrecede(from, to)
	}
	within := make(map[*ssa.BasicBlock]bool)
	for _, b := range from.Parent().Blocks {
		within[b] = b != made.Block()
	}
	return from.Parent() == to.Parent() && to.Block() != made.Block() && comesTo(from.Block(), to.Block(), within)
}
