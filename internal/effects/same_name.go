// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// namesSame tells whether a read in a closure asks for the object that an outer function has under the same name: by a key
// that is made of that object, or the one that it was read by itself.
func (e *Effects) namesSame(fn *ssa.Function, read *Event, outer *ssa.Function, o Object) bool {
	key := e.keyOf(read)
	kin := e.kin(outer, o)
	if slices.ContainsFunc(key.Places, func(p Place) bool {
		return slices.ContainsFunc(kin, func(k Object) bool { return k.Root == p.Root })
	}) {
		return true
	}
	return slices.ContainsFunc(e.Events(outer), func(ev *Event) bool {
		return ev.Kind == Read && ev.Origin != read.Origin && slices.ContainsFunc(kin, func(k Object) bool { return k == ev.Object }) && sameKey(key, e.keyOf(ev))
	})
}

// NamesSame tells whether a read in a closure asks for the object that an earlier read in the function around it filled.
func (e *Effects) NamesSame(read *Event, outer *ssa.Function, o Object) bool {
	return e.namesSame(read.Func(), read, outer, o)
}

// keyOf is what the name or key that a read is given is made of, captured variables resolved; for a helper, what the name of
// the object is.
func (e *Effects) keyOf(read *Event) Deps {
	site, ok := read.Origin.(ssa.CallInstruction)
	if !ok || read.Call == nil {
		return Deps{}
	}
	v := program.Argument(site, read.Call.Key)
	if made, isAlloc := read.Root.(*ssa.Alloc); v == nil && isAlloc {
		v = storedName(made)
	}
	if v == nil {
		return Deps{}
	}
	deps := e.DepsOf(site.Parent(), v)
	out := deps
	out.Places = nil
	for _, p := range deps.Places {
		free, isFree := p.Root.(*ssa.FreeVar)
		if !isFree {
			out.addPlace(p)
			continue
		}
		for _, cell := range e.Program.Bindings(free) {
			if alloc, isAlloc := cell.(*ssa.Alloc); isAlloc && !holdsPointer(alloc.Type()) && !e.isObject(alloc.Type()) {
				out.merge(e.DepsOf(cell.Parent(), alloc))
				continue
			}
			pl := placer{e: e, fn: cell.Parent(), known: make(map[ssa.Value][]Place)}
			for _, at := range pl.load(cell) {
				out.addPlace(moved(p, at, e.isObject(free.Type()) || e.isObjectCell(free.Type())))
			}
		}
	}
	return out
}

// sameKey tells whether two keys are made of the same values.
func sameKey(a, b Deps) bool {
	if len(a.Places) > 0 && len(a.Places) == len(b.Places) {
		return !slices.ContainsFunc(a.Places, func(p Place) bool { return !slices.Contains(b.Places, p) })
	}
	return len(a.Places) == 0 && len(b.Places) == 0 && len(a.Calls) == 0 && len(b.Calls) == 0 && len(a.Strings) > 0 && slices.Equal(a.Strings, b.Strings)
}
