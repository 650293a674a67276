// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// identity names an object that outlives the calls of a goroutine: the package variable or the field that holds it, its
// type where it is the receiver of an entry point, or where it was made. Who reach an object of one identity share it.
type identity struct {
	global *ssa.Global
	field  program.FieldKey
	entry  *types.Named
	made   *ssa.Alloc
	// keyed is set for what is found by its key in the map that a field or variable holds.
	keyed bool
	// sole is set where the way to the object shows that there is one in the process.
	sole bool
}

// is tells whether two names can be those of one object: what an entry point has as its receiver was made somewhere.
func (id identity) is(other identity) bool {
	if id.made != nil && other.entry != nil {
		id, other = other, id
	}
	if id.entry != nil && other.made != nil {
		return id.entry == program.Named(other.made.Type())
	}
	id.sole, other.sole = false, false
	return id == other
}

// commonBudget bounds the values that are looked at to name an object; a real way from an entry point has a few dozen.
const commonBudget = 300

// makersLimit bounds the goroutines that are asked what they gave to the one that they started.
const makersLimit = 4

// common tells whether the objects of two accesses can be one that outlives both goroutines of a meeting. In contrast to
// lasting it follows the ways that these goroutines take, and no others: what is made lazily and kept in a field of a
// lasting object lasts as well.
func (m *Memory) common(a, b *Access, meeting program.Meeting) bool {
	if a.Base == nil || b.Base == nil || a.Place.Type == nil {
		return false
	}
	if m.oneForCall(a.Place.Type, meeting) {
		return false
	}
	mine := m.identities(a.Base, meeting.A)
	if len(mine) == 0 {
		return false
	}
	return slices.ContainsFunc(m.identities(b.Base, meeting.B), func(id identity) bool {
		return slices.ContainsFunc(mine, func(other identity) bool {
			return id.is(other) && !m.eachMakes(id.made, meeting) && (!id.keyed || anyKey(meeting)) && (id.sole && other.sole || !m.strangers(meeting))
		})
	})
}

// oneForCall tells whether all objects of a type are made to call an entry point with: what else seems to get one shares no
// more with it than the type of a variable.
func (m *Memory) oneForCall(t *types.Named, meeting program.Meeting) bool {
	made := m.makers(t)
	return len(made) > 0 && !slices.ContainsFunc(made, func(alloc *ssa.Alloc) bool {
		return !m.madeForCall(alloc, meeting) && !m.madeToReconcile(alloc)
	})
}

// madeToReconcile tells whether whoever makes an object calls a reconciler himself.
func (m *Memory) madeToReconcile(alloc *ssa.Alloc) bool {
	c := m.Program.Concurrency()
	return c.First(alloc.Parent()) != nil && !c.Some(alloc.Parent(), func(by *program.Root) bool {
		return !slices.ContainsFunc(m.Program.Entries, func(e *program.Entry) bool {
			return e.Kind == program.EntryReconcile && e.Func != by.Func && c.Runs(by, e.Func)
		})
	})
}

// makers lists where own code, tests aside, makes objects of a type.
func (m *Memory) makers(t *types.Named) []*ssa.Alloc {
	if m.madeAt == nil {
		m.madeAt = make(map[*types.Named][]*ssa.Alloc)
		for _, fn := range m.Program.Funcs {
			if m.Program.InTest(fn) {
				continue
			}
			for _, b := range fn.Blocks {
				for _, instr := range b.Instrs {
					if alloc, ok := instr.(*ssa.Alloc); ok && alloc.Heap {
						named := program.Named(alloc.Type())
						m.madeAt[named] = append(m.madeAt[named], alloc)
					}
				}
			}
		}
	}
	return m.madeAt[t]
}

// eachMakes tells whether both goroutines make an object of their own at one place.
func (m *Memory) eachMakes(alloc *ssa.Alloc, meeting program.Meeting) bool {
	c := m.Program.Concurrency()
	return alloc != nil && !m.Program.RunsOnce(alloc) && c.Runs(meeting.A, alloc.Parent()) && c.Runs(meeting.B, alloc.Parent())
}

type identityKey struct {
	of ssa.Value
	in *program.Root
}

// identities names the lasting objects that a value can be in a goroutine, in the order they were found.
func (m *Memory) identities(v ssa.Value, in *program.Root) []identity {
	key := identityKey{v, in}
	if known, ok := m.names[key]; ok {
		return known
	}
	m.names[key] = nil // asked again while answering: a circle adds no other names
	w := &namer{m: m, in: in, of: v.Type(), seen: make(map[ssa.Value]bool)}
	w.object(v)
	m.names[key] = w.out
	return w.out
}

// namer walks from a value back to the lasting objects that it can be in one goroutine.
type namer struct {
	m  *Memory
	in *program.Root
	// of is the type of the object: variables that never hold one are not it.
	of   types.Type
	seen map[ssa.Value]bool
	out  []identity
}

func (w *namer) add(id identity) {
	if !slices.Contains(w.out, id) {
		w.out = append(w.out, id)
	}
}

