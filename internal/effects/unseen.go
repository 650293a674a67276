// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Unseen is a read from a cache of an object that a create has just found to exist: the cache may not have it, which is the
// likely reason why it was to be created.
type Unseen struct {
	Create *ssa.Call
	Read   *Event
	Kind   kube.Kind
	// Because says where the client was made.
	Because string
	// Fate is where the error of the read ends; nothing runs the work again.
	Fate ErrorFate
}

// UnseenReads returns these reads, in source order, where NotFound is a failure like any other and not made up for by another
// run.
func (e *Effects) UnseenReads() []Unseen {
	var out []Unseen
	told := make(map[ssa.Instruction]bool)
	for fn := range e.reviewed() {
		for _, w := range e.Events(fn) {
			create, ok := w.Origin.(*ssa.Call)
			if ok && w.Kind == Write && w.At == w.Origin && w.Call.Effect == kube.Create {
				if u, found := e.unseen(fn, create, w); found && !told[u.Read.Origin] {
					told[u.Read.Origin] = true
					out = append(out, u)
				}
			}
		}
	}
	return out
}

func (e *Effects) unseen(fn *ssa.Function, create *ssa.Call, w *Event) (Unseen, bool) {
	kind, known := kube.KindOf(w.Type)
	for _, ev := range e.Events(fn) {
		read, ok := ev.Origin.(*ssa.Call)
		if !ok || ev.Kind != Read || ev.At != ev.Origin || InLoop(read) || !onlyWhen("IsAlreadyExists", errorResult(create), read.Block()) {
			continue
		}
		k, ok := kube.KindOf(ev.Type)
		fresh, because := e.Freshness(ev)
		if !ok || k.List || known && !k.Same(kind) || fresh != program.Cached {
			continue
		}
		if _, tested := e.notFoundTest(read); tested || e.readsLiveToo(fn, ev, k) {
			continue
		}
		fates := e.ErrorFates(read)
		if i := slices.IndexFunc(fates, func(f ErrorFate) bool { return f.Kind == ErrorDropped || f.Kind == ErrorSurfaced }); i >= 0 {
			return Unseen{Create: create, Read: ev, Kind: k, Because: because, Fate: fates[i]}, true
		}
	}
	return Unseen{}, false
}

// readsLiveToo tells whether the function asks the server as well.
func (e *Effects) readsLiveToo(fn *ssa.Function, read *Event, kind kube.Kind) bool {
	return slices.ContainsFunc(e.Events(fn), func(ev *Event) bool {
		k, ok := kube.KindOf(ev.Type)
		fresh, _ := e.Freshness(ev)
		return ev != read && ev.Kind == Read && ok && k.Same(kind) && fresh != program.Cached && MayPrecede(read.At, ev.At)
	})
}
