// SPDX-License-Identifier: Apache-2.0

package memory

import (
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
		return m.oneCall(a.Place.Local, meeting)
	}
	return m.lasting(a, meeting) && m.lasting(b, meeting)
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
			return false
		}
		row := program.Model(s)
		return c.InLoop(s) && !c.InLoop(local) || row != nil && row.Name == "ParallelizeUntil"
	})
}

// lasting tells whether an object surely outlives the goroutines that meet over it: the receiver of an entry point, or
// an object that neither of them makes anew.
func (m *Memory) lasting(a *Access, meeting program.Meeting) bool {
	if _, ok := a.Owner.Root.(*ssa.Global); ok {
		return true
	}
	srcs := m.Program.Sources(a.Base)
	if srcs.Partial || len(srcs.Values) == 0 {
		return false
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
			if m.madeBy(x, meeting) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// private tells whether an access surely touches an object that its goroutine made for itself.
func (m *Memory) private(a *Access, meeting program.Meeting) bool {
	if a.Base == nil {
		return false
	}
	srcs := m.Program.Sources(a.Base)
	if srcs.Partial || len(srcs.Values) == 0 {
		return false
	}
	for _, src := range srcs.Values {
		alloc, ok := src.(*ssa.Alloc)
		if !ok || !m.madeBy(alloc, meeting) {
			return false
		}
	}
	return true
}

// madeBy tells whether the goroutines that meet make the object themselves, so that each has its own. What a goroutine
// makes and gives to another that it starts is shared by the two.
func (m *Memory) madeBy(alloc *ssa.Alloc, meeting program.Meeting) bool {
	if m.Program.RunsOnce(alloc) {
		return false
	}
	c := m.Program.Concurrency()
	makes := func(r *program.Root) bool { return c.Runs(r, alloc.Parent()) }
	if meeting.A != meeting.B && (c.StartsRoot(meeting.A, meeting.B) || c.StartsRoot(meeting.B, meeting.A)) {
		return false
	}
	return makes(meeting.A) || makes(meeting.B)
}
