// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// habitual tells whether an access is evidently the one that was forgotten: a method uses a field without the lock of its
// own struct, and most other functions that use the field hold it. Who calls the method need not be seen then: that the
// struct is shared is what its lock says.
func (m *Memory) habitual(a *Access, guard Place) bool {
	if a.Place.Type == nil || !m.near(guard, a.Place) || !m.isMethodOf(a, guard) {
		return false
	}
	if !m.writesUnder(a.Place, guard) {
		return false // no word of the author about writes: it may be set while nobody reads
	}
	with, without := m.habit(a, guard)
	if a.Write && a.Map() {
		return with >= 2 && with >= without // the process ends when it meets any other
	}
	return with >= 2 && with >= 2*without
}

// habit counts the functions that use what an access uses with the guard held at each use, and those that do not. Who only
// asks which object it is does not use an object.
func (m *Memory) habit(of *Access, guard Place) (with, without int) {
	lacks := make(map[*ssa.Function]bool)
	for _, a := range m.accesses[of.Place] {
		if of.object() && a.Part != of.Part {
			continue
		}
		_, held := a.Holds(guard)
		lacks[a.Func()] = lacks[a.Func()] || !held
	}
	for _, lacking := range lacks {
		if lacking {
			without++
		} else {
			with++
		}
	}
	return with, without
}

// writesUnder tells whether some write of a place holds a lock.
func (m *Memory) writesUnder(place, lock Place) bool {
	return slices.ContainsFunc(m.accesses[place], func(a *Access) bool {
		_, held := a.Holds(lock)
		return a.Write && held
	})
}

// isMethodOf tells whether an access is to a field of the receiver of the method that it stands in, or to a part of one.
func (m *Memory) isMethodOf(a *Access, guard Place) bool {
	fn := a.Func()
	recv := fn.Signature.Recv()
	if recv == nil || program.Named(recv.Type()) != guard.Type {
		return false
	}
	of := a.Base
	for part, ok := of.(*ssa.FieldAddr); ok; part, ok = of.(*ssa.FieldAddr) {
		of = part.X
	}
	return of != nil && len(fn.Params) > 0 && m.Locks.place.refOf(of) == Ref{Root: fn.Params[0]}
}
