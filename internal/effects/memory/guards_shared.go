// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// shared tells whether two accesses that meet surely touch the same memory: a package variable, a captured variable of
// one call, or a field of an object that outlives what runs.
func (m *Memory) shared(a, b *Access, meeting program.Meeting) bool {
	switch {
	case a.Place.Global != nil:
		return true
	case a.Place.Local != nil:
		return m.oneCall(a.Place.Local, meeting) && m.afterStart(a, b, meeting)
	}
	return m.lasting(a, a, b, meeting) && m.lasting(b, a, b, meeting)
}

// oneCall tells whether two goroutines share a variable of one call: the call started at least one of them, and if they
// are two of a kind, it started both.
func (m *Memory) oneCall(local *ssa.Alloc, meeting program.Meeting) bool {
	c := m.Program.Concurrency()
	started := func(r *program.Root) bool {
		return slices.ContainsFunc(r.Sites, func(s ssa.CallInstruction) bool {
			return s.Parent() == local.Parent() || encloses(local.Parent(), s.Parent())
		})
	}
	if meeting.A != meeting.B {
		return started(meeting.A) || started(meeting.B)
	}
	return slices.ContainsFunc(meeting.A.Sites, func(s ssa.CallInstruction) bool {
		if s.Parent() != local.Parent() {
			return c.InLoop(s) && m.handedToStarter(local, meeting.A)
		}
		return c.InLoop(s) && !c.InLoop(local) || program.WaitsForStarted(s)
	})
}

// handedToStarter tells whether the call that has a variable gives a closure over it to a function that starts the
// goroutine: a helper that calls what it is given in several goroutines.
func (m *Memory) handedToStarter(local *ssa.Alloc, r *program.Root) bool {
	for site := range program.Sites(local.Parent()) {
		if !slices.ContainsFunc(site.Common().Args, func(arg ssa.Value) bool { return bindsVariable(arg, local) }) {
			continue
		}
		if slices.ContainsFunc(m.Program.Static(site), func(fn *ssa.Function) bool { return m.Program.Concurrency().MayStart(fn, r) }) {
			return true
		}
	}
	return false
}

// bindsVariable tells whether a value is a closure over a variable.
func bindsVariable(v ssa.Value, local *ssa.Alloc) bool {
	if conv, ok := v.(*ssa.ChangeType); ok {
		v = conv.X
	}
	closure, ok := v.(*ssa.MakeClosure)
	return ok && slices.Contains(closure.Bindings, ssa.Value(local))
}

// lasting tells whether the object of one of two accesses that meet surely outlives the goroutines that meet over it: the receiver of an entry point, or
// an object that neither of them makes anew.
func (m *Memory) lasting(of, a, b *Access, meeting program.Meeting) bool {
	if _, ok := of.Owner.Root.(*ssa.Global); ok {
		return true
	}
	srcs := m.Program.Sources(of.Base)
	if srcs.Partial || len(srcs.Values) == 0 {
		return false
	}
	if m.strangers(meeting) {
		return m.madeOnce(of.Base) || m.common(a, b, meeting)
	}
	for _, src := range srcs.Values {
		switch x := src.(type) {
		case *ssa.Const: // nil
		case *ssa.Global:
		case *ssa.Parameter:
			if x.Parent().Signature.Recv() == nil || x.Parent().Params[0] != x || m.Program.EntryAt(x.Parent()) == nil {
				return false
			}
		case *ssa.Alloc:
			if m.madeBy(x, a, b, meeting) || m.madeForCall(x, meeting) {
				return false
			}
			if m.Program.RunsAgain(x) && !m.startedWith(meeting) && !m.common(a, b, meeting) {
				return false // there are many, and nothing shows that the two have the same one
			}
		default:
			return false
		}
	}
	return true
}

// startedWith tells whether one of two goroutines starts the other, which then has what it was given.
func (m *Memory) startedWith(meeting program.Meeting) bool {
	c := m.Program.Concurrency()
	return c.StartsRoot(meeting.A, meeting.B) || c.StartsRoot(meeting.B, meeting.A)
}

// private tells whether an access surely touches an object that its goroutine made for itself.
func (m *Memory) private(a, b *Access, meeting program.Meeting) bool {
	if a.Base == nil || m.keptByKey(a.Place.Type) {
		return false
	}
	srcs := m.Program.Sources(a.Base)
	if srcs.Partial || len(srcs.Values) == 0 {
		return false
	}
	// What a constructor that fails returns, to each that makes one, is nil.
	none := slices.ContainsFunc(srcs.Values, program.IsNil)
	if none && meeting.A != meeting.B {
		return false
	}
	made := false
	for _, src := range srcs.Values {
		if program.IsNil(src) || m.passedElsewhere(src, meeting) {
			continue
		}
		alloc, ok := src.(*ssa.Alloc)
		if !ok || !m.madeBy(alloc, a, b, meeting) || none && !program.ReturnsError(alloc.Parent().Signature) {
			return false
		}
		made = true
	}
	return made
}

