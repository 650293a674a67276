// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Part is the part of a variable that an access touches. The parts of one place are guarded alike, but reading the one
// does not race with writing the other.
type Part int

// The parts of a variable.
const (
	Value   Part = iota // the variable itself; for a map or slice its header
	Entries             // the entries of a map, the elements of a slice
)

// Access is a read or write of memory that may be shared.
type Access struct {
	Place Place
	Part  Part
	Write bool
	At    ssa.Instruction
	// Owner is the instance that has the memory: the struct for fields, nothing for package variables.
	Owner Ref
	// Base is the value that has the field, nil for variables.
	Base ssa.Value
	// Type is the type of the variable.
	Type types.Type
	// Own is set when the access is to the one element that the running function was given: its parameter says which.
	Own bool
	// Inner is where a helper that a call hands the map to uses its entries; nil where the access stands in plain sight.
	Inner ssa.Instruction
	// Held are the locks held on every path.
	Held []Holding
}

// Func returns the function that the access stands in.
func (a *Access) Func() *ssa.Function { return a.At.Parent() }

// Map tells whether the access touches the entries of a map: Go ends the process when two of these meet.
func (a *Access) Map() bool {
	_, isMap := a.Type.Underlying().(*types.Map)
	return isMap && a.Part == Entries
}

// object tells whether the access is to an object that the variable is or points to, by a method of a library.
func (a *Access) object() bool {
	switch a.Type.Underlying().(type) {
	case *types.Map, *types.Slice:
		return false
	}
	return a.Part == Entries
}

// Holds returns the mode in which the lock at a place is held at the access; ok is false if it is not.
func (a *Access) Holds(lock Place) (mode Mode, ok bool) {
	for _, h := range a.Held {
		if h.Lock.Place == lock {
			mode, ok = max(mode, h.Mode), true
		}
	}
	return mode, ok
}

// gatherAccesses lists the accesses of own code to memory that goroutines can share, by place, in source order.
func (m *Memory) gatherAccesses() {
	m.accesses = make(map[Place][]*Access)
	for _, fn := range m.Program.Funcs {
		if m.runsUnderOnce(fn, 0) {
			continue // sync.Once orders it before all that follows
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				for _, a := range m.accessesOf(instr) {
					m.keep(a)
				}
			}
		}
	}
}

func (m *Memory) keep(a *Access) {
	if !m.shareable(a) || m.owned(a.Owner.Root, a.At) {
		return
	}
	a.Held = m.Locks.Held(a.At)
	if a.Inner != nil {
		a.Held = append(a.Held, m.Locks.Held(a.Inner)...)
	}
	if m.accesses[a.Place] == nil {
		m.places = append(m.places, a.Place)
	}
	m.accesses[a.Place] = append(m.accesses[a.Place], a)
}

// shareable leaves out memory that has its own protection, and objects of the API: these are judged as objects.
func (m *Memory) shareable(a *Access) bool {
	switch {
	case !a.Place.Known(), a.Place.Keyed():
		return false
	case a.Place.Type != nil && (!m.Program.OwnType(a.Place.Type) || m.isAPIType(a.Place.Type)):
		return false
	case a.Place.Global != nil && !a.Place.Foreign && !m.Program.OwnPackage(a.Place.Global.Pkg.Pkg):
		return false
	case a.Place.Local != nil && !m.captured(a.Place.Local):
		return false
	}
	named := program.Named(a.Type)
	if named == nil || named.Obj().Pkg() == nil {
		return true
	}
	switch path := named.Obj().Pkg().Path(); path {
	case "sync", "sync/atomic", "golang.org/x/sync/errgroup", "golang.org/x/sync/singleflight", "go.uber.org/atomic":
		return false
	}
	return true
}

// isAPIType recognises types of the Kubernetes API by the copy that deepcopy-gen makes for them.
func (m *Memory) isAPIType(t *types.Named) bool {
	for method := range t.Methods() {
		if method.Name() == "DeepCopyInto" {
			return true
		}
	}
	return false
}

