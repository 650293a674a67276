// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Counts tells whether the second section of a stale check also adds to something: done twice, it is counted twice.
func (c StaleCheck) Counts(p *program.Program) bool {
	for _, b := range c.Act.Func().Blocks {
		for _, instr := range b.Instrs {
			if !program.Dominates(c.Second.Site, instr) || !program.MayPrecede(instr, c.Act.At) && !program.MayPrecede(c.Act.At, instr) {
				continue
			}
			if addsTo(instr) {
				return true
			}
			if call, ok := instr.(*ssa.Call); ok && addsInside(p, call, 0) {
				return true
			}
		}
	}
	return false
}

// addsInside tells whether a method of the same object adds to something, itself or in what it calls.
func addsInside(p *program.Program, call *ssa.Call, depth int) bool {
	if depth > 2 {
		return false
	}
	for _, fn := range p.Static(call) {
		if fn.Signature.Recv() == nil || len(call.Call.Args) == 0 || !ownReceiver(call) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if addsTo(instr) {
					return true
				}
				if inner, ok := instr.(*ssa.Call); ok && addsInside(p, inner, depth+1) {
					return true
				}
			}
		}
	}
	return false
}

// ownReceiver tells whether a call is to a method of the receiver of the method that makes it.
func ownReceiver(call *ssa.Call) bool {
	fn := call.Parent()
	return fn.Signature.Recv() != nil && len(fn.Params) > 0 && call.Call.Args[0] == ssa.Value(fn.Params[0])
}

// addsTo tells whether an instruction stores the sum of a field, or of an entry of a map, and something.
func addsTo(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.Store:
		if _, field := x.Addr.(*ssa.FieldAddr); !field {
			return false
		}
		return isSum(x.Val)
	case *ssa.MapUpdate:
		return isSum(x.Value)
	}
	return false
}

func isSum(v ssa.Value) bool {
	sum, ok := v.(*ssa.BinOp)
	if !ok || sum.Op != token.ADD && sum.Op != token.SUB {
		return false
	}
	switch x := sum.X.(type) {
	case *ssa.UnOp:
		_, field := x.X.(*ssa.FieldAddr)
		return field
	case *ssa.Lookup:
		return true
	}
	return false
}

// Replaces tells whether the write puts a new object into a map that the function gives away as well, and that changes
// later: what those changed who got the first one is lost with it.
func (m *Memory) Replaces(c StaleCheck) bool {
	update, ok := c.Act.At.(*ssa.MapUpdate)
	if !ok {
		return false
	}
	value := update.Value
	if param, ok := value.(*ssa.Parameter); ok && c.Put != nil {
		value = program.ArgumentFor(program.Edge{Site: c.Put, Callee: param.Parent(), Arg: -1}, slices.Index(param.Parent().Params, param))
	}
	return value != nil && m.isNew(value) && (returnedFrom(value, 0) || m.returnedEntry(update)) && m.changes(value)
}

// returnedEntry tells whether a function returns what it finds in a map under the key that it has just stored something at.
func (m *Memory) returnedEntry(update *ssa.MapUpdate) bool {
	place := m.Locks.PlaceOf(update.Map)
	for _, b := range update.Parent().Blocks {
		for _, instr := range b.Instrs {
			lookup, ok := instr.(*ssa.Lookup)
			if ok && lookup.Index == update.Key && program.Dominates(update, lookup) && place.Known() && m.Locks.PlaceOf(lookup.X) == place && returnedFrom(lookup, 0) {
				return true
			}
		}
	}
	return false
}

// isNew tells whether a value is an object that the function makes, or that a constructor has made for it.
func (m *Memory) isNew(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.Alloc:
		return v.Heap
	case *ssa.Call:
		return m.isFresh(v)
	}
	return false
}

// changes tells whether own code writes fields of objects of a type, or of the parts that they are made of, after they were
// made, or uses entries of their maps.
func (m *Memory) changes(v ssa.Value) bool {
	named := program.Named(v.Type())
	if named == nil || !isPointer(v.Type()) {
		return false
	}
	return slices.ContainsFunc(m.withParts(named), m.writes)
}

// withParts returns a type of own code and the types of its embedded structs.
func (m *Memory) withParts(named *types.Named) []*types.Named {
	out := []*types.Named{named}
	s, ok := named.Underlying().(*types.Struct)
	if !ok {
		return out
	}
	for field := range s.Fields() {
		if part := program.Named(field.Type()); part != nil && field.Embedded() && m.Program.OwnType(part) {
			out = append(out, part)
		}
	}
	return out
}

// writes tells whether own code writes to fields of a type.
func (m *Memory) writes(named *types.Named) bool {
	for _, place := range m.places {
		if place.Type == named && slices.ContainsFunc(m.accesses[place], func(a *Access) bool { return a.Write }) {
			return true
		}
	}
	return false
}
