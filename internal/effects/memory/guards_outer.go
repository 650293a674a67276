// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// near tells whether a lock stands where the guard of a place does: next to it, or next to the struct that it is a part of.
func (m *Memory) near(lock, place Place) bool {
	return Related(lock, place) || lock.Type != nil && lock.Type != place.Type && slices.Contains(m.outer(place), lock.Type)
}

// outer lists the types of the structs that a field of another struct is always used as a part of: s.state.count is a part of
// s, and guarded like what stands beside it. There is none where some use gets at the inner struct by a pointer of its own.
func (m *Memory) outer(place Place) []*types.Named {
	if place.Type == nil {
		return nil
	}
	if known, ok := m.outers[place]; ok {
		return known
	}
	var out []*types.Named
	for i, a := range m.accesses[place] {
		around := m.around(a.Base)
		if i == 0 {
			out = around
			continue
		}
		out = slices.DeleteFunc(slices.Clone(out), func(t *types.Named) bool { return !slices.Contains(around, t) })
	}
	m.outers[place] = out
	return out
}

// around lists the types of the structs that a struct is a part of, from the inside out. A method of the inner struct is asked
// whose part it is given.
func (m *Memory) around(base ssa.Value) []*types.Named {
	var out []*types.Named
	for {
		if param, ok := base.(*ssa.Parameter); ok {
			base = m.onlyPart(param)
		}
		part, ok := base.(*ssa.FieldAddr)
		if !ok {
			return out
		}
		if key, ok := program.FieldKeyOf(part.X.Type(), part.Field); ok {
			out = append(out, key.Type)
		}
		base = part.X
	}
}

// onlyPart returns the address of a part of a struct, where all that a parameter can be is the same part; else nil.
func (m *Memory) onlyPart(param *ssa.Parameter) ssa.Value {
	srcs := m.Program.Sources(param)
	if srcs.Partial {
		return nil
	}
	var only *ssa.FieldAddr
	for _, src := range srcs.Values {
		part, ok := src.(*ssa.FieldAddr)
		if !ok || only != nil && !sameField(part, only) {
			return nil
		}
		only = part
	}
	if only == nil {
		return nil
	}
	return only
}

func sameField(a, b *ssa.FieldAddr) bool {
	x, okX := program.FieldKeyOf(a.X.Type(), a.Field)
	y, okY := program.FieldKeyOf(b.X.Type(), b.Field)
	return okX && okY && x == y
}

// Holder names the instance that has the guard, as the function with the access does.
func (u *Unguarded) Holder() string {
	owner, base := u.Access.Owner, u.Access.Base
	for base != nil && program.Named(base.Type()) != u.Guard.Type {
		part, ok := base.(*ssa.FieldAddr)
		if !ok {
			return ""
		}
		owner, base = owner.Base(), part.X
	}
	return owner.String()
}
