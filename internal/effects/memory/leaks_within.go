// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// handed is a map or a slice that a function returns: by itself, or in a struct.
type handed struct {
	load *ssa.UnOp
	// field is the number of the field that has it in the struct that is returned, or -1 for the container itself.
	field int
	// place is known where a struct is copied with all that it holds: its field.
	place Place
}

// handedIn returns the containers in a struct that a function returns, by value or as one that it makes: a copy of the struct has
// the same maps and slices.
func (m *Memory) handedIn(result ssa.Value) []handed {
	load, isLoad := result.(*ssa.UnOp)
	if isLoad && load.Op == token.MUL && wholeStruct(load.Type()) {
		if cell, ok := load.X.(*ssa.Alloc); ok {
			return filledWith(cell)
		}
		return containersOf(load)
	}
	if cell, ok := result.(*ssa.Alloc); ok && wholeStruct(elementOf(cell.Type())) {
		return filledWith(cell)
	}
	return nil
}

// filledWith returns the containers in a struct that a function makes: those that its fields are set to, and those of a struct that
// it is a copy of where nothing is set. None where somebody else is given the struct, who may set them anew.
func filledWith(cell *ssa.Alloc) []handed {
	var copied, out []handed
	set := make(map[int]bool)
	for _, ref := range *cell.Referrers() {
		switch x := ref.(type) {
		case *ssa.FieldAddr:
			if slices.ContainsFunc(*x.Referrers(), func(ref ssa.Instruction) bool { st, ok := ref.(*ssa.Store); return ok && st.Addr == x }) {
				set[x.Field] = true
				out = append(out, putInto(x)...)
			}
		case *ssa.Store:
			if load, ok := x.Val.(*ssa.UnOp); ok && x.Addr == cell {
				copied = append(copied, containersOf(load)...)
			}
		case *ssa.UnOp, *ssa.Return, *ssa.DebugRef:
		default:
			return nil
		}
	}
	return append(out, slices.DeleteFunc(copied, func(h handed) bool { return set[h.field] })...)
}

// putInto returns the containers that a field is set to; none where it is set to something else as well.
func putInto(field *ssa.FieldAddr) []handed {
	var out []handed
	for _, ref := range *field.Referrers() {
		st, ok := ref.(*ssa.Store)
		if !ok || st.Addr != field {
			continue
		}
		load, ok := st.Val.(*ssa.UnOp)
		if !ok || load.Op != token.MUL || !isContainer(load.Type()) {
			return nil
		}
		out = append(out, handed{load: load, field: field.Field})
	}
	return out
}

// containersOf returns the maps and slices that a copy of a struct shares with the original.
func containersOf(load *ssa.UnOp) []handed {
	named := program.Named(load.Type())
	s, ok := load.Type().Underlying().(*types.Struct)
	if !ok || named == nil || isPointer(load.Type()) {
		return nil
	}
	if _, local := load.X.(*ssa.Alloc); local {
		return nil
	}
	var out []handed
	for i := range s.NumFields() {
		if isContainer(s.Field(i).Type()) {
			out = append(out, handed{load, i, Place{Type: named, Path: "." + s.Field(i).Name()}})
		}
	}
	return out
}

// looksInto tells whether some caller of a function goes through the container in a field of the struct that it returns, or has
// all of it written out.
func (m *Memory) looksInto(fn *ssa.Function, index, field int) bool {
	return slices.ContainsFunc(m.Program.Callers(fn), func(e program.Edge) bool {
		call, ok := e.Site.(*ssa.Call)
		return ok && e.How == program.Calls && readsField(resultOf(call, index), field, 0)
	})
}

// resultOf returns a result of a call, nil where nobody takes it.
func resultOf(call *ssa.Call, index int) ssa.Value {
	if _, several := call.Type().(*types.Tuple); !several {
		return call
	}
	for _, ref := range *call.Referrers() {
		if ex, ok := ref.(*ssa.Extract); ok && ex.Index == index {
			return ex
		}
	}
	return nil
}

// readsField tells whether a struct, or what points to one, is asked for a field's elements.
func readsField(v ssa.Value, field, depth int) bool {
	if v == nil || v.Referrers() == nil || depth > 3 {
		return false
	}
	return slices.ContainsFunc(*v.Referrers(), func(ref ssa.Instruction) bool {
		switch x := ref.(type) {
		case *ssa.Store: // into a variable of the caller
			cell, ok := x.Addr.(*ssa.Alloc)
			return ok && x.Val == v && readsField(cell, field, depth+1)
		case *ssa.UnOp:
			return x.Op == token.MUL && readsField(x, field, depth+1)
		case *ssa.Field:
			return x.Field == field && readsElements(x)
		case *ssa.FieldAddr:
			return x.Field == field && slices.ContainsFunc(*x.Referrers(), func(ref ssa.Instruction) bool {
				load, ok := ref.(*ssa.UnOp)
				return ok && readsElements(load)
			})
		}
		return false
	})
}

// readsElements tells whether a container is looked into.
func readsElements(v ssa.Value) bool {
	return slices.ContainsFunc(*v.Referrers(), func(ref ssa.Instruction) bool {
		switch ref.(type) {
		case *ssa.Lookup, *ssa.Range, *ssa.IndexAddr, *ssa.Index:
			return true
		}
		return false
	})
}
