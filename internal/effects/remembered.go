// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Remembered returns the fields of own structs, API objects aside, that the new value of a change is taken from: what this
// process remembered. Captured variables and locals are followed to what was put into them.
func (e *Effects) Remembered(ch *Event) []program.FieldKey {
	m := recall{e: e, seen: make(map[ssa.Value]bool)}
	for _, p := range ch.Deps().Places {
		m.place(p, 0)
	}
	return m.out
}

type recall struct {
	e    *Effects
	seen map[ssa.Value]bool
	out  []program.FieldKey
}

func (m *recall) place(p Place, depth int) {
	if key, ok := fieldAt(p); ok {
		if m.own(key) && !types.IsInterface(key.Var().Type()) { // a clock or a client holds nothing
			m.add(key)
		}
		return
	}
	free, ok := p.Root.(*ssa.FreeVar)
	if !ok || depth > 3 || m.seen[free] {
		return
	}
	m.seen[free] = true
	for _, cell := range m.e.Program.Bindings(free) {
		if inner, isFree := cell.(*ssa.FreeVar); isFree {
			m.place(Place{Object: Object{Root: inner}}, depth+1)
			continue
		}
		for _, v := range m.e.Program.StoredAt(cell) {
			for _, from := range m.e.DepsOf(parentOf(v, cell.Parent()), v).Places {
				m.place(from, depth+1)
			}
		}
	}
}

// own tells whether a field belongs to a struct of own code that is no part of an API object, and does not keep one: what an
// object says was read, not remembered.
func (m *recall) own(key program.FieldKey) bool {
	return m.e.Program.OwnType(key.Type) && !m.e.isObject(key.Type) && !m.e.inAPI(key.Type) && !m.e.IsAPIPart(key.Var().Type())
}

// inAPI tells whether a type lies in a package that declares API objects: its structs are parts of them.
func (e *Effects) inAPI(t *types.Named) bool {
	pkg := t.Obj().Pkg()
	in, known := e.apiPackages[pkg]
	if !known {
		in = declaresKind(pkg.Scope())
		e.apiPackages[pkg] = in
	}
	return in
}

// declaresKind tells whether a type of a package is a kind of API objects.
func declaresKind(scope *types.Scope) bool {
	for _, name := range scope.Names() {
		if tn, ok := scope.Lookup(name).(*types.TypeName); ok {
			if k, isKind := kube.KindOf(tn.Type()); isKind && k.Name != "" {
				return true
			}
		}
	}
	return false
}

func (m *recall) add(key program.FieldKey) {
	for _, have := range m.out {
		if have == key {
			return
		}
	}
	m.out = append(m.out, key)
}

// Stamped returns a store of the current time into one of the fields, or nil.
func (e *Effects) Stamped(keys []program.FieldKey) *ssa.Store {
	for _, key := range keys {
		for _, st := range e.Program.FieldStores(key) {
			if !e.Program.InTest(st.Parent()) && e.DepsOf(st.Parent(), st.Val).Now {
				return st
			}
		}
	}
	return nil
}

// Takeout is a buffer that a function takes out of memory and sends away.
type Takeout struct {
	// Field is the buffer, Emptied the store that empties it.
	Field   program.FieldKey
	Emptied *ssa.Store
	// Write is the call that sends what was taken, and that can fail.
	Write *ssa.Call
}

// Takeouts returns the buffers that fn empties before it writes to the API what was in them, without a way to put back
// what could not be written.
func (e *Effects) Takeouts(fn *ssa.Function) []Takeout {
	var out []Takeout
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			st, ok := instr.(*ssa.Store)
			if !ok || !isEmpty(st.Val) {
				continue
			}
			addr, ok := st.Addr.(*ssa.FieldAddr)
			if !ok {
				continue
			}
			key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field)
			if !ok || !e.Program.OwnType(key.Type) || e.isObject(key.Type) || e.inAPI(key.Type) || !taken(fn, key, st) || e.refills(fn, key, st, 0) {
				continue
			}
			if write := e.writeAfter(fn, st); write != nil {
				out = append(out, Takeout{Field: key, Emptied: st, Write: write})
			}
		}
	}
	return out
}