// object follows a pointer to the struct that it points to.
func (w *namer) object(v ssa.Value) {
	if v == nil || w.seen[v] || len(w.seen) > commonBudget {
		return
	}
	w.seen[v] = true
	if types.IsInterface(v.Type()) && !types.IsInterface(w.of) && !w.m.Program.CanHold(v, w.of) {
		return
	}
	switch x := v.(type) {
	case *ssa.Global:
		w.add(identity{global: x, sole: true})
	case *ssa.Alloc:
		if w.m.madeFewTimes(x) {
			w.add(identity{made: x, sole: w.m.Program.RunsOnce(x)})
		}
	case *ssa.FieldAddr:
		w.part(x.X, x.Field) // a struct inside of another
	case *ssa.UnOp:
		if x.Op == token.MUL {
			w.kept(x.X)
		}
	case *ssa.Field:
		w.part(x.X, x.Field)
	case *ssa.Phi:
		for _, e := range x.Edges {
			w.object(e)
		}
	case *ssa.MakeInterface:
		w.object(x.X)
	case *ssa.ChangeInterface:
		w.object(x.X)
	case *ssa.ChangeType:
		w.object(x.X)
	case *ssa.TypeAssert:
		w.object(x.X)
	case *ssa.Lookup:
		w.element(x.X)
	case *ssa.Extract:
		switch tuple := x.Tuple.(type) {
		case *ssa.Lookup:
			w.element(tuple.X)
		case *ssa.Call:
			w.result(tuple, x.Index)
		case *ssa.TypeAssert:
			w.object(tuple.X)
		}
	case *ssa.Call:
		w.result(x, 0)
	case *ssa.Parameter:
		w.parameter(x)
	case *ssa.FreeVar:
		for _, b := range w.m.Program.Bindings(x) {
			w.from(b, x.Parent().Parent())
		}
	}
}

// from follows a value of a function, in this goroutine where it runs the function, else in those that do.
func (w *namer) from(v ssa.Value, fn *ssa.Function) {
	if w.runs(fn) {
		w.object(v)
		return
	}
	looked := 0
	for r := range w.m.Program.Concurrency().Of(fn) {
		if looked++; looked > makersLimit {
			return
		}
		for _, id := range w.m.identities(v, r) {
			w.add(id)
		}
	}
}

// kept follows what is loaded from an address: from a field of a lasting object or a package variable it lasts, a local
// variable holds what was stored in it.
func (w *namer) kept(addr ssa.Value) {
	switch x := addr.(type) {
	case *ssa.Global:
		w.add(identity{global: x, sole: true})
	case *ssa.FieldAddr:
		w.part(x.X, x.Field)
	case *ssa.UnOp:
		if x.Op == token.MUL {
			w.kept(x.X) // a pointer to the variable is kept
		}
	case *ssa.Alloc, *ssa.FreeVar:
		for _, v := range w.m.Program.StoredAt(x) {
			w.from(v, x.Parent())
		}
	}
}

// part names a field of a struct where that struct lasts.
func (w *namer) part(of ssa.Value, index int) {
	key, ok := program.FieldKeyOf(of.Type(), index)
	holders := w.m.identities(of, w.in)
	if ok && len(holders) > 0 {
		w.add(identity{field: key, sole: len(holders) == 1 && holders[0].sole})
	}
}

// parameter follows the arguments that this goroutine gives. Where the goroutine begins there is the receiver of an entry
// point, or what the one gave that started it.
func (w *namer) parameter(x *ssa.Parameter) {
	fn := x.Parent()
	index := slices.Index(fn.Params, x)
	if entry := w.m.Program.EntryAt(fn); entry != nil && fn == w.in.Func {
		if index == 0 && w.m.keepsReceiver(entry) {
			w.add(identity{entry: program.Named(x.Type()), sole: true})
		}
		return
	}
	if index == 0 && fn == w.in.Func && w.in.ByContract() && fn.Signature.Recv() != nil {
		for _, made := range w.m.makers(program.Named(x.Type())) {
			w.object(made)
		}
	}
	for _, e := range w.m.Program.Callers(fn) {
		begins := e.How == program.Starts
		if begins && fn != w.in.Func || !begins && !w.runs(e.Caller()) {
			continue
		}
		for _, arg := range w.m.Program.Arguments(e, index) {
			w.from(arg, e.Caller())
		}
	}
}

// keepsReceiver tells whether the receiver of an entry point is there for all calls of it: not the object of the API that
// a webhook was asked about, and not what own code makes to call the method itself.
func (m *Memory) keepsReceiver(entry *program.Entry) bool {
	recv := entry.Func.Signature.Recv()
	if recv == nil {
		return false
	}
	named := program.Named(recv.Type())
	registered := entry.Pos != entry.Func.Pos()
	return named != nil && !m.isAPIType(named) && isPointer(recv.Type()) && (registered || len(m.Program.Callers(entry.Func)) == 0)
}

// madeFewTimes tells whether an object is made while the program starts up.
func (m *Memory) madeFewTimes(x *ssa.Alloc) bool {
	few, ok := m.few[x]
	if !ok {
		few = m.Program.FewTimes(x)
		m.few[x] = few
	}
	return few
}

// result follows what the callees of a call return.
func (w *namer) result(call *ssa.Call, index int) {
	for _, fn := range w.m.Program.Static(call) {
		for _, b := range fn.Blocks {
			if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && index < len(ret.Results) {
				w.object(ret.Results[index])
			}
		}
	}
}

func (w *namer) runs(fn *ssa.Function) bool { return w.m.Program.Concurrency().Runs(w.in, fn) }
