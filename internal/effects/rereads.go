// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Reread is a read from a cache of an object that the same flow has written just before.
type Reread struct {
	Read *Event
	// By is the call in the function of the read that wrote the object, Write the request that it led to.
	By    ssa.CallInstruction
	Write ssa.CallInstruction
	// Branch decides on Field of what was read; the write changed it.
	Branch *ssa.If
	Field  string
	// Because says where the client was made.
	Because string
}

// Rereads returns the reads from a cache of what was written under the same key before, and whose answer decides by a
// field that the write changed; in source order, each read once.
func (e *Effects) Rereads() []Reread {
	var out []Reread
	for fn := range e.reviewed() {
		for _, ev := range e.Events(fn) {
			call, ok := ev.Origin.(*ssa.Call)
			if ev.Kind != Read || ev.At != ev.Origin || !ok || InLoop(call) || ev.Retry != nil || e.readLive(fn, ev) {
				continue // a loop waits until the cache has caught up; or the server is asked as well
			}
			if fresh, because := e.Freshness(ev); fresh == program.Cached {
				if r, found := e.reread(fn, ev, call); found {
					r.Because = because
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// reread looks for a call that is made on each way to the read, under the same key, and writes what the read asks for.
func (e *Effects) reread(fn *ssa.Function, ev *Event, read *ssa.Call) (Reread, bool) {
	key := program.Argument(read, ev.Call.Key)
	if k, known := kube.KindOf(ev.Type); key == nil || !known || k.List || k.Name == "" {
		return Reread{}, false
	}
	for site := range program.Sites(fn) {
		by, ok := site.(*ssa.Call)
		if !ok || by == read || !MustPrecede(by, read) || !handed(by, key) {
			continue
		}
		for _, edge := range e.Program.Callees(by) {
			writes, _ := e.WritesBelow(edge.Callee)
			for _, w := range writes {
				branch, field := e.decidedByWritten(fn, ev, w)
				if branch != nil {
					return Reread{Read: ev, By: by, Write: w.Site, Branch: branch, Field: field}, true
				}
			}
		}
	}
	return Reread{}, false
}

// handed tells whether a call is given a key, spelled in the same way.
func handed(by *ssa.Call, key ssa.Value) bool {
	for _, arg := range by.Call.Args {
		if types.Identical(arg.Type(), key.Type()) && sameSpelling(arg, key, 0) {
			return true
		}
	}
	return false
}

// sameSpelling tells whether two values are made of the same in the same way.
func sameSpelling(a, b ssa.Value, depth int) bool {
	if a == b {
		return true
	}
	if depth > 4 {
		return false
	}
	switch x := a.(type) {
	case *ssa.Call:
		y, ok := b.(*ssa.Call)
		if !ok || x.Call.IsInvoke() || x.Call.StaticCallee() == nil || x.Call.StaticCallee() != y.Call.StaticCallee() {
			return false
		}
		for i, arg := range x.Call.Args {
			if !sameSpelling(arg, y.Call.Args[i], depth+1) {
				return false
			}
		}
		return true
	case *ssa.UnOp:
		y, ok := b.(*ssa.UnOp)
		return ok && x.Op == y.Op && sameSpelling(x.X, y.X, depth+1)
	case *ssa.FieldAddr:
		y, ok := b.(*ssa.FieldAddr)
		return ok && x.Field == y.Field && sameSpelling(x.X, y.X, depth+1)
	}
	return false
}

// decidedByWritten finds a branch after the read on a field of its object that a write of the same kind changed.
func (e *Effects) decidedByWritten(fn *ssa.Function, ev *Event, w Reached) (*ssa.If, string) {
	story := e.Part(w.Site)
	if story == nil || story.Write.Root == ev.Root {
		return nil, ""
	}
	written, ok := kube.KindOf(story.Write.Type)
	asked, known := kube.KindOf(ev.Type)
	if !ok || !known || !written.Same(asked) {
		return nil, ""
	}
	for _, b := range fn.Blocks {
		branch, isIf := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !isIf || aboutError(branch.Cond) || !MayPrecede(ev.At, branch) {
			continue
		}
		for _, p := range e.DepsOf(fn, branch.Cond).Places {
			path := concat(p.Object.Base, p.Path)
			if p.Root != ev.Root || path == "" {
				continue
			}
			for _, ch := range story.Changes() {
				if ch.Path != "" && overlaps(ch.Path, path) {
					return branch, path
				}
			}
		}
	}
	return nil, ""
}