// isEmpty tells whether a value is a new, empty map or slice.
func isEmpty(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.MakeMap:
		for _, ref := range *x.Referrers() {
			if _, ok := ref.(*ssa.MapUpdate); ok {
				return false
			}
		}
		return true
	case *ssa.Const:
		return x.Value == nil && (isSlice(x.Type()) || isMap(x.Type()))
	case *ssa.MakeSlice:
		c, ok := x.Len.(*ssa.Const)
		return ok && c.Int64() == 0
	}
	return false
}

func isMap(t types.Type) bool {
	_, ok := t.Underlying().(*types.Map)
	return ok
}

// taken tells whether fn read the buffer before it emptied it, and uses afterwards what it read.
func taken(fn *ssa.Function, key program.FieldKey, emptied *ssa.Store) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			load, ok := instr.(*ssa.UnOp)
			if !ok || load.Op != token.MUL || !MayPrecede(load, emptied) {
				continue
			}
			addr, ok := load.X.(*ssa.FieldAddr)
			if !ok {
				continue
			}
			if at, ok := program.FieldKeyOf(addr.X.Type(), addr.Field); !ok || at != key {
				continue
			}
			for _, ref := range *load.Referrers() {
				if MayPrecede(emptied, ref) {
					return true
				}
			}
		}
	}
	return false
}

// refills tells whether fn, or what it calls, puts something into the buffer after a point (nil: anywhere).
func (e *Effects) refills(fn *ssa.Function, key program.FieldKey, after ssa.Instruction, depth int) bool {
	if depth > 3 {
		return false
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if after != nil && !MayPrecede(after, instr) {
				continue
			}
			switch x := instr.(type) {
			case *ssa.MapUpdate:
				if loadsField(x.Map, key) {
					return true
				}
			case *ssa.Store:
				if addr, ok := x.Addr.(*ssa.FieldAddr); ok && !isEmpty(x.Val) {
					if at, ok := program.FieldKeyOf(addr.X.Type(), addr.Field); ok && at == key {
						return true
					}
				}
			case ssa.CallInstruction:
				for _, edge := range e.Program.Callees(x) {
					if edge.Callee != fn && e.refills(edge.Callee, key, nil, depth+1) {
						return true
					}
				}
			}
		}
	}
	return false
}

func loadsField(v ssa.Value, key program.FieldKey) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return false
	}
	addr, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	at, ok := program.FieldKeyOf(addr.X.Type(), addr.Field)
	return ok && at == key
}

// writeAfter returns a call after a point that writes to the API and can fail.
func (e *Effects) writeAfter(fn *ssa.Function, after ssa.Instruction) *ssa.Call {
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || !MayPrecede(after, call) || !givesError(call) {
			continue
		}
		if row := program.Model(call); row != nil {
			if row.Effect.IsWrite() {
				return call
			}
			continue
		}
		for _, callee := range e.Program.Static(call) {
			if writes, _ := e.WritesBelow(callee); len(writes) > 0 {
				return call
			}
		}
	}
	return nil
}

// ComparesOrder tells whether the function of a change asks, before it, which of two times is later, and one of them is the
// changed field.
func (e *Effects) ComparesOrder(ch *Event) bool {
	fn := ch.Func()
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		target := program.Target(site)
		if !ok || target == nil || !MayPrecede(call, ch.Origin) {
			continue
		}
		switch target.Name() {
		case "After", "Before", "Compare", "Sub":
		default:
			continue
		}
		for _, arg := range call.Call.Args {
			for _, p := range e.DepsOf(fn, arg).Places {
				if p.Path != "" && overlaps(p.Path, ch.Path) {
					return true
				}
			}
		}
	}
	return false
}