// captured tells whether a closure uses the variable.
func (m *Memory) captured(local *ssa.Alloc) bool {
	if local.Referrers() == nil {
		return false
	}
	for _, ref := range *local.Referrers() {
		if _, ok := ref.(*ssa.MakeClosure); ok {
			return true
		}
	}
	return false
}

// accessesOf lists the accesses that one instruction makes.
func (m *Memory) accessesOf(instr ssa.Instruction) []*Access {
	switch x := instr.(type) {
	case *ssa.Store:
		if load, ok := x.Val.(*ssa.UnOp); ok && load.Op == token.MUL && load.X == x.Addr {
			return nil // return of a named result: it is stored where it is already
		}
		return m.at(x.Addr, instr, true)
	case *ssa.UnOp:
		if x.Op == token.MUL && !wholeStruct(x.Type()) {
			return m.at(x.X, instr, false)
		}
	case *ssa.MapUpdate:
		return m.entries(x.Map, instr, true)
	case *ssa.Lookup:
		return m.entries(x.X, instr, false)
	case *ssa.Next:
		if r, ok := x.Iter.(*ssa.Range); ok {
			return m.entries(r.X, instr, false)
		}
	case *ssa.Call:
		return m.callAccess(x)
	}
	return nil
}

// ownIndex tells whether an index comes from a parameter, a captured variable or a channel, by itself or in a struct: workers
// that share a slice are told so which element is theirs.
func ownIndex(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.Parameter, *ssa.FreeVar:
		return true
	case *ssa.Extract:
		received, ok := x.Tuple.(*ssa.UnOp)
		return ok && received.Op == token.ARROW
	case *ssa.Field:
		return ownIndex(x.X)
	case *ssa.UnOp:
		if x.Op == token.ARROW {
			return true // whoever receives an index has it for itself
		}
		switch cell := x.X.(type) {
		case *ssa.FreeVar:
			return true
		case *ssa.FieldAddr:
			return ownCell(cell.X)
		case *ssa.Alloc:
			return ownCell(cell)
		}
	}
	return false
}

// ownCell tells whether a variable holds what ownIndex asks for, or a pointer is that.
func ownCell(v ssa.Value) bool {
	cell, ok := v.(*ssa.Alloc)
	if !ok {
		received, ok := v.(*ssa.UnOp)
		return ok && received.Op == token.ARROW
	}
	for _, ref := range *cell.Referrers() {
		if store, ok := ref.(*ssa.Store); ok && store.Addr == cell {
			_, captured := store.Val.(*ssa.FreeVar)
			return !captured && ownIndex(store.Val)
		}
	}
	return false
}

// elementOf returns what a pointer points to.
func elementOf(t types.Type) types.Type { return t.Underlying().(*types.Pointer).Elem() }

func wholeStruct(t types.Type) bool {
	_, ok := t.Underlying().(*types.Struct)
	return ok
}

// at is the access to the variable at an address.
func (m *Memory) at(addr ssa.Value, instr ssa.Instruction, write bool) []*Access {
	if index, ok := addr.(*ssa.IndexAddr); ok {
		accesses := m.entries(index.X, instr, write)
		for _, a := range accesses {
			a.Own = ownElement(index, instr)
		}
		return accesses
	}
	place, owner := m.variable(addr)
	if !place.Known() {
		return nil
	}
	elem := elementOf(addr.Type())
	return []*Access{{Place: place, Part: Value, Write: write, At: instr, Owner: owner, Base: base(addr), Type: elem}}
}

// base returns the value that has the field at an address.
func base(addr ssa.Value) ssa.Value {
	if field, ok := addr.(*ssa.FieldAddr); ok {
		return field.X
	}
	return nil
}

