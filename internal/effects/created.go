// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// CreatedHere returns the creation that the version of a written object comes from: of the object itself, whose answer is decoded
// into it, or of one that its version is taken from. It is nil if there is none on each way to the write.
func (e *Effects) CreatedHere(s *Story) *Event {
	for _, ev := range e.Events(s.Func) {
		if ev.Kind != Write || ev.Call.Effect != kube.Create {
			continue
		}
		if ev.Object == s.Write.Object && ev.Call.WritesInto >= 0 && MustPrecede(ev.At, s.Write.At) || e.versionOf(s, ev) {
			return ev
		}
	}
	return nil
}

// versionOf tells whether the written object gets the version that a creation gave back.
func (e *Effects) versionOf(s *Story, create *Event) bool {
	gives := func(v ssa.Value) bool {
		return madeBy(v, create.Origin) || slices.ContainsFunc(create.Chain, func(site ssa.CallInstruction) bool { return madeBy(v, site) })
	}
	return slices.ContainsFunc(s.Changes(), func(ch *Event) bool {
		if ch.Path != "ResourceVersion" {
			return false
		}
		return slices.ContainsFunc(ch.Deps().Places, func(p Place) bool { return gives(p.Root) }) ||
			slices.ContainsFunc(ch.Deps().Calls, func(getter *ssa.Call) bool { return slices.ContainsFunc(getter.Call.Args, gives) })
	})
}

// madeBy tells whether a value is what a call gives, directly or chosen among others.
func madeBy(v ssa.Value, call ssa.Instruction) bool {
	switch x := v.(type) {
	case *ssa.Call:
		return x == call
	case *ssa.Extract:
		made, ok := x.Tuple.(*ssa.Call)
		return ok && made == call
	case *ssa.Phi:
		return slices.ContainsFunc(x.Edges, func(edge ssa.Value) bool {
			_, again := edge.(*ssa.Phi)
			return !again && madeBy(edge, call)
		})
	}
	return false
}
