// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Object is the identity of an API object inside one function: the value it is reached from, and the way from there.
type Object struct {
	// Root is a parameter, a captured variable, an allocation, a global, or a call that gives the object.
	Root ssa.Value
	// Base leads from the root to the object: empty, or such as "Items[]".
	Base string
}

// Place is a part of an object.
type Place struct {
	Object
	// Path are the names of the fields from the object on, as Status.Conditions; "[]" stands for any element. Empty
	// means the whole object.
	Path string
}

// placeBudget bounds the ways a value can be reached; beyond it the value counts as unknown.
const placeBudget = 8

// Objects returns the API objects that v, a pointer to one or an interface that holds one, can be.
func (e *Effects) Objects(fn *ssa.Function, v ssa.Value) []Object {
	var out []Object
	for _, p := range e.Places(fn, v) {
		out = append(out, Object{p.Root, concat(p.Base, p.Path)})
	}
	return out
}

// placer finds places inside one function.
type placer struct {
	e  *Effects
	fn *ssa.Function
	// known are the answers so far; they are shared and never changed.
	known map[ssa.Value][]Place
}

// Places returns the places that v can name in fn: where a pointer points, or what a loaded field was loaded from. The
// answer is empty when v has nothing to do with a variable, such as a constant.
func (e *Effects) Places(fn *ssa.Function, v ssa.Value) []Place {
	key := depKey{fn, v}
	if known, ok := e.places[key]; ok {
		return known
	}
	pl := placer{e: e, fn: fn, known: make(map[ssa.Value][]Place)}
	e.places[key] = slices.Clip(pl.of(v))
	return e.places[key]
}

// Place returns the one place that v names in fn; ok is false when there is none or more than one.
func (e *Effects) Place(fn *ssa.Function, v ssa.Value) (Place, bool) {
	places := e.Places(fn, v)
	if len(places) != 1 {
		return Place{}, false
	}
	return places[0], true
}

// of answers each value once: chains of optional builder calls join at every step, and walking all ways through them
// would take for ever. A value that is asked for again on the way to its own answer adds nothing.
func (pl *placer) of(v ssa.Value) []Place {
	if v == nil {
		return nil
	}
	if known, ok := pl.known[v]; ok {
		return known
	}
	pl.known[v] = nil
	places := pl.find(v)
	pl.known[v] = places
	return places
}

func (pl *placer) find(v ssa.Value) []Place {
	switch x := v.(type) {
	case *ssa.MakeInterface:
		return pl.of(x.X)
	case *ssa.ChangeInterface:
		return pl.of(x.X)
	case *ssa.ChangeType:
		return pl.of(x.X)
	case *ssa.TypeAssert:
		return pl.of(x.X)
	case *ssa.Slice:
		return pl.of(x.X)
	case *ssa.Phi:
		return pl.union(x.Edges)
	case *ssa.FieldAddr:
		return pl.field(x.X, x.Field)
	case *ssa.Field:
		return pl.field(x.X, x.Field)
	case *ssa.IndexAddr:
		return extend(pl.of(x.X), "[]")
	case *ssa.Index:
		return extend(pl.of(x.X), "[]")
	case *ssa.Lookup:
		return extend(pl.of(x.X), "[]")
	case *ssa.UnOp:
		if x.Op == token.MUL {
			return pl.load(x.X)
		}
	case *ssa.Extract:
		return pl.extract(x)
	case *ssa.Call:
		return pl.call(x, 0, x)
	case *ssa.Parameter, *ssa.FreeVar, *ssa.Alloc, *ssa.Global:
		return []Place{{Object: Object{Root: v}}}
	}
	return nil
}