// entries is the access to the entries of a map or slice that was loaded from a variable.
func (m *Memory) entries(container ssa.Value, instr ssa.Instruction, write bool) []*Access {
	for {
		slice, ok := container.(*ssa.Slice)
		if !ok {
			break
		}
		container = slice.X
	}
	switch container.Type().Underlying().(type) {
	case *types.Map, *types.Slice:
	default:
		return nil
	}
	load, ok := container.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return nil
	}
	place, owner := m.variable(load.X)
	if !place.Known() || m.swapped(load, place, instr) {
		return nil
	}
	return []*Access{{Place: place, Part: Entries, Write: write, At: instr, Owner: owner, Base: base(load.X), Type: container.Type()}}
}

// swapped tells whether a function takes a container out of its variable and puts another one there before it uses the old
// one: it has that for itself by then.
func (m *Memory) swapped(load *ssa.UnOp, place Place, use ssa.Instruction) bool {
	for _, b := range load.Parent().Blocks {
		for _, instr := range b.Instrs {
			store, ok := instr.(*ssa.Store)
			if !ok || !program.MayPrecede(load, store) || !program.MayPrecede(store, use) {
				continue
			}
			if to, _ := m.variable(store.Addr); to == place && store.Val != load && isNew(store.Val) {
				return true
			}
		}
	}
	return false
}

// isNew tells whether a value is a container that was just made, or none.
func isNew(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.MakeMap, *ssa.MakeSlice, *ssa.Const:
		return true
	case *ssa.Call:
		target := program.Target(x)
		return target != nil && target.Pkg() != nil && target.Pkg().Path() == setsPath && strings.HasPrefix(target.Name(), "New")
	case *ssa.Slice:
		_, literal := x.X.(*ssa.Alloc)
		return literal
	}
	return false
}

// variable names the variable at an address, and the instance it belongs to.
func (m *Memory) variable(addr ssa.Value) (Place, Ref) {
	switch x := addr.(type) {
	case *ssa.FieldAddr:
		if place, ok := m.foreignField(x); ok {
			return place, Ref{}
		}
		return m.Locks.place.field(x.X, x.Field), m.Locks.place.refOf(x.X)
	case *ssa.Global:
		return Place{Global: x}, Ref{}
	case *ssa.Alloc:
		return Place{Local: x}, Ref{Root: x}
	case *ssa.FreeVar:
		if b := m.Program.Bindings(x); len(b) == 1 {
			return m.variable(b[0])
		}
	}
	return Place{}, Ref{}
}

// callAccess knows the built-in functions on maps and slices, and the functions that fill what they are given.
func (m *Memory) callAccess(call *ssa.Call) []*Access {
	if b, ok := call.Call.Value.(*ssa.Builtin); ok {
		switch b.Name() {
		case "delete", "clear", "copy":
			return m.entries(call.Call.Args[0], call, true)
		case "len":
			if _, isMap := call.Call.Args[0].Type().Underlying().(*types.Map); isMap {
				return m.entries(call.Call.Args[0], call, false)
			}
		}
		return nil
	}
	if given := m.givenAccess(call); given != nil {
		return given
	}
	target := program.Target(call)
	if target == nil || target.Pkg() == nil {
		return nil
	}
	if filled := m.filledObject(call); filled != nil {
		return m.object(filled, call)
	}
	if !fillsArgument(target) {
		return m.libraryAccess(call, target)
	}
	last := call.Call.Args[len(call.Call.Args)-1]
	if boxed, ok := last.(*ssa.MakeInterface); ok {
		last = boxed.X
	}
	switch last.(type) {
	case *ssa.FieldAddr, *ssa.Global:
		return m.at(last, call, true)
	}
	return nil
}

// fillsArgument tells whether a library function writes through the pointer that is its last argument.
func fillsArgument(fn *types.Func) bool {
	path, name := fn.Pkg().Path(), fn.Name()
	switch {
	case path == "errors" && name == "As":
		return true
	case name == "Unmarshal" && (path == "encoding/json" || strings.HasSuffix(path, "/yaml") || strings.HasPrefix(path, "gopkg.in/yaml")):
		return true
	}
	return false
}