// passedElsewhere tells whether a value is what callers out of sight give to a function that neither goroutine runs.
func (m *Memory) passedElsewhere(src ssa.Value, meeting program.Meeting) bool {
	param, ok := src.(*ssa.Parameter)
	c := m.Program.Concurrency()
	return ok && !c.Runs(meeting.A, param.Parent()) && !c.Runs(meeting.B, param.Parent())
}

// madeBy tells whether the goroutines that meet have objects of their own: each makes one, or gets one that was made for
// it. What a goroutine makes and gives to another that it starts is shared by the two from then on.
func (m *Memory) madeBy(alloc *ssa.Alloc, a, b *Access, meeting program.Meeting) bool {
	if m.Program.RunsOnce(alloc) || m.runsUnderOnce(alloc.Parent(), 0) {
		return false
	}
	c := m.Program.Concurrency()
	makes := func(r *program.Root) bool { return c.Runs(r, alloc.Parent()) }
	switch {
	case meeting.A == meeting.B:
		return makes(meeting.A) || m.madeForEach(alloc, meeting.A)
	case makes(meeting.A) && makes(meeting.B):
		return true
	case c.StartsRoot(meeting.A, meeting.B) || c.StartsRoot(meeting.B, meeting.A):
		return (makes(meeting.A) || makes(meeting.B)) && !m.afterStart(a, b, meeting)
	}
	return makes(meeting.A) || makes(meeting.B)
}

// madeForCall tells whether somebody who calls an entry point himself makes an object each time before: it is for that
// call, and what the framework calls has another.
func (m *Memory) madeForCall(alloc *ssa.Alloc, meeting program.Meeting) bool {
	if meeting.A.Entry == nil || meeting.B.Entry == nil || m.Program.RunsOnce(alloc) {
		return false
	}
	c := m.Program.Concurrency()
	return c.Some(alloc.Parent(), func(by *program.Root) bool {
		return by != meeting.A && by != meeting.B && (c.Runs(by, meeting.A.Func) || c.Runs(by, meeting.B.Func))
	})
}

// madeForEach tells whether whoever starts a goroutine makes the object anew each time.
func (m *Memory) madeForEach(alloc *ssa.Alloc, r *program.Root) bool {
	c := m.Program.Concurrency()
	for _, site := range r.Sites {
		if c.InLoop(site) && !(site.Parent() == alloc.Parent() && c.InLoop(alloc)) && !m.newEachTime(site, alloc) {
			return false // several workers for one object
		}
		if !c.Some(site.Parent(), func(by *program.Root) bool { return c.Runs(by, alloc.Parent()) }) {
			return false
		}
	}
	return len(r.Sites) > 0
}

// newEachTime tells whether each round of a loop that starts a goroutine calls for a new object to give to it.
func (m *Memory) newEachTime(site ssa.CallInstruction, alloc *ssa.Alloc) bool {
	given := site.Common().Args
	if closure, ok := site.Common().Value.(*ssa.MakeClosure); ok {
		given = append(slices.Clone(given), closure.Bindings...)
	}
	return slices.ContainsFunc(given, func(v ssa.Value) bool {
		if cell, ok := v.(*ssa.Alloc); ok {
			if v = m.Locks.place.only(cell); v == nil {
				return false
			}
		}
		call, ok := v.(*ssa.Call)
		return ok && call.Parent() == site.Parent() && m.Program.Concurrency().InLoop(call) && m.isFresh(call) &&
			slices.Contains(m.Program.Sources(call).Values, ssa.Value(alloc))
	})
}

// afterStart tells whether, where one goroutine starts the other, its access comes after the start.
func (m *Memory) afterStart(a, b *Access, meeting program.Meeting) bool {
	c := m.Program.Concurrency()
	switch {
	case meeting.A == meeting.B:
		return true
	case c.StartsRoot(meeting.A, meeting.B):
		return c.LateFor(meeting.A, meeting.B, a.At)
	case c.StartsRoot(meeting.B, meeting.A):
		return c.LateFor(meeting.B, meeting.A, b.At)
	}
	return true
}

// keptByKey tells whether own code puts objects of a type into a map: whoever knows the key then shares them.
func (m *Memory) keptByKey(t *types.Named) bool {
	if m.kept == nil {
		m.kept = make(map[*types.Named]bool)
		for _, fn := range m.Program.Funcs {
			for _, b := range fn.Blocks {
				for _, instr := range b.Instrs {
					if update, ok := instr.(*ssa.MapUpdate); ok && isPointer(update.Value.Type()) {
						m.kept[program.Named(update.Value.Type())] = true
					}
				}
			}
		}
	}
	return t != nil && m.kept[t]
}
