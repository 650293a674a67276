// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Leak is a return of a guarded map or slice that others change in place.
type Leak struct {
	Place  Place
	Guard  Place
	Return *ssa.Return
	Load   *ssa.UnOp
	// Inside is set where it is returned in a struct.
	Inside bool
	// Change is a change of the entries under the guard.
	Change *Access
}

// Kind is "map" or "slice".
func (l Leak) Kind() string {
	if l.Change.Map() {
		return "map"
	}
	return "slice"
}

// Expr is the map or slice as the code names it.
func (l Leak) Expr() string {
	if field, ok := l.Load.X.(*ssa.FieldAddr); ok {
		if param, ok := field.X.(*ssa.Parameter); ok {
			name := param.Name() + "." + program.FieldName(field.X.Type(), field.Field)
			if !isContainer(l.Load.Type()) {
				name += l.Place.Path // of the struct there
			}
			return name
		}
	}
	return l.Place.String()
}

// Leaks lists the getters that give guarded containers away, in source order.
func (m *Memory) Leaks() []Leak {
	var out []Leak
	for _, fn := range m.Program.Funcs {
		if m.Locks.flows[fn] == nil {
			continue
		}
		for _, b := range fn.Blocks {
			ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
			if !ok || b == fn.Recover {
				continue
			}
			for i := range ret.Results {
				if leak, ok := m.firstLeak(ret, i); ok {
					out = append(out, leak)
					break
				}
			}
		}
	}
	return out
}

// firstLeak returns the first container that a result gives away.
func (m *Memory) firstLeak(ret *ssa.Return, index int) (Leak, bool) {
	for _, result := range m.returned(ret.Results[index]) {
		if load, ok := result.(*ssa.UnOp); ok && load.Op == token.MUL && isContainer(load.Type()) {
			if leak, ok := m.leak(ret, handed{load: load, field: -1}); ok {
				return leak, true
			}
		}
		for _, inside := range m.handedIn(result) {
			if leak, ok := m.leak(ret, inside); ok && m.looksInto(ret.Parent(), index, inside.field) {
				return leak, true
			}
		}
	}
	return Leak{}, false
}

// returned lists the values that a result is, those that wait in a variable for deferred calls to run.
func (m *Memory) returned(result ssa.Value) []ssa.Value {
	if load, ok := result.(*ssa.UnOp); ok {
		if cell, ok := load.X.(*ssa.Alloc); ok {
			if stored := m.Program.StoredAt(cell); !wholeStruct(load.Type()) || len(stored) > 0 {
				return stored
			}
		}
	}
	return []ssa.Value{result}
}

func (m *Memory) leak(ret *ssa.Return, given handed) (Leak, bool) {
	load := given.load
	place, owner := m.variable(load.X)
	if given.place.Known() {
		place = given.place
	}
	guard := m.Guard(place)
	switch {
	case !place.Known() || !guard.Known() || m.owned(owner.Root, load):
		return Leak{}, false
	case !m.Locks.holdsItself(load, guard):
		return Leak{}, false // the caller holds the lock, or nobody: told by unguarded-field
	case !given.place.Known() && m.swapped(load, place, ret):
		return Leak{}, false // taken out: it is the caller's now
	}
	for _, a := range m.accesses[place] {
		if _, held := a.Holds(guard); a.Write && a.Part == Entries && held {
			if _, meet := m.Program.Concurrency().Meet(ret, a.At); meet {
				return Leak{place, guard, ret, load, given.field >= 0, a}, true
			}
		}
	}
	return Leak{}, false
}

func isContainer(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Map, *types.Slice:
		return true
	}
	return false
}

// holdsItself tells whether the function of instr holds a lock that it has taken itself, and not its callers.
func (l *Locks) holdsItself(instr ssa.Instruction, place Place) bool {
	for _, h := range l.Held(instr) {
		if h.Lock.Place == place && h.Site == nil {
			return false
		}
	}
	for _, h := range l.flows[instr.Parent()].At(instr).Must {
		if h.Lock.Place == place {
			return true
		}
	}
	return false
}
