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
	w := &wayWalk{m: m, root: root, held: make(map[*ssa.Function][]Holding), open: make(map[*ssa.Function]bool)}
	return w.at(instr)
}

// wayWalk goes from a function back to the root of a goroutine.
type wayWalk struct {
	m    *Memory
	root *program.Root
	// held is what is held when a function is entered.
	held map[*ssa.Function][]Holding
	// open are the functions whose callers are being looked at: who calls itself adds nothing to what the others hold.
	open map[*ssa.Function]bool
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
	for _, h := range w.enter(instr.Parent()) {
		if !holdsPlace(out, h.Lock.Place) && !locks.ReleasesIn(instr.Parent(), h.Lock.Place) {
			out = append(out, h)
		}
	}
	return out
}

// enter lists what is held whenever the goroutine comes into a function.
func (w *wayWalk) enter(fn *ssa.Function) []Holding {
	if known, ok := w.held[fn]; ok {
		return known
	}
	if fn == w.root.Func || len(w.held)+len(w.open) >= wayLimit {
		w.held[fn] = nil
		return nil
	}
	w.open[fn] = true
	var holds []Holding
	first := true
	for _, e := range w.m.Program.Callers(fn) {
		if e.How == program.Starts || w.open[e.Caller()] || !w.m.Program.Concurrency().Runs(w.root, e.Caller()) {
			continue
		}
		var here []Holding // nothing, for all that is known of when a deferred call runs
		if _, deferred := e.Site.(*ssa.Defer); !deferred {
			here = w.at(e.Site)
		}
		if first {
			holds, first = here, false
			continue
		}
		holds = slices.DeleteFunc(slices.Clone(holds), func(h Holding) bool { return !holdsPlace(here, h.Lock.Place) })
	}
	delete(w.open, fn)
	w.held[fn] = holds
	return holds
}

func holdsPlace(all []Holding, place Place) bool {
	return slices.ContainsFunc(all, func(h Holding) bool { return h.Lock.Place == place })
}
