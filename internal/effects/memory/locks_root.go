// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// heldByBoth tells whether two goroutines that meet come to their accesses under one lock, at least one of them for writing:
// whoever else comes there without it, these two exclude each other.
func (m *Memory) heldByBoth(a, b *Access, meeting program.Meeting) bool {
	under := slices.DeleteFunc(m.heldOnWay(a.At, meeting.A), func(h Holding) bool { return !m.onlyOne(h.Lock.Place) })
	if len(under) == 0 {
		return false
	}
	other := m.heldOnWay(b.At, meeting.B)
	return slices.ContainsFunc(under, func(h Holding) bool {
		return slices.ContainsFunc(other, func(o Holding) bool {
			return o.Lock.Place == h.Lock.Place && (o.Mode == Write || h.Mode == Write)
		})
	})
}

// onlyOne tells whether there is one lock of a name in the process: a package variable, or a field of a struct that is made once.
// Each of many objects has a lock of its own, which keeps nobody from the others.
func (m *Memory) onlyOne(place Place) bool {
	if place.Type == nil {
		return place.Global != nil
	}
	made := m.makers(place.Type)
	return len(made) == 1 && !m.Program.RunsAgain(made[0])
}

// heldOnWay lists the locks that a goroutine holds at an instruction, whichever way it comes there: all callers in between that
// it can run have them. What is held for one key of many is left out.
func (m *Memory) heldOnWay(instr ssa.Instruction, root *program.Root) []Holding {
	if root == nil {
		return nil
	}
	w := &wayWalk{m: m, root: root, held: make(map[*ssa.Function]*wayHeld)}
	return w.at(instr)
}

// wayWalk goes from a function back to the root of a goroutine.
type wayWalk struct {
	m    *Memory
	root *program.Root
	held map[*ssa.Function]*wayHeld
}

// wayHeld is what is held when a function is entered.
type wayHeld struct {
	// open is set while its callers are being looked at: who calls itself adds nothing to what the others hold.
	open  bool
	holds []Holding
}

// wayLimit bounds the functions that are looked at.
const wayLimit = 400

// at lists what is held at an instruction: what its function holds there, and what it was called with and has not given up.
func (w *wayWalk) at(instr ssa.Instruction) []Holding {
	locks := w.m.Locks
	var out []Holding
	for _, h := range locks.Held(instr) {
		if h.Mode != Semaphore && h.Lock.Place.Known() && !h.Lock.Place.Keyed() {
			out = append(out, h)
		}
	}
	entered, known := w.enter(instr.Parent())
	if !known {
		return out
	}
	for _, h := range entered {
		if !holdsPlace(out, h.Lock.Place) && !locks.ReleasesIn(instr.Parent(), h.Lock.Place) {
			out = append(out, h)
		}
	}
	return out
}

// enter lists what is held whenever the goroutine comes into a function; known is false on the way back to one that is being
// looked at.
func (w *wayWalk) enter(fn *ssa.Function) (holds []Holding, known bool) {
	if at, ok := w.held[fn]; ok {
		return at.holds, !at.open
	}
	at := &wayHeld{open: true}
	w.held[fn] = at
	if fn == w.root.Func || len(w.held) > wayLimit {
		at.open = false
		return nil, true
	}
	first := true
	for _, e := range w.m.Program.Callers(fn) {
		if e.How == program.Starts || !w.m.Program.Concurrency().Runs(w.root, e.Caller()) {
			continue
		}
		if w.circle(e.Caller()) {
			continue // it is called from itself: what it holds then it held before
		}
		here := w.at(e.Site)
		if _, deferred := e.Site.(*ssa.Defer); deferred {
			here = nil
		}
		if first {
			at.holds, first = here, false
			continue
		}
		at.holds = slices.DeleteFunc(slices.Clone(at.holds), func(h Holding) bool { return !holdsPlace(here, h.Lock.Place) })
	}
	at.open = false
	return at.holds, true
}

func (w *wayWalk) circle(fn *ssa.Function) bool {
	at, ok := w.held[fn]
	return ok && at.open
}

func holdsPlace(all []Holding, place Place) bool {
	return slices.ContainsFunc(all, func(h Holding) bool { return h.Lock.Place == place })
}
