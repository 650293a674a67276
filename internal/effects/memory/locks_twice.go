// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Twice is a lock that a path releases two times without taking it in between. sync.Mutex ends the process then, with an
// error that nothing can recover from.
type Twice struct {
	Lock Lock
	// First releases the lock, Second what is not locked any more; it may be deferred.
	First, Second ssa.CallInstruction
}

// freed is a lock that the function took and has released on a path.
type freed struct {
	lock Lock
	site ssa.CallInstruction
}

// releasedOften returns the locks that a function releases in several places: one of them may come too late.
func (l *Locks) releasedOften(fn *ssa.Function) map[Place]bool {
	var out map[Place]bool
	once := make(map[Place]bool)
	for site := range program.Sites(fn) {
		op := l.opOf(site)
		if op.kind != opRelease || op.mode != Write {
			continue
		}
		if once[op.lock.Place] {
			if out == nil {
				out = make(map[Place]bool)
			}
			out[op.lock.Place] = true
		}
		once[op.lock.Place] = true
	}
	return out
}

// releaseAt applies the release of a lock, and notes one that the path has released before.
func (w *walker) releaseAt(site ssa.CallInstruction, op lockOp, s *path) {
	if op.mode != Write || !w.often[op.lock.Place] || op.lock.Ref == (Ref{}) {
		w.release(op.lock, s)
		return
	}
	if s.free(op.lock) {
		s.freed = append(s.freed, freed{op.lock, site})
		return
	}
	i := slices.IndexFunc(s.freed, func(f freed) bool { return f.lock == op.lock })
	if i < 0 {
		w.release(op.lock, s)
		return
	}
	twice := Twice{op.lock, s.freed[i].site, site}
	if !slices.Contains(w.flow.Twice, twice) {
		w.flow.Twice = append(w.flow.Twice, twice)
	}
}
