// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// making tells whether an access belongs to the making of its object: the function that made it has not come back, has put
// it nowhere where others look, and starts nobody. A goroutine that is started elsewhere gets the object afterwards.
func (m *Memory) making(a *Access, other *program.Root) bool {
	if a.Base == nil || other.Entry != nil || len(other.Sites) == 0 {
		return false
	}
	made, ok := m.Locks.place.refOf(a.Base).Root.(*ssa.Alloc)
	if !ok || !made.Heap || made.Parent() != a.Func() || m.Program.Concurrency().MayStart(a.Func(), other) {
		return false
	}
	return !slices.ContainsFunc(m.tells(made), func(tell ssa.Instruction) bool {
		return keeps(tell) && program.MayPrecedeWithout(tell, a.At, made)
	})
}

// keeps tells whether an instruction puts a value where others may find it: a call that starts nobody is no such thing, nor
// is a map that was made in the same function.
func keeps(tell ssa.Instruction) bool {
	switch x := tell.(type) {
	case *ssa.MapUpdate:
		_, own := x.Map.(*ssa.MakeMap)
		return !own
	case *ssa.Store, *ssa.Send, *ssa.Go:
		return true
	}
	return false
}
