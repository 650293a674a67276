// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// PooledChange is a change of a library's object that own code keeps in a map for all who ask for it: what one of them sets, each
// of the others gets.
type PooledChange struct {
	// Pool is the map, and Found where the object is taken from it, a pointer to what the map goes on to hold.
	Pool  Place
	Found ssa.Instruction
	// Change sets Field of the object, and Got is the pointer in the function that does.
	Change ssa.Instruction
	Field  string
	Got    ssa.Value
}

// PooledChanges lists them, the first of each function and pool, in source order of the changes.
func (m *Memory) PooledChanges() []PooledChange {
	p := &pools{m: m, finds: m.finds(), handed: make(map[handedKey]*find)}
	if len(p.finds) == 0 {
		return nil
	}
	var out []PooledChange
	type change struct {
		fn   *ssa.Function
		pool Place
	}
	told := make(map[change]bool)
	for _, fn := range m.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				object, field := changedObject(instr)
				if object == nil || !m.librarys(object.Type()) || len(m.Locks.Held(instr)) > 0 {
					continue
				}
				found := p.of(object, 0)
				if found == nil || told[change{fn, found.pool}] || p.takesOut(fn, found) {
					continue
				}
				told[change{fn, found.pool}] = true
				out = append(out, PooledChange{Pool: found.pool, Found: found.at, Change: instr, Field: field, Got: object})
			}
		}
	}
	return out
}

// pools answers which pointers lead to what a map of own code holds for many.
type pools struct {
	m      *Memory
	finds  map[ssa.Instruction]Place
	handed map[handedKey]*find
}

// find is where something is taken from a map that keeps it.
type find struct {
	pool Place
	at   ssa.Instruction
}

// handedKey is a result of a function.
type handedKey struct {
	fn     *ssa.Function
	result int
}

// finds returns the look-ups in maps that goroutines share: some access to the map holds a lock, or the whole process has it.
func (m *Memory) finds() map[ssa.Instruction]Place {
	out := make(map[ssa.Instruction]Place)
	for _, place := range m.places {
		all := m.accesses[place]
		if !slices.ContainsFunc(all, func(a *Access) bool { return a.Map() && len(a.Held) > 0 }) {
			continue
		}
		for _, a := range all {
			if _, isLookup := a.At.(*ssa.Lookup); isLookup && a.Map() && a.Inner == nil {
				out[a.At] = place
			}
		}
	}
	return out
}

// changedObject returns the pointer through which an instruction sets a field, and the field.
func changedObject(instr ssa.Instruction) (ssa.Value, string) {
	var addr ssa.Value
	switch x := instr.(type) {
	case *ssa.Store:
		addr = x.Addr
	case *ssa.MapUpdate:
		load, ok := x.Map.(*ssa.UnOp)
		if !ok || load.Op != token.MUL {
			return nil, ""
		}
		addr = load.X
	}
	var path []string
	field, ok := addr.(*ssa.FieldAddr)
	for ; ok; field, ok = addr.(*ssa.FieldAddr) {
		path = append(path, program.FieldName(field.X.Type(), field.Field))
		addr = field.X
	}
	if len(path) == 0 {
		return nil, ""
	}
	slices.Reverse(path)
	return addr, strings.Join(path, ".")
}

// librarys tells whether a type is a pointer to a struct that a library declares, and that is no object of the API.
func (m *Memory) librarys(t types.Type) bool {
	named := program.Named(t)
	return isPointer(t) && named != nil && named.Obj().Pkg() != nil && !m.Program.OwnPackage(named.Obj().Pkg()) && !m.isAPIType(named)
}

// poolDepth bounds the calls that an object is followed through.
const poolDepth = 4

// of returns where a pointer may have been taken from a pool; nil where nothing shows that it was.
func (p *pools) of(v ssa.Value, depth int) *find {
	return p.follow(v, depth, make(map[ssa.Value]bool))
}

func (p *pools) follow(v ssa.Value, depth int, seen map[ssa.Value]bool) *find {
	if seen[v] || depth > poolDepth {
		return nil
	}
	seen[v] = true
	if at, ok := v.(ssa.Instruction); ok {
		if pool, ok := p.finds[at]; ok {
			return &find{pool, at}
		}
	}
	first := func(values []ssa.Value) *find {
		for _, v := range values {
			if found := p.follow(v, depth, seen); found != nil {
				return found
			}
		}
		return nil
	}
	switch x := v.(type) {
	case *ssa.Extract:
		if call, ok := x.Tuple.(*ssa.Call); ok {
			return p.result(call, x.Index, depth)
		}
		return p.follow(x.Tuple, depth, seen)
	case *ssa.Call:
		return p.result(x, 0, depth)
	case *ssa.Phi:
		return first(x.Edges)
	case *ssa.TypeAssert:
		return p.follow(x.X, depth, seen)
	case *ssa.MakeInterface:
		return p.follow(x.X, depth, seen)
	case *ssa.ChangeType:
		return p.follow(x.X, depth, seen)
	case *ssa.Field:
		return p.follow(x.X, depth, seen)
	case *ssa.UnOp:
		if x.Op != token.MUL {
			return nil
		}
		switch addr := x.X.(type) {
		case *ssa.FieldAddr:
			if cell, ok := addr.X.(*ssa.Alloc); ok {
				return first(p.m.storedAsWhole(cell))
			}
			return p.follow(addr.X, depth, seen)
		case *ssa.Alloc:
			return first(p.m.Program.StoredAt(addr))
		}
	}
	return nil
}

// storedAsWhole returns the structs that a variable is set to.
func (m *Memory) storedAsWhole(cell *ssa.Alloc) []ssa.Value {
	if !wholeStruct(elementOf(cell.Type())) {
		return nil
	}
	return m.Program.StoredAt(cell)
}

// result returns where an own function takes what it returns from a pool, on some way through it.
func (p *pools) result(call *ssa.Call, index, depth int) *find {
	callees := p.m.Program.Static(call)
	if len(callees) != 1 {
		return nil // several may answer, and not all of them the same
	}
	key := handedKey{callees[0], index}
	if known, ok := p.handed[key]; ok {
		return known
	}
	p.handed[key] = nil
	for _, b := range key.fn.Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok || index >= len(ret.Results) {
			continue
		}
		if found := p.of(ret.Results[index], depth+1); found != nil {
			p.handed[key] = found
			break
		}
	}
	return p.handed[key]
}

// takesOut tells whether the function that finds an object, or the one that changes it, deletes entries of the pool: it may have
// the object for itself then.
func (p *pools) takesOut(fn *ssa.Function, found *find) bool {
	return slices.ContainsFunc(p.m.accesses[found.pool], func(a *Access) bool {
		call, ok := a.At.(*ssa.Call)
		return ok && a.Write && a.Map() && isDelete(call) && (a.Func() == fn || a.Func() == found.at.Parent())
	})
}

func isDelete(call *ssa.Call) bool {
	b, ok := call.Call.Value.(*ssa.Builtin)
	return ok && b.Name() == "delete"
}
