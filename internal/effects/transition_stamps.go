// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// UntimedChange is a change of the status of a condition that is there already, whose time of transition stays as it was.
type UntimedChange struct {
	Status *ssa.Store
	// Of names the type of the condition.
	Of string
	// Instead is the other time that the function sets with it; nil if there is none.
	Instead *ssa.Store
}

// UntimedChanges returns these changes, in source order: nobody else in the function, and nobody that it gives the condition to, can
// set the time.
func (e *Effects) UntimedChanges() []UntimedChange {
	var out []UntimedChange
	for fn := range e.reviewed() {
		seen := make(map[ssa.Value]bool)
		for _, st := range storesOf(fn, "Status") {
			f := st.Addr.(*ssa.FieldAddr)
			if !timesTransitions(f.X.Type()) || seen[f.X] || !elementThere(f.X) || handedAround(f.X) {
				continue
			}
			seen[f.X] = true
			if len(storesBeside(fn, f, transitionField)) > 0 {
				continue
			}
			u := UntimedChange{Status: st, Of: typeNameOf(f.X.Type())}
			for _, name := range []string{"LastHeartbeatTime", "LastUpdateTime", "LastProbeTime"} {
				if other := storesBeside(fn, f, name); len(other) > 0 {
					u.Instead = other[0]
				}
			}
			if u.Instead != nil || comparedStatus(fn, f) {
				out = append(out, u) // somebody cares for times, or for the change
			}
		}
	}
	return out
}

// comparedStatus tells whether a function asks whether the status of an element is another one.
func comparedStatus(fn *ssa.Function, f *ssa.FieldAddr) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			op, ok := instr.(*ssa.BinOp)
			if !ok || op.Op != token.EQL && op.Op != token.NEQ {
				continue
			}
			for _, side := range []ssa.Value{op.X, op.Y} {
				load, ok := side.(*ssa.UnOp)
				if !ok {
					continue
				}
				if other, ok := load.X.(*ssa.FieldAddr); ok && other.Field == f.Field && (other.X == f.X || sameElement(other.X, f.X)) {
					return true
				}
			}
		}
	}
	return false
}

// storesOf returns the stores of a function into fields of that name.
func storesOf(fn *ssa.Function, field string) []*ssa.Store {
	var out []*ssa.Store
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			st, ok := instr.(*ssa.Store)
			if !ok {
				continue
			}
			if f, isField := st.Addr.(*ssa.FieldAddr); isField {
				if name, _ := fieldOf(f.X.Type(), f.Field); name == field {
					out = append(out, st)
				}
			}
		}
	}
	return out
}

// storesBeside returns the stores of a function into another field of the struct that a field is in, however that is reached.
func storesBeside(fn *ssa.Function, f *ssa.FieldAddr, name string) []*ssa.Store {
	return slices.DeleteFunc(storesOf(fn, name), func(st *ssa.Store) bool {
		other := st.Addr.(*ssa.FieldAddr)
		return other.X != f.X && !samePath(other.X, f.X, 0) && !sameElement(other.X, f.X)
	})
}

// sameElement tells whether two addresses are an element of one list under one index.
func sameElement(a, b ssa.Value) bool {
	x, ok1 := a.(*ssa.IndexAddr)
	y, ok2 := b.(*ssa.IndexAddr)
	return ok1 && ok2 && x.Index == y.Index && (x.X == y.X || samePath(x.X, y.X, 0))
}

// timesTransitions tells whether a type is a condition that says since when it holds.
func timesTransitions(t types.Type) bool {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	has := make(map[string]bool)
	for f := range s.Fields() {
		has[f.Name()] = true
	}
	return has["Type"] && has["Status"] && has[transitionField]
}

// elementThere tells whether a pointer leads to an element of a list: the condition was there before.
func elementThere(v ssa.Value) bool {
	at, ok := v.(*ssa.IndexAddr)
	if !ok {
		return false
	}
	_, array := at.X.(*ssa.Alloc)
	return !array // a literal
}

