// SPDX-License-Identifier: Apache-2.0

package memory

import "golang.org/x/tools/go/ssa"

// readGuard infers the lock of a place that is read under it and written without it. What is read under a lock that nobody
// takes for writing was to be guarded: such a lock keeps nobody out. Of a lock that guards other things too, the reads of
// two functions say so, where no function that only reads does without.
func (m *Memory) readGuard(place Place) Place {
	writes, lacks := make(map[*ssa.Function]bool), make(map[*ssa.Function]bool)
	readers := make(map[Place]map[*ssa.Function]bool)
	var found []Place
	for _, a := range m.accesses[place] {
		if a.Write {
			if isOption(a) {
				return Place{} // whoever applies it may hold the lock
			}
			writes[a.Func()] = true
			continue
		}
		held := false
		for _, h := range a.Held {
			if h.Mode == Semaphore || !m.near(h.Lock.Place, place) {
				continue
			}
			held = true
			if readers[h.Lock.Place] == nil {
				readers[h.Lock.Place] = make(map[*ssa.Function]bool)
				found = append(found, h.Lock.Place)
			}
			readers[h.Lock.Place][a.Func()] = true
		}
		lacks[a.Func()] = lacks[a.Func()] || !held
	}
	for _, lock := range found {
		if !m.Locks.Written(lock) || len(readers[lock]) >= 2 && onlyWritersLack(lacks, writes) {
			return lock
		}
	}
	return Place{}
}

// onlyWritersLack tells whether each function that reads without the lock writes as well.
func onlyWritersLack(lacks, writes map[*ssa.Function]bool) bool {
	for fn, lack := range lacks {
		if lack && !writes[fn] {
			return false
		}
	}
	return true
}

// isOption tells whether an access stands in a function literal that is given the object, as options are.
func isOption(a *Access) bool {
	param, ok := a.Owner.Root.(*ssa.Parameter)
	return ok && param.Parent().Parent() != nil
}
