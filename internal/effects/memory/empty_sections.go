// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// EmptySection is a lock that is let go in the statement after the one that took it, in a function which then uses what
// the lock guards elsewhere.
type EmptySection struct {
	Taken Holding
	// Freed is the release next to it.
	Freed *ssa.Call
	// Use is the first access behind the release without the lock.
	Use *Access
	// Guarded is an access to the same memory in another function that holds the lock.
	Guarded *Access
	// Written is set when somebody writes the memory while the struct may be shared.
	Written bool
}

// EmptySections returns the critical sections with nothing in them, in the order of the code.
func (m *Memory) EmptySections() []EmptySection {
	var empty []EmptySection
	for _, fn := range m.Program.Funcs {
		for _, b := range fn.Blocks {
			for i, instr := range b.Instrs {
				if s, ok := m.emptySection(instr, b.Instrs[i+1:]); ok {
					empty = append(empty, s)
				}
			}
		}
	}
	if len(empty) == 0 {
		return nil
	}
	uses := m.accessesIn(empty)
	var out []EmptySection
	for _, s := range empty {
		if m.usedBehind(&s, uses[s.Freed.Parent()]) {
			out = append(out, s)
		}
	}
	return out
}

// emptySection recognises a lock that is taken at an instruction and freed by the next one that does anything.
func (m *Memory) emptySection(instr ssa.Instruction, next []ssa.Instruction) (EmptySection, bool) {
	take, ok := instr.(*ssa.Call)
	if !ok {
		return EmptySection{}, false
	}
	op := m.Locks.opOf(take)
	if op.kind != opAcquire || op.mode == Semaphore || !op.lock.Place.Known() {
		return EmptySection{}, false
	}
	for i, other := range next {
		if names(other) {
			continue
		}
		free, ok := other.(*ssa.Call)
		if !ok || !namesOnly(next[:i], free) {
			return EmptySection{}, false
		}
		freed := m.Locks.opOf(free)
		if freed.kind != opRelease || !m.Locks.same(op.lock, freed.lock) {
			return EmptySection{}, false
		}
		return EmptySection{Taken: Holding{Lock: op.lock, Mode: op.mode, Site: take}, Freed: free}, true
	}
	return EmptySection{}, false
}

// names tells whether an instruction may find out where the lock of the next call is.
func names(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.FieldAddr, *ssa.DebugRef:
		return true
	case *ssa.UnOp:
		return x.Op == token.MUL && isPointer(x.Type())
	}
	return false
}

// namesOnly tells whether what instructions find out goes to one call and nowhere else: a pointer that is kept was read
// under the lock.
func namesOnly(instrs []ssa.Instruction, call *ssa.Call) bool {
	for _, instr := range instrs {
		value, ok := instr.(ssa.Value)
		if !ok {
			continue
		}
		for _, ref := range *value.Referrers() {
			if _, debug := ref.(*ssa.DebugRef); !debug && ref != call && !slices.Contains(instrs, ref) {
				return false
			}
		}
	}
	return true
}

// accessesIn lists the accesses of the functions that have empty sections.
func (m *Memory) accessesIn(empty []EmptySection) map[*ssa.Function][]*Access {
	in := make(map[*ssa.Function][]*Access)
	for _, s := range empty {
		in[s.Freed.Parent()] = nil
	}
	for _, place := range m.places {
		for _, a := range m.accesses[place] {
			if _, asked := in[a.Func()]; asked {
				in[a.Func()] = append(in[a.Func()], a)
			}
		}
	}
	return in
}

// usedBehind looks for the first use, behind an empty section, of memory that its lock guards in another function.
func (m *Memory) usedBehind(s *EmptySection, uses []*Access) bool {
	for _, a := range uses {
		if !program.Dominates(s.Freed, a.At) || !sameOwner(s.Taken.Lock, a) || m.guardedBy(a, s.Taken.Lock.Place) {
			continue // before it, of something else, or under a lock that is taken for it
		}
		if s.Use != nil && !program.Dominates(a.At, s.Use.At) {
			continue
		}
		if guarded := m.guardedElsewhere(a, s.Taken.Lock.Place); guarded != nil {
			s.Use, s.Guarded = a, guarded
			s.Written = slices.ContainsFunc(m.accesses[a.Place], func(other *Access) bool { return other.Write })
		}
	}
	return s.Use != nil
}

// sameOwner tells whether an access is to memory that stands beside a lock, in the same instance.
func sameOwner(lock Lock, a *Access) bool {
	if !Related(lock.Place, a.Place) {
		return false
	}
	if a.Place.Type == nil {
		return true
	}
	return a.Owner.Root != nil && a.Owner == lock.Ref.Base()
}

// guardedBy tells whether an access holds a lock, or another one that stands beside its memory.
func (m *Memory) guardedBy(a *Access, lock Place) bool {
	return slices.ContainsFunc(a.Held, func(h Holding) bool {
		return h.Lock.Place == lock || h.Mode != Semaphore && Related(h.Lock.Place, a.Place)
	})
}

// guardedElsewhere returns an access of another function to the same memory that holds the lock, or nil.
func (m *Memory) guardedElsewhere(a *Access, lock Place) *Access {
	for _, other := range m.accesses[a.Place] {
		if _, held := other.Holds(lock); held && other.Func() != a.Func() {
			return other
		}
	}
	return nil
}
