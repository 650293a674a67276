// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// borrow adds what a change of an element does to another object: the map, slice or pointer that leads to the element was taken over
// from there, alone or with the struct around it, as in pod.ObjectMeta = template.ObjectMeta.
func (g *gatherer) borrow(instr ssa.Instruction, addr ssa.Value, step string) {
	held := heldIn(addr)
	if held == nil {
		return
	}
	whole, ok := g.e.Place(g.fn, addr)
	if !ok {
		return
	}
	part, ok := g.e.Place(g.fn, held)
	if !ok || part.Root != whole.Root {
		return
	}
	rest := strings.TrimPrefix(concat(whole.Base, whole.Path), concat(part.Base, part.Path))
	for _, p := range g.e.takenOver(g.fn, instr, held) {
		if p.Root == whole.Root || p.Path == "" {
			continue
		}
		p.Path = join(p.Path+rest, step)
		if g.relevant(p) {
			g.add(&Event{Kind: Borrow, Origin: instr, Object: p.Object, Path: p.Path, Type: elem(addr.Type()), From: whole})
		}
	}
}

// heldIn returns the field that holds the reference by which an address leads out of a struct; nil if there is none.
func heldIn(addr ssa.Value) *ssa.FieldAddr {
	for range 6 {
		switch x := addr.(type) {
		case *ssa.FieldAddr:
			addr = x.X
		case *ssa.IndexAddr:
			addr = x.X
		case *ssa.UnOp:
			field, ok := x.X.(*ssa.FieldAddr)
			if !ok || x.Op != token.MUL || !holdsPointer(field.Type()) {
				return nil
			}
			return field
		default:
			return nil
		}
	}
	return nil
}

// takenOver returns where the reference in a field came from: what was stored last, on each way to an instruction, into the field or
// into a struct around it. A map that is made where there was none changes nothing about the ways with one.
func (e *Effects) takenOver(fn *ssa.Function, at ssa.Instruction, field *ssa.FieldAddr) []Place {
	var below []string
	for around := field; around != nil; {
		var last *ssa.Store
		for _, st := range storesInto(fn, around) {
			switch {
			case MustPrecede(st, at):
				if last == nil || MustPrecede(last, st) {
					last = st
				}
			case MayPrecede(st, at) && !newlyMade(st.Val):
				if last != nil {
					return nil // one or the other
				}
				last = st // on the other ways there is none yet
			}
		}
		if last != nil {
			places := e.Places(fn, last.Val)
			for i := len(below) - 1; i >= 0; i-- {
				if below[i] != "" {
					places = extend(places, below[i])
				}
			}
			return places
		}
		name, embedded := fieldOf(around.X.Type(), around.Field)
		if embedded && (name == "ObjectMeta" || name == "TypeMeta" || name == "ListMeta") {
			name = ""
		}
		below = append(below, name)
		around, _ = around.X.(*ssa.FieldAddr)
	}
	return nil
}

// newlyMade tells whether a value is a new map or slice, or nothing.
func newlyMade(v ssa.Value) bool {
	switch v.(type) {
	case *ssa.MakeMap, *ssa.MakeSlice, *ssa.Const:
		return true
	}
	return false
}

// storesInto returns the stores of a function into a field of a struct that is reached in the same way.
func storesInto(fn *ssa.Function, field *ssa.FieldAddr) []*ssa.Store {
	var out []*ssa.Store
	for _, same := range sameFields(field) {
		for _, ref := range refs(same) {
			if st, ok := ref.(*ssa.Store); ok && st.Addr == same && st.Parent() == fn {
				out = append(out, st)
			}
		}
	}
	return out
}

// sameFields returns the addresses of one field, by the same way from the same value.
func sameFields(field *ssa.FieldAddr) []*ssa.FieldAddr {
	bases := []ssa.Value{field.X}
	if inner, ok := field.X.(*ssa.FieldAddr); ok {
		bases = nil
		for _, same := range sameFields(inner) {
			bases = append(bases, same)
		}
	}
	var out []*ssa.FieldAddr
	for _, base := range bases {
		for _, ref := range refs(base) {
			if f, ok := ref.(*ssa.FieldAddr); ok && f.Field == field.Field {
				out = append(out, f)
			}
		}
	}
	return out
}
