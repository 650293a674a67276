// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// strangers tells whether neither goroutine of a meeting is known to have been given what the other has: own code starts
// both, and none starts the other. A framework has one receiver for all calls of an entry point; of what own code makes and
// starts there may be one for each cluster, device or term, so that only what is made once is surely the same.
func (m *Memory) strangers(meeting program.Meeting) bool {
	main := isMain(meeting.A) || isMain(meeting.B)
	return ownStart(meeting.A) && ownStart(meeting.B) && (main || !m.startedWith(meeting))
}

// isMain tells whether a goroutine is the first of a program: it starts all others, and gives most of them nothing.
func isMain(r *program.Root) bool { return r.Entry != nil && r.Entry.Kind == program.EntryMain }

// ownStart tells whether a goroutine begins where own code starts it, and not where a framework or a library calls.
func ownStart(r *program.Root) bool {
	if r.Entry == nil {
		return !r.ByContract()
	}
	return r.Entry.Kind == program.EntryMain || r.Entry.Kind == program.EntryTest
}

// madeOnce tells whether a value can be one object only, which is made once in the life of the process.
func (m *Memory) madeOnce(v ssa.Value) bool {
	srcs := m.Program.Sources(v)
	made := slices.DeleteFunc(slices.Clone(srcs.Values), program.IsNil)
	if srcs.Partial || len(made) != 1 {
		return false
	}
	alloc, ok := made[0].(*ssa.Alloc)
	return ok && m.Program.RunsOnce(alloc)
}
