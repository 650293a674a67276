// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Wakeup is a call of Broadcast or Signal by a goroutine that has not taken the lock of the condition on its way there.
// What it announces was then not changed under the lock either: a goroutine that has looked and is about to wait misses
// it. The example of context.AfterFunc in the documentation of Go says so.
type Wakeup struct {
	Call ssa.CallInstruction
	// Lock is the lock of the condition, Wait a call that waits for the condition.
	Lock Place
	Wait ssa.CallInstruction
	// Route are the calls that lead from the start of the goroutine to the call, outermost first.
	Route []ssa.CallInstruction
	// Top is the function that the goroutine begins with, as far as it matters.
	Top *ssa.Function
}

// wakeupDepth bounds the calls that are followed back from a wake-up.
const wakeupDepth = 4

// LostWakeups lists the wake-ups that waiters can miss, in source order.
func (m *Memory) LostWakeups() []Wakeup {
	waits := make(map[Place]ssa.CallInstruction)
	m.conditions("Wait", func(site ssa.CallInstruction, lock Place) {
		if waits[lock] == nil {
			waits[lock] = site
		}
	})
	var out []Wakeup
	wake := func(site ssa.CallInstruction, lock Place) {
		w := Wakeup{Call: site, Lock: lock, Wait: waits[lock]}
		if w.Wait != nil && m.comesWithout(&w, site, 0) {
			out = append(out, w)
		}
	}
	m.conditions("Broadcast", wake)
	m.conditions("Signal", wake)
	return out
}

// conditions calls do for each call of a method of sync.Cond whose lock is known.
func (m *Memory) conditions(method string, do func(site ssa.CallInstruction, lock Place)) {
	for _, fn := range m.Program.Funcs {
		for site := range program.Sites(fn) {
			target := program.Target(site)
			if target == nil || target.Pkg() == nil || target.Pkg().Path() != "sync" || target.Name() != method ||
				receiverTypeName(target) != "Cond" {
				continue
			}
			if lock := m.Locks.condLock(program.Receiver(site)).Place; lock.Known() {
				do(site, lock)
			}
		}
	}
}

// comesWithout tells whether a goroutine gets to a call without having had the lock, and fills in how.
func (m *Memory) comesWithout(w *Wakeup, at ssa.CallInstruction, depth int) bool {
	fn := at.Parent()
	if _, plain := at.(*ssa.Call); !plain || depth > wakeupDepth {
		return false // deferred: it runs under what is held at the end
	}
	if m.Program.Concurrency().InLoop(at) {
		return false // it comes again
	}
	if m.hadLock(at, w.Lock) {
		return false
	}
	if m.Program.EntryAt(fn) != nil {
		w.Top = fn
		return true
	}
	for _, e := range m.Program.Callers(fn) {
		if e.How == program.Starts {
			if !m.tookItself(e.Site, w.Lock) {
				w.Top = fn
				return true
			}
			continue
		}
		if m.comesWithout(w, e.Site, depth+1) {
			w.Route = append(w.Route, e.Site)
			return true
		}
	}
	return false
}

// hadLock tells whether a lock may be held at a call, or was taken in the same function before.
func (m *Memory) hadLock(at ssa.CallInstruction, lock Place) bool {
	for _, h := range m.Locks.flows[at.Parent()].At(at).May {
		if h.Lock.Place == lock {
			return true
		}
	}
	for site := range program.Sites(at.Parent()) {
		takes := slices.ContainsFunc(m.Locks.TakesAt(site), func(t *Take) bool { return t.Lock.Place == lock })
		if takes && program.MayPrecede(site, at) {
			return true
		}
	}
	return false
}

// tookItself tells whether the function that starts a goroutine has taken the lock before, with its own hands.
func (m *Memory) tookItself(start ssa.CallInstruction, lock Place) bool {
	for site := range program.Sites(start.Parent()) {
		op := m.Locks.opOf(site)
		if op.kind == opAcquire && op.lock.Place == lock && program.MayPrecede(site, start) {
			return true
		}
	}
	return false
}