func (pl *placer) union(values []ssa.Value) []Place {
	var out []Place
	seen := make(map[Place]bool)
	for _, v := range values {
		for _, p := range pl.of(v) {
			if !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	if len(out) > placeBudget {
		return nil
	}
	return out
}

// extend adds a step to the path of each place, or to its base as long as no object has been reached.
func extend(places []Place, step string) []Place {
	out := make([]Place, len(places))
	for i, p := range places {
		p.Path = join(p.Path, step)
		out[i] = p
	}
	return out
}

func join(path, step string) string {
	switch {
	case path == "":
		return step
	case step == "[]":
		if strings.HasSuffix(path, "[]") {
			return path
		}
		return path + "[]"
	case step == "":
		return path
	}
	return path + "." + step
}

// field steps into a field. At an API object the way so far becomes the base: what follows is a path in the object.
func (pl *placer) field(x ssa.Value, index int) []Place {
	places := slices.Clone(pl.of(x))
	if pl.e.isObject(x.Type()) {
		for i := range places {
			places[i].Base, places[i].Path = concat(places[i].Base, places[i].Path), ""
		}
	}
	name, embedded := fieldOf(x.Type(), index)
	if embedded && (name == "ObjectMeta" || name == "TypeMeta" || name == "ListMeta") {
		return places
	}
	return extend(places, name)
}

func fieldOf(t types.Type, index int) (name string, embedded bool) {
	t = types.Unalias(t)
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	if s, ok := t.Underlying().(*types.Struct); ok && index < s.NumFields() {
		return s.Field(index).Name(), s.Field(index).Embedded()
	}
	return "", false
}

// isObject tells whether t is an API object, or a pointer to one.
func (e *Effects) isObject(t types.Type) bool {
	if known, ok := e.objects[t]; ok {
		return known
	}
	k, ok := kube.KindOf(t)
	e.objects[t] = ok && !k.List
	return ok && !k.List
}

// load reads a variable: a pointer variable names what was stored into it, a struct variable names itself.
func (pl *placer) load(addr ssa.Value) []Place {
	switch a := addr.(type) {
	case *ssa.Alloc:
		if !holdsPointer(a.Type()) {
			return pl.of(a)
		}
		stored := pl.e.storedHere(pl.fn, a)
		if len(stored) == 0 {
			return []Place{{Object: Object{Root: a}}}
		}
		return pl.union(stored)
	case *ssa.FreeVar, *ssa.Global:
		return []Place{{Object: Object{Root: addr}}}
	case *ssa.FieldAddr:
		if original := pl.sharedPart(a); original != nil {
			return original
		}
	}
	return pl.of(addr)
}

// holdsPointer tells whether the variable behind address type t holds a reference rather than a struct.
func holdsPointer(t types.Type) bool {
	ptr, ok := t.Underlying().(*types.Pointer)
	if !ok {
		return false
	}
	switch ptr.Elem().Underlying().(type) {
	case *types.Pointer, *types.Interface, *types.Slice, *types.Map:
		return true
	}
	return false
}

// storedHere returns what fn itself stores into a local variable.
func (e *Effects) storedHere(fn *ssa.Function, a *ssa.Alloc) []ssa.Value {
	var out []ssa.Value
	for _, ref := range *a.Referrers() {
		if st, ok := ref.(*ssa.Store); ok && st.Addr == a && st.Parent() == fn {
			if c, isConst := st.Val.(*ssa.Const); isConst && c.Value == nil {
				continue // nil names nothing
			}
			out = append(out, st.Val)
		}
	}
	return out
}

func (pl *placer) extract(x *ssa.Extract) []Place {
	switch tuple := x.Tuple.(type) {
	case *ssa.TypeAssert:
		return pl.of(tuple.X)
	case *ssa.Lookup:
		return extend(pl.of(tuple.X), "[]")
	case *ssa.Next:
		if rng, ok := tuple.Iter.(*ssa.Range); ok && x.Index == 2 {
			return extend(pl.of(rng.X), "[]")
		}
		return nil
	case *ssa.Call:
		return pl.call(tuple, x.Index, x)
	}
	return nil
}

// call gives the place of a call's result: the argument that the callee hands back, or the result itself.
func (pl *placer) call(call *ssa.Call, result int, at ssa.Value) []Place {
	if recv := pl.chained(call); recv != nil {
		return pl.of(recv)
	}
	if kept := pl.kept(call); kept != nil {
		return kept
	}
	callees := pl.e.Program.Static(call)
	if len(callees) == 1 {
		if index, ok := pl.e.handsBack(callees[0], result); ok {
			if arg := program.ArgumentFor(program.Edge{Site: call, Callee: callees[0], Arg: -1}, index); arg != nil {
				return pl.of(arg)
			}
		}
	}
	return []Place{{Object: Object{Root: at}}}
}

// chained returns the receiver of a builder method, which gives its receiver back: apply configurations.
func (pl *placer) chained(call *ssa.Call) ssa.Value {
	target := program.Target(call)
	recv := program.Receiver(call)
	if target == nil || recv == nil || !strings.HasPrefix(target.Name(), "With") {
		return nil
	}
	if res := target.Signature().Results(); res.Len() == 1 && types.Identical(res.At(0).Type(), recv.Type()) {
		return recv
	}
	return nil
}

// handsBack tells whether a function's result is always one of its parameters, and which.
func (e *Effects) handsBack(fn *ssa.Function, result int) (index int, ok bool) {
	key := resultKey{fn, result}
	index, known := e.handed[key]
	if !known {
		index = handedBack(fn, result)
		e.handed[key] = index
	}
	return index, index >= 0
}

// resultKey is a result of a function.
type resultKey struct {
	fn     *ssa.Function
	result int
}

// handedBack returns the index of the parameter that a function's result always is, or -1.
func handedBack(fn *ssa.Function, result int) (index int) {
	index = -1
	for _, b := range fn.Blocks {
		ret, isRet := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !isRet || result >= len(ret.Results) {
			continue
		}
		v := ret.Results[result]
		if c, isConst := v.(*ssa.Const); isConst && c.Value == nil {
			continue
		}
		param, isParam := stripped(v).(*ssa.Parameter)
		if !isParam {
			return -1
		}
		at := paramIndex(fn, param)
		if index >= 0 && at != index {
			return -1
		}
		index = at
	}
	return index
}

// stripped looks through conversions that change no value.
func stripped(v ssa.Value) ssa.Value {
	for {
		switch x := v.(type) {
		case *ssa.MakeInterface:
			v = x.X
		case *ssa.ChangeInterface:
			v = x.X
		case *ssa.ChangeType:
			v = x.X
		default:
			return v
		}
	}
}

func paramIndex(fn *ssa.Function, param *ssa.Parameter) int {
	for i, p := range fn.Params {
		if p == param {
			return i
		}
	}
	return -1
}
