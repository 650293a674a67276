// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// handedOut returns the results of own functions that can be nothing but a shared object, or a list of such: helpers around a
// lister that find, filter or choose. What is known already is left out.
func (e *Effects) handedOut(fn *ssa.Function, known []Shared) []Shared {
	var out []Shared
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok {
			continue
		}
		edges := e.Program.Callees(call)
		if len(edges) != 1 || edges[0].Arg >= 0 || program.Model(call) != nil {
			continue // several may answer, and not all of them the same
		}
		callee := edges[0].Callee
		for _, sh := range e.sharedIn(callee) {
			if sh.Handed || sh.Shallow {
				continue // its caller has it as well
			}
			for i := range callee.Signature.Results().Len() {
				value := resultValue(call, i, callee.Signature.Results().Len())
				if value == nil || slices.ContainsFunc(known, func(k Shared) bool { return k.Root == value }) {
					continue
				}
				whole, element := e.returnsOnly(callee, i, sh.Root), sh.List && e.returnsElement(callee, i, sh.Root)
				if whole || element {
					out = append(out, Shared{Root: value, At: call, Asked: sh.Asked, From: sh.From, List: sh.List && whole})
				}
			}
		}
	}
	return out
}

// returnsElement tells whether a result of a function is an element of the list root or nil, whatever way it takes.
func (e *Effects) returnsElement(fn *ssa.Function, index int, root ssa.Value) bool {
	found := false
	for _, b := range fn.Blocks {
		ret, ok := last(b).(*ssa.Return)
		if !ok {
			continue
		}
		if index >= len(ret.Results) || !isPointer(ret.Results[index].Type()) {
			return false
		}
		if program.IsNil(ret.Results[index]) {
			continue
		}
		if p, one := e.Place(fn, ret.Results[index]); !one || p.Root != root || concat(p.Base, p.Path) != "[]" {
			return false
		}
		found = true
	}
	return found
}

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

// appended returns the lists that a function makes of shared objects: one list after another, or the elements that it picks.
func (e *Effects) appended(fn *ssa.Function, known []Shared) []Shared {
	if len(known) == 0 {
		return nil
	}
	made := make(map[*ssa.Call]Shared)
	var order []*ssa.Call
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || !isAppend(call) || !pointsToObjects(e, call.Type()) {
			continue
		}
		if sh, ok := e.addedShared(fn, call.Call.Args[1], known); ok {
			made[call] = Shared{Root: call, At: sh.At, Asked: sh.Asked, From: sh.From, List: true}
			order = append(order, call)
		}
	}
	for again := true; again; {
		again = false
		for _, call := range order {
			if _, ok := made[call]; ok && !e.onlyShared(fn, call.Call.Args[0], made, known, make(map[ssa.Value]bool)) {
				delete(made, call)
				again = true
			}
		}
	}
	var out []Shared
	for _, call := range order {
		if sh, ok := made[call]; ok {
			out = append(out, sh)
		}
	}
	return out
}

func isAppend(call *ssa.Call) bool {
	b, ok := call.Call.Value.(*ssa.Builtin)
	return ok && b.Name() == "append" && len(call.Call.Args) == 2
}

// pointsToObjects tells whether t is a slice of pointers to API objects: an element of another is a copy.
func pointsToObjects(e *Effects, t types.Type) bool {
	slice, ok := t.Underlying().(*types.Slice)
	return ok && isPointer(slice.Elem()) && e.isObject(slice.Elem())
}

// addedShared tells whether what is appended, a list or the elements, is shared.
func (e *Effects) addedShared(fn *ssa.Function, v ssa.Value, known []Shared) (Shared, bool) {
	if sh, ok := e.sharedList(fn, v, known); ok {
		return sh, true
	}
	slice, ok := v.(*ssa.Slice)
	if !ok {
		return Shared{}, false
	}
	var found Shared
	for _, elem := range elementsOf(slice.X) {
		sh, ok := e.sharedElement(fn, elem, known)
		if !ok {
			return Shared{}, false
		}
		found = sh
	}
	return found, found.Root != nil
}

// elementsOf returns what is stored into an array, the elements of a variadic argument.
func elementsOf(array ssa.Value) []ssa.Value {
	var out []ssa.Value
	if array.Referrers() == nil {
		return nil
	}
	for _, ref := range *array.Referrers() {
		if at, ok := ref.(*ssa.IndexAddr); ok {
			for _, st := range storesTo(at) {
				out = append(out, st.Val)
			}
		}
	}
	return out
}

func (e *Effects) sharedList(fn *ssa.Function, v ssa.Value, known []Shared) (Shared, bool) {
	return e.sharedAs(fn, v, known, func(sh Shared, path string) bool { return sh.List && path == "" })
}

func (e *Effects) sharedElement(fn *ssa.Function, v ssa.Value, known []Shared) (Shared, bool) {
	return e.sharedAs(fn, v, known, func(sh Shared, path string) bool { return sh.List && path == "[]" || !sh.List && path == "" })
}

func (e *Effects) sharedAs(fn *ssa.Function, v ssa.Value, known []Shared, fits func(sh Shared, path string) bool) (Shared, bool) {
	p, one := e.Place(fn, v)
	if !one {
		return Shared{}, false
	}
	i := slices.IndexFunc(known, func(sh Shared) bool {
		return sh.Root == p.Root && !sh.Shallow && fits(sh, concat(p.Base, p.Path))
	})
	if i < 0 {
		return Shared{}, false
	}
	return known[i], true
}

// onlyShared tells whether a list that is appended to is empty, shared, or one of those that are made of shared objects.
func (e *Effects) onlyShared(fn *ssa.Function, v ssa.Value, made map[*ssa.Call]Shared, known []Shared, seen map[ssa.Value]bool) bool {
	if seen[v] {
		return true
	}
	seen[v] = true
	switch x := v.(type) {
	case *ssa.Const:
		return true
	case *ssa.MakeSlice:
		return len(*x.Referrers()) > 0 && !slices.ContainsFunc(*x.Referrers(), func(ref ssa.Instruction) bool { _, sets := ref.(*ssa.IndexAddr); return sets })
	case *ssa.Slice:
		array, ok := x.X.(*ssa.Alloc)
		return ok && len(elementsOf(array)) == 0
	case *ssa.Phi:
		return !slices.ContainsFunc(x.Edges, func(edge ssa.Value) bool { return !e.onlyShared(fn, edge, made, known, seen) })
	case *ssa.Call:
		if _, ok := made[x]; ok {
			return true
		}
	}
	_, ok := e.sharedList(fn, v, known)
	return ok
}
