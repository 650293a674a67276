// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// passedUp tells whether a read that a callee made is all that the call's result can be: a getter around a lister.
func (e *Effects) passedUp(ev *Event) bool {
	call, ok := ev.At.(*ssa.Call)
	if !ok || !ev.Call.Shared {
		return false
	}
	index := 0
	switch root := ev.Root.(type) {
	case *ssa.Call:
		ok = root == call
	case *ssa.Extract:
		index, ok = root.Index, root.Tuple == call
	default:
		ok = false
	}
	edges := e.Program.Callees(call)
	if !ok || len(edges) != 1 || edges[0].Arg >= 0 {
		return false
	}
	callee := edges[0].Callee
	for _, inner := range e.Events(callee) {
		if inner.Kind == Read && inner.Origin == ev.Origin && inner.Root != nil && (inner.Origin == inner.At || e.passedUp(inner)) {
			return e.returnsOnly(callee, index, inner.Root)
		}
	}
	return false
}

// returnsOnly tells whether a result of a function is root or nil, whatever way it takes.
func (e *Effects) returnsOnly(fn *ssa.Function, index int, root ssa.Value) bool {
	for _, b := range fn.Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok {
			continue
		}
		if index >= len(ret.Results) {
			return false
		}
		if program.IsNil(ret.Results[index]) {
			continue
		}
		if p, one := e.Place(fn, ret.Results[index]); !one || p.Root != root || p.Base != "" || p.Path != "" {
			return false
		}
	}
	return true
}

// shallowCopies returns the variables that a shared object is assigned to by value: *cached.
func (e *Effects) shallowCopies(fn *ssa.Function, all []Shared) []Shared {
	var out []Shared
	for _, ev := range e.Events(fn) {
		store, ok := ev.Origin.(*ssa.Store)
		if ev.Kind != Copy || !ok || ev.At != ev.Origin {
			continue
		}
		cell, local := store.Addr.(*ssa.Alloc)
		if !local || len(e.storedHere(fn, cell)) != 1 {
			continue
		}
		for _, sh := range all {
			if whole := concat(ev.From.Base, ev.From.Path); ev.From.Root == sh.Root && (whole == "" && !sh.List || whole == "[]" && sh.List) {
				out = append(out, Shared{Root: cell, At: sh.At, Asked: sh.Asked, Handed: sh.Handed, From: "a shallow copy of " + sh.From, Shallow: true})
			}
		}
	}
	return out
}

// ownByThen tells whether a part of a shallow copy may have been replaced before a change: then it is no longer shared.
func (e *Effects) ownByThen(fn *ssa.Function, change *Event) bool {
	return slices.ContainsFunc(e.Events(fn), func(ev *Event) bool {
		if ev == change || ev.Kind != Change || ev.Object != change.Object || strings.HasSuffix(ev.Path, "[]") {
			return false
		}
		return Under(change.Path, ev.Path) && MayPrecede(ev.At, change.At)
	})
}

// FixedAndUnread tells whether a change sets a field to a constant, each time again, and nobody but the functions that lead to it
// reads that field; what an object is, its API version and kind, never changes.
func (e *Effects) FixedAndUnread(c SharedChange) bool {
	st, ok := c.Change.Origin.(*ssa.Store)
	if !ok {
		return false
	}
	field, ok := st.Addr.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	if program.IsNamed(field.X.Type(), metaPath, "TypeMeta") {
		return true
	}
	if !c.Change.Deps().Constant {
		return false
	}
	key, ok := program.FieldKeyOf(field.X.Type(), field.Field)
	return ok && !slices.ContainsFunc(e.fieldLoads(key), func(load ssa.Value) bool {
		return load.Parent() != st.Parent() && load.Parent() != c.Func
	})
}
