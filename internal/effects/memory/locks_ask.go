// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Same tells whether two locks, named in the same function, are surely one.
func (l *Locks) Same(a, b Lock) bool { return l.same(a, b) }

// Acquires tells whether a call is an operation that takes a lock and waits for it.
func (l *Locks) Acquires(site ssa.CallInstruction) bool { return l.opOf(site).kind == opAcquire }

// Releases tells whether a call, deferred or not, releases the lock at a place: itself or in what it runs.
func (l *Locks) Releases(site ssa.CallInstruction, place Place) bool {
	if op := l.opOf(site); op.kind != noOp {
		return op.kind == opRelease && op.lock.Place == place
	}
	for _, e := range l.program.Callees(site) {
		n := l.nets[e.Callee]
		if n != nil && slices.ContainsFunc(n.released, func(r Lock) bool { return r.Place == place }) {
			return true
		}
	}
	return false
}

// ReleasesIn tells whether fn releases the lock at a place on some path.
func (l *Locks) ReleasesIn(fn *ssa.Function, place Place) bool {
	for site := range program.Sites(fn) {
		if l.Releases(site, place) {
			return true
		}
	}
	return false
}

// GivenUpByOthers tells whether some function other than fn and its closures releases a lock at that place which it has
// not taken itself. The instances of a generic function are one.
func (l *Locks) GivenUpByOthers(place Place, fn *ssa.Function) bool {
	for other, n := range l.nets {
		if partOfGeneric(fn, other) {
			continue
		}
		if slices.ContainsFunc(n.released, func(r Lock) bool { return r.Place == place }) {
			return true
		}
	}
	return false
}

// partOfGeneric tells whether a function is fn or a closure in it, or that of another instance of the same generic function.
func partOfGeneric(fn, other *ssa.Function) bool {
	for ; other != nil; other = other.Parent() {
		if other == fn || fn.Origin() != nil && (other == fn.Origin() || other.Origin() == fn.Origin()) {
			return true
		}
	}
	return false
}

// Writer returns the first operation of the program that takes the lock at a place for writing, or nil.
func (l *Locks) Writer(place Place) ssa.CallInstruction {
	for _, site := range l.Acquirers(place) {
		if l.ModeAt(site) == Write {
			return site
		}
	}
	return nil
}

// Written tells whether the lock at a place is ever taken for writing.
func (l *Locks) Written(place Place) bool { return l.Writer(place) != nil }

// Acquirers returns the operations of the program that take the lock at a place, in source order.
func (l *Locks) Acquirers(place Place) []ssa.CallInstruction {
	if l.acquirers == nil {
		l.acquirers = make(map[Place][]ssa.CallInstruction)
		for _, fn := range l.program.Funcs {
			for site := range program.Sites(fn) {
				if op := l.opOf(site); op.kind == opAcquire {
					l.acquirers[op.lock.Place] = append(l.acquirers[op.lock.Place], site)
				}
			}
		}
	}
	return l.acquirers[place]
}

// ModeAt returns the mode in which an operation takes its lock.
func (l *Locks) ModeAt(site ssa.CallInstruction) Mode { return l.opOf(site).mode }

// Dones returns the calls of Done on the sync.WaitGroup at a place, in source order.
func (l *Locks) Dones(group Place) []ssa.CallInstruction {
	if l.dones == nil {
		l.dones = make(map[Place][]ssa.CallInstruction)
		for _, fn := range l.program.Funcs {
			for site := range program.Sites(fn) {
				target := program.Target(site)
				if target == nil || target.Name() != "Done" || target.Pkg() == nil || target.Pkg().Path() != "sync" {
					continue
				}
				place := l.PlaceOf(program.Receiver(site))
				l.dones[place] = append(l.dones[place], site)
			}
		}
	}
	return l.dones[group]
}
