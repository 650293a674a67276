// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Unguarded is an access that can run at the same time as a write of the same memory, with no lock in common.
type Unguarded struct {
	// Access lacks the lock, Other is what it can meet; at least one of the two writes.
	Access, Other *Access
	// Guard is the lock that other accesses hold; unknown when no access holds any.
	Guard Place
	// Meeting says which goroutines can run the two at the same time.
	Meeting program.Meeting
	// Evident is set when the access is wrong whoever calls it: most other uses hold the guard, or the value of one call
	// is kept in a package variable.
	Evident bool
}

// Unguarded lists the accesses that lack a lock, by place, in source order.
func (m *Memory) Unguarded() []*Unguarded {
	if m.unguarded == nil {
		m.unguarded = []*Unguarded{}
		for _, place := range m.places {
			m.judge(place)
		}
	}
	return m.unguarded
}

// judge looks at one place: with a guard each access without it is told, without one the first pair that races.
func (m *Memory) judge(place Place) {
	all := m.accesses[place]
	if !slices.ContainsFunc(all, func(a *Access) bool { return a.Write }) {
		return
	}
	if guard := m.Guard(place); guard.Known() {
		m.judgeGuarded(all, guard)
		return
	}
	before := len(m.unguarded)
	if guard := m.readGuard(place); guard.Known() {
		m.judgeGuarded(all, guard)
	}
	if !slices.ContainsFunc(m.unguarded[before:], func(u *Unguarded) bool { return u.Meeting.Sure() }) {
		m.unguarded = m.unguarded[:before] // reads alone are no evidence where nobody is shown to meet
		m.judgeBare(all)
	}
}

func (m *Memory) judgeGuarded(all []*Access, guard Place) {
	for _, a := range all {
		if _, held := a.Holds(guard); !held {
			m.meetGuarded(a, all, guard)
		}
	}
}

// Guard infers the lock that guards a place: one that belongs to the same struct or to the one around it, or to the same
// package for package variables, and is held for a write, be it for reading only where nobody holds one for writing. One
// write is evidence enough; of several locks the one held most often counts.
func (m *Memory) Guard(place Place) Place {
	counts := make(map[Place]int)
	for _, a := range m.accesses[place] {
		for _, h := range a.Held {
			if h.Mode != Semaphore && m.near(h.Lock.Place, place) {
				counts[h.Lock.Place]++
			}
		}
	}
	if guard := m.heldForWrite(place, Write, counts); guard.Known() {
		return guard
	}
	return m.heldForWrite(place, Read, counts)
}

// heldForWrite returns the lock that writes of a place hold in a mode; of several, the one with the highest count.
func (m *Memory) heldForWrite(place Place, mode Mode, counts map[Place]int) Place {
	var best Place
	most := 0
	for _, a := range m.accesses[place] {
		if !a.Write {
			continue
		}
		for _, h := range a.Held {
			if h.Mode == mode && counts[h.Lock.Place] > most {
				best, most = h.Lock.Place, counts[h.Lock.Place]
			}
		}
	}
	return best
}

// Related tells whether a lock stands next to the memory, as a guard does.
func Related(lock, memory Place) bool {
	switch {
	case memory.Type != nil:
		return lock.Type == memory.Type
	case memory.Global != nil:
		return lock.Global != nil && lock.Global.Pkg == memory.Global.Pkg
	case memory.Local != nil:
		return lock.Local != nil && lock.Local.Parent() == memory.Local.Parent()
	}
	return false
}

// meetGuarded looks for a guarded access that an access without the guard can meet.
func (m *Memory) meetGuarded(a *Access, all []*Access, guard Place) {
	if m.looksAgain(a, guard) || !a.Write && (!asks(a) || m.initSets(a.Place)) && m.setOnce(a.Place) {
		return
	}
	var unsure *Unguarded
	for _, other := range all {
		if _, held := other.Holds(guard); !held || !m.conflict(a, other) || commonHeld(a, other) {
			continue
		}
		meeting, ok := m.Program.Concurrency().Meet(a.At, other.At)
		if !ok || m.private(a, other, meeting) || m.ordered(a, other, meeting) || m.MadeApart(a, other, meeting) {
			continue
		}
		if !m.habitual(a, guard) && m.heldByBoth(a, other, meeting) {
			continue // where the lock was forgotten, that the callers have another one helps until the next caller
		}
		u := &Unguarded{Access: a, Other: other, Guard: guard, Meeting: meeting, Evident: m.habitual(a, guard)}
		if meeting.Sure() {
			m.unguarded = append(m.unguarded, u)
			return
		}
		if unsure == nil {
			unsure = u
		}
	}
	if unsure != nil {
		m.unguarded = append(m.unguarded, unsure)
	}
}

// conflict tells whether two accesses race when they meet.
func (m *Memory) conflict(a, b *Access) bool {
	return a.Part == b.Part && (a.Write || b.Write) && !apart(a.Base, b.Base) && !m.inOthers(a.Base, b.Base)
}

// commonHeld tells whether both accesses hold one lock, at least one of them for writing.
func commonHeld(a, b *Access) bool {
	for _, x := range a.Held {
		if !x.Lock.Place.Known() {
			continue
		}
		if mode, ok := b.Holds(x.Lock.Place); ok && (mode == Write || x.Mode == Write) {
			return true
		}
	}
	return false
}

// judgeBare looks for two accesses under no lock that surely meet.
func (m *Memory) judgeBare(all []*Access) {
	for _, a := range all {
		if !a.Write || len(a.Held) > 0 {
			continue // some lock, if not a near one: its callers may know what they do
		}
		for _, other := range all {
			if !m.conflict(a, other) || len(other.Held) > 0 || a.Own || other.Own || a.Place.Local == nil && flag(a) && other.Write {
				continue
			}
			if meeting, evident, ok := m.race(a, other); ok {
				m.unguarded = append(m.unguarded, &Unguarded{Access: a, Other: other, Meeting: meeting, Evident: evident})
				return
			}
		}
	}
}

// flag tells whether an access is to a bool, of which two writes at once make either: who reads it is what matters.
func flag(a *Access) bool {
	basic, ok := a.Type.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

// race finds goroutines that can run two accesses without locks at the same time, to memory that they share.
func (m *Memory) race(a, b *Access) (meeting program.Meeting, evident, ok bool) {
	if m.handedOver(a, b) || m.handedOver(b, a) {
		return meeting, false, false
	}
	evident = a.Place.Global != nil && isTarget(a.At)
	first := true
	for meeting := range m.Program.Concurrency().Meetings(a.At, b.At) {
		if !meeting.Sure() && !(first && evident) {
			break // the known ones come first
		}
		if meeting.A == meeting.B && m.inTurn(meeting.A) {
			continue
		}
		if (first && m.shared(a, b, meeting) || m.common(a, b, meeting)) && !m.ordered(a, b, meeting) &&
			!m.setAtStart(a, meeting) && !m.heldByBoth(a, b, meeting) && !m.MadeApart(a, b, meeting) {
			return meeting, evident, true
		}
		first = false
	}
	return meeting, false, false
}

// isTarget tells whether an instruction looks for an error, and writes what it finds through a pointer.
func isTarget(instr ssa.Instruction) bool {
	call, ok := instr.(*ssa.Call)
	if !ok {
		return false
	}
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == "errors" && target.Name() == "As"
}
