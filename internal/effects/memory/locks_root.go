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
		if locks.ReleasesIn(instr.Parent(), h.Lock.Place) {
			continue
		}
		if i := indexPlace(out, h.Lock.Place); i >= 0 {
			out[i].Mode = max(out[i].Mode, h.Mode) // other goroutines have it in a weaker mode
			continue
		}
		out = append(out, h)
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
		holds = inBoth(holds, here)
	}
	delete(w.open, fn)
	w.held[fn] = holds
	return holds
}

// inBoth keeps the locks whose places are held in both of two states, in the weaker mode.
func inBoth(holds, others []Holding) []Holding {
	var out []Holding
	for _, h := range holds {
		if i := indexPlace(others, h.Lock.Place); i >= 0 {
			h.Mode = min(h.Mode, others[i].Mode)
			out = append(out, h)
		}
	}
	return out
}

func holdsPlace(all []Holding, place Place) bool { return indexPlace(all, place) >= 0 }

func indexPlace(all []Holding, place Place) int {
	return slices.IndexFunc(all, func(h Holding) bool { return h.Lock.Place == place })
}

// Excludes tells whether one of two goroutines that meet has the lock at a place for writing whenever it comes to its access: the
// other, which has it too, is not there then.
func (m *Memory) Excludes(lock Place, a, b *Access, meeting program.Meeting) bool {
	writes := func(at *Access, by *program.Root) bool {
		held := m.heldOnWay(at.At, by)
		i := indexPlace(held, lock)
		return i >= 0 && held[i].Mode == Write
	}
	return writes(a, meeting.A) || writes(b, meeting.B)
}
