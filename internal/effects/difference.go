// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// difference adds a request whose data is the difference of two marshalled objects, as that of the second one. What both say
// at the time when they are marshalled counts: the same object can be both.
func (g *gatherer) difference(ev *Event) bool {
	p := ev.Patch
	if p.Payload == nil || p.Type != MergePatch && p.Type != StrategicPatch {
		return false
	}
	before, after := marshalledPair(p.Payload)
	if before == nil || before.Parent() != g.fn || after.Parent() != g.fn {
		return false
	}
	base, objects := g.e.Places(g.fn, before.Call.Args[0]), g.e.Objects(g.fn, after.Call.Args[0])
	if len(objects) != 1 || len(base) != 1 {
		return false
	}
	own := *ev
	patch := *p
	own.Patch, own.Base, own.Object, own.Partial = &patch, base, objects[0], true
	own.Type = stripped(after.Call.Args[0]).Type()
	if !g.e.isObject(own.Type) {
		return false // a part of an object
	}
	patch.Lock, patch.Snapshot = Unlocked, before
	if slices.ContainsFunc(g.events, func(ch *Event) bool { return ch.Kind == Change && (ch.Path == "ResourceVersion" || ch.Path == "UID") }) {
		patch.Lock = LockUnknown // a trick: a version that only one of them has gets into the difference
	}
	g.add(&own)
	return true
}

// marshalledPair returns the calls that marshal what a patch is the difference of; nil where the data is another.
func marshalledPair(payload ssa.Value) (before, after *ssa.Call) {
	call := resultOf(payload)
	if call == nil {
		return nil, nil
	}
	row := program.Model(call)
	if row == nil || row.Effect != kube.PatchConstructor || row.Object < 0 || row.Payload < 0 {
		return nil, nil
	}
	before, after = resultOf(program.Argument(call, row.Object)), resultOf(program.Argument(call, row.Payload))
	if before == nil || after == nil || !marshals(before) || !marshals(after) {
		return nil, nil
	}
	return before, after
}

// resultOf returns the call whose first result a value is.
func resultOf(v ssa.Value) *ssa.Call {
	if ex, ok := v.(*ssa.Extract); ok && ex.Index == 0 {
		v = ex.Tuple
	}
	call, _ := v.(*ssa.Call)
	return call
}
