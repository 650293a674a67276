// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Mixed is a variable that sync/atomic changes in one place and that another uses plainly.
type Mixed struct {
	Place   Place
	Plain   *Access
	Atomic  ssa.CallInstruction
	Meeting program.Meeting
}

// Mixed lists the variables that are used both ways by goroutines that surely meet, one row a variable and function.
func (m *Memory) Mixed() []Mixed {
	atomics := make(map[Place][]ssa.CallInstruction)
	for _, fn := range m.Program.Funcs {
		for site := range program.Sites(fn) {
			if place := m.atomicPlace(site); place.Known() {
				atomics[place] = append(atomics[place], site)
			}
		}
	}
	if len(atomics) == 0 {
		return nil
	}
	var out []Mixed
	for _, place := range m.places {
		if len(atomics[place]) > 0 {
			out = append(out, m.mixedAt(place, m.accesses[place], atomics[place])...)
		}
	}
	return append(out, m.copied(atomics)...)
}

// mixedAt pairs the plain accesses with an atomic one that they meet.
func (m *Memory) mixedAt(place Place, plain []*Access, atomics []ssa.CallInstruction) []Mixed {
	var out []Mixed
	told := make(map[*ssa.Function]bool)
	for _, a := range plain {
		if told[a.Func()] || a.Part != Value {
			continue
		}
		for _, site := range atomics {
			if !a.Write && !changes(site) || apart(a.Base, base(site.Common().Args[0])) {
				continue // both only read, or another one
			}
			if meeting, ok := m.Program.Concurrency().Meet(a.At, site); ok && meeting.Sure() && m.mixes(a, site, meeting) {
				told[a.Func()] = true
				out = append(out, Mixed{place, a, site, meeting})
				break
			}
		}
	}
	return out
}

// mixes tells whether a plain access and an atomic one that meet are to one variable, and not ordered in another way.
func (m *Memory) mixes(a *Access, site ssa.CallInstruction, meeting program.Meeting) bool {
	other := &Access{Place: a.Place, At: site, Base: base(site.Common().Args[0]), Type: a.Type}
	return m.shared(a, other, meeting) && !m.private(a, other, meeting) && !m.ordered(a, other, meeting)
}

// copied finds structs that are copied as a whole although sync/atomic changes one of their fields.
func (m *Memory) copied(atomics map[Place][]ssa.CallInstruction) []Mixed {
	var out []Mixed
	for _, fn := range m.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				load, ok := instr.(*ssa.UnOp)
				if !ok || load.Op != token.MUL || !wholeStruct(load.Type()) {
					continue
				}
				named := program.Named(load.Type())
				owner := m.Locks.place.refOf(load.X)
				if named == nil || m.owned(owner.Root, load) {
					continue
				}
				for _, place := range m.placesOf(named, atomics) {
					a := &Access{Place: place, At: load, Owner: owner, Base: load.X, Type: load.Type()}
					out = append(out, m.mixedAt(place, []*Access{a}, atomics[place])...)
				}
			}
		}
	}
	return out
}

// atomicPlace returns the variable that a function of sync/atomic is given.
func (m *Memory) atomicPlace(site ssa.CallInstruction) Place {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "sync/atomic" || target.Signature().Recv() != nil {
		return Place{}
	}
	args := site.Common().Args
	if len(args) == 0 {
		return Place{}
	}
	place, _ := m.variable(args[0])
	return place
}

// changes tells whether an atomic operation writes.
func changes(site ssa.CallInstruction) bool {
	name := program.Target(site).Name()
	return len(name) < 4 || name[:4] != "Load"
}

// placesOf lists the fields of a struct type that sync/atomic is used on, in the order of the fields.
func (m *Memory) placesOf(named *types.Named, atomics map[Place][]ssa.CallInstruction) []Place {
	s, ok := named.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	var out []Place
	for field := range s.Fields() {
		if place := (Place{Type: named, Path: "." + field.Name()}); len(atomics[place]) > 0 {
			out = append(out, place)
		}
	}
	return out
}
