// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// splitChecks lists the stale checks whose test or write, or both, stand in a method of their own: get looks an entry up
// under the lock, and where there is none create stores a new one under the lock.
func (m *Memory) splitChecks() []StaleCheck {
	var out []StaleCheck
	for _, fn := range m.Program.Funcs {
		told := make(map[Place]bool)
		for site := range program.Sites(fn) {
			put, ok := site.(*ssa.Call)
			if !ok {
				continue
			}
			act := m.lockedEntry(put, true)
			if act == nil || told[act.Place] {
				continue
			}
			if c, ok := m.splitCheck(fn, put, act); ok {
				told[act.Place] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// splitCheck looks for the locked test that decides on a call which writes under the lock.
func (m *Memory) splitCheck(fn *ssa.Function, put *ssa.Call, act *Access) (StaleCheck, bool) {
	guard := m.Guard(act.Place)
	second, _ := heldHere(act, guard)
	conds := governing(put)
	for site := range program.Sites(fn) {
		get, ok := site.(*ssa.Call)
		if !ok || get == put || !program.Dominates(get, put) {
			continue
		}
		if m.together(get, put) {
			continue // a lock around both makes one of them
		}
		check := m.lockedEntry(get, false)
		if check == nil || check.Place != act.Place || m.Locks.place.refOf(get.Call.Args[0]) != m.Locks.place.refOf(put.Call.Args[0]) {
			continue
		}
		if !sharesArgument(get, put) || !slices.ContainsFunc(conds, func(c ssa.Value) bool { return dependsOn(c, get, 0) }) {
			continue
		}
		first, _ := heldHere(check, guard)
		if meeting, ok := m.Program.Concurrency().Meet(put, put); ok && meeting.Sure() && !m.private(act, act, meeting) {
			return StaleCheck{Check: check, Act: act, First: first, Second: second, Meeting: meeting, Put: put}, true
		}
	}
	return StaleCheck{}, false
}

// lockedEntry returns the access to an entry of a map of the receiver that the method behind a call makes under a lock which
// it takes itself: the write of one that it does not look up again, or a look-up.
func (m *Memory) lockedEntry(call *ssa.Call, write bool) *Access {
	fns := m.Program.Static(call)
	if len(fns) != 1 || fns[0].Signature.Recv() == nil || len(fns[0].Params) != len(call.Call.Args) || m.Locks.flows[fns[0]] == nil {
		return nil
	}
	var found *Access
	var looks []*Access
	for _, a := range m.entriesIn(fns[0]) {
		guard := m.Guard(a.Place)
		if _, own := heldHere(a, guard); !own || a.Owner.Root != ssa.Value(fns[0].Params[0]) {
			continue
		}
		switch {
		case a.Write != write && write:
			looks = append(looks, a)
		case a.Write == write && found == nil:
			found = a
		}
	}
	if found == nil || write != isMapUpdate(found.At) {
		return nil
	}
	if slices.ContainsFunc(looks, func(a *Access) bool { return program.MayPrecede(a.At, found.At) }) {
		return nil // it looks before it writes
	}
	return found
}

// entriesIn lists the accesses of a function to entries of maps.
func (m *Memory) entriesIn(fn *ssa.Function) []*Access {
	if m.mapUses == nil {
		m.mapUses = make(map[*ssa.Function][]*Access)
		for _, place := range m.places {
			for _, a := range m.accesses[place] {
				if a.Map() {
					m.mapUses[a.Func()] = append(m.mapUses[a.Func()], a)
				}
			}
		}
	}
	return m.mapUses[fn]
}

func isMapUpdate(instr ssa.Instruction) bool {
	_, ok := instr.(*ssa.MapUpdate)
	return ok
}

// together tells whether one lock is held for writing at both calls: nobody comes in between.
func (m *Memory) together(get, put ssa.Instruction) bool {
	held := m.Locks.Held(put)
	return slices.ContainsFunc(m.Locks.Held(get), func(h Holding) bool {
		return h.Mode == Write && slices.ContainsFunc(held, func(o Holding) bool { return o.Lock.Place == h.Lock.Place })
	})
}

// sharesArgument tells whether two calls are given one value, receivers not counted: the key.
func sharesArgument(a, b *ssa.Call) bool {
	return slices.ContainsFunc(a.Call.Args[1:], func(v ssa.Value) bool { return slices.Contains(b.Call.Args[1:], v) })
}