// handedAround tells whether a pointer to an element, or a whole copy of the element, goes to somebody else, who may set the time.
func handedAround(v ssa.Value) bool {
	at := v.(*ssa.IndexAddr)
	for _, ref := range refs(at.X) {
		other, ok := ref.(*ssa.IndexAddr)
		if !ok || other.Index != at.Index {
			continue
		}
		for _, use := range refs(other) {
			switch x := use.(type) {
			case ssa.CallInstruction, *ssa.Phi, *ssa.Return:
				return true
			case *ssa.Store:
				if x.Val == other || x.Addr == other {
					return true
				}
			case *ssa.UnOp:
				if x.Op == token.MUL && MayPrecede(at, x) && x.Block() != at.Block() && !onlyRead(x) {
					return true
				}
			}
		}
	}
	return false
}

// onlyRead tells whether of a copy of a struct only fields are read.
func onlyRead(load *ssa.UnOp) bool {
	return !slices.ContainsFunc(refs(load), func(ref ssa.Instruction) bool { _, field := ref.(*ssa.Field); return !field })
}

// StampedAlways is a time of transition in an object that was read, which is set to now although nothing asks whether the status is
// another one.
type StampedAlways struct {
	Stamp, Status *ssa.Store
	Of            string
}

// StampedTransitions returns these stamps, in source order.
func (e *Effects) StampedTransitions() []StampedAlways {
	var out []StampedAlways
	for fn := range e.reviewed() {
		for _, st := range storesOf(fn, transitionField) {
			f := st.Addr.(*ssa.FieldAddr)
			if !e.DepsOf(fn, st.Val).Now || !e.partOfObject(fn, f) || asksForStatus(fn) {
				continue
			}
			if status := storesBeside(fn, f, "Status"); len(status) > 0 {
				out = append(out, StampedAlways{Stamp: st, Status: status[0], Of: typeNameOf(f.X.Type())})
			}
		}
	}
	return out
}

// partOfObject tells whether a field lies in the status of an object that the function was given or has read.
func (e *Effects) partOfObject(fn *ssa.Function, f *ssa.FieldAddr) bool {
	if _, field := f.X.(*ssa.FieldAddr); !field {
		return false
	}
	p, one := e.Place(fn, f.X)
	if !one || p.Path == "" {
		return false
	}
	switch root := p.Root.(type) {
	case *ssa.Parameter:
		return e.isObject(root.Type())
	case *ssa.Alloc:
		return slices.ContainsFunc(e.Events(fn), func(ev *Event) bool { return (ev.Kind == Read || ev.Kind == Copy) && ev.Root == root })
	case *ssa.Call:
		return e.isObject(root.Type())
	case *ssa.Extract:
		return e.isObject(root.Type())
	}
	return false
}

// asksForStatus tells whether a function compares any status, state or phase with another.
func asksForStatus(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.BinOp:
				if (x.Op == token.EQL || x.Op == token.NEQ) && (ofStatus(x.X) || ofStatus(x.Y)) {
					return true
				}
			case *ssa.Call:
				if t := program.Target(x); t != nil && (t.Name() == "DeepEqual" || t.Name() == "Equal") {
					return true
				}
			}
		}
	}
	return false
}

// ComparesConditions tells whether a function compares the status of a condition that says since when it holds.
func ComparesConditions(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			op, ok := instr.(*ssa.BinOp)
			if ok && (op.Op == token.EQL || op.Op == token.NEQ) && (conditionStatus(op.X) || conditionStatus(op.Y)) {
				return true
			}
		}
	}
	return false
}

func conditionStatus(v ssa.Value) bool {
	holder, index := v, 0
	switch x := v.(type) {
	case *ssa.UnOp:
		f, ok := x.X.(*ssa.FieldAddr)
		if !ok {
			return false
		}
		holder, index = f.X, f.Field
	case *ssa.Field:
		holder, index = x.X, x.Field
	default:
		return false
	}
	name, _ := fieldOf(holder.Type(), index)
	return name == "Status" && timesTransitions(holder.Type())
}

// ofStatus tells whether a value is read from a field that says how something is.
func ofStatus(v ssa.Value) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return false
	}
	f, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	name, _ := fieldOf(f.X.Type(), f.Field)
	return name == "Status" || name == "State" || name == "Phase" || name == "Reason" || name == "Message"
}
