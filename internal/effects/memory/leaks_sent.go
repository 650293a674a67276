// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// SentMap is a map that a variable keeps although it was sent to another goroutine, and that is changed in place.
type SentMap struct {
	Place Place
	// Send is the operation, and From where the map is named: the same, or a call that leads to the send.
	Send, From ssa.Instruction
	Change     *Access
}

// SentMaps lists them, one a variable and function, in source order of the sends.
func (m *Memory) SentMaps() []SentMap {
	var out []SentMap
	told := make(map[Place]map[*ssa.Function]bool)
	for _, fn := range m.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				for _, v := range sentBy(instr) {
					for _, s := range m.keptMaps(v, instr, instr, 0) {
						if told[s.Place] == nil {
							told[s.Place] = make(map[*ssa.Function]bool)
						}
						if !told[s.Place][s.From.Parent()] {
							told[s.Place][s.From.Parent()] = true
							out = append(out, s)
						}
					}
				}
			}
		}
	}
	return out
}

// sentBy returns the maps that an instruction sends: the value itself, or the fields of the struct that it makes to send.
func sentBy(instr ssa.Instruction) []ssa.Value {
	var sent []ssa.Value
	switch x := instr.(type) {
	case *ssa.Send:
		sent = []ssa.Value{x.X}
	case *ssa.Select:
		for _, state := range x.States {
			if state.Send != nil {
				sent = append(sent, state.Send)
			}
		}
	}
	var out []ssa.Value
	for _, v := range sent {
		v = unboxed(v)
		if isMap(v.Type()) {
			out = append(out, v)
			continue
		}
		if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
			v = load.X
		}
		if made, ok := v.(*ssa.Alloc); ok {
			out = append(out, mapsIn(made)...)
		}
	}
	return out
}

// mapsIn returns the maps that are put into the fields of a struct where it is made.
func mapsIn(made *ssa.Alloc) []ssa.Value {
	var out []ssa.Value
	for _, ref := range *made.Referrers() {
		field, ok := ref.(*ssa.FieldAddr)
		if !ok {
			continue
		}
		for _, use := range *field.Referrers() {
			if store, ok := use.(*ssa.Store); ok && store.Addr == field && isMap(store.Val.Type()) {
				out = append(out, store.Val)
			}
		}
	}
	return out
}

// keptMaps looks for the variables that hold a sent map as well, here or, where the map was given, at the callers.
func (m *Memory) keptMaps(v ssa.Value, send, from ssa.Instruction, depth int) []SentMap {
	if param, ok := v.(*ssa.Parameter); ok && depth < 2 {
		var out []SentMap
		fn := param.Parent()
		for _, e := range m.Program.Callers(fn) {
			if arg := program.ArgumentFor(e, slices.Index(fn.Params, param)); arg != nil && e.How == program.Calls {
				out = append(out, m.keptMaps(unboxed(arg), send, e.Site, depth+1)...)
			}
		}
		return out
	}
	var out []SentMap
	for _, addr := range variablesOf(v) {
		place, owner := m.variable(addr)
		if !place.Known() || place.Local != nil || m.owned(owner.Root, from) || m.replacedAfter(from, place) {
			continue // another map stands there from then on
		}
		if change := m.changedInPlace(place, from); change != nil {
			out = append(out, SentMap{place, send, from, change})
		}
	}
	return out
}

// variablesOf returns the addresses that a function loads a map from, or stores it to.
func variablesOf(v ssa.Value) []ssa.Value {
	var out []ssa.Value
	if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
		out = append(out, load.X)
	}
	if v.Referrers() == nil {
		return out
	}
	for _, ref := range *v.Referrers() {
		if store, ok := ref.(*ssa.Store); ok && store.Val == v {
			out = append(out, store.Addr)
		}
	}
	return out
}

// replacedAfter tells whether a function can put something else into a variable after an instruction.
func (m *Memory) replacedAfter(instr ssa.Instruction, place Place) bool {
	for _, b := range instr.Parent().Blocks {
		for _, other := range b.Instrs {
			store, ok := other.(*ssa.Store)
			if !ok || !program.MayPrecede(instr, store) {
				continue
			}
			if to, _ := m.variable(store.Addr); to == place {
				return true
			}
		}
	}
	return false
}

// changedInPlace returns a change of the entries of a variable's map that can come after the send; under a lock the receiver
// may look.
func (m *Memory) changedInPlace(place Place, from ssa.Instruction) *Access {
	for _, a := range m.accesses[place] {
		if !a.Write || !a.Map() || len(a.Held) > 0 {
			continue
		}
		if a.Func() != from.Parent() || program.MayPrecede(from, a.At) || m.Program.Concurrency().Again(from) {
			return a
		}
	}
	return nil
}

func isMap(t types.Type) bool {
	_, ok := t.Underlying().(*types.Map)
	return ok
}
