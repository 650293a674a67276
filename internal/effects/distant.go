// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Distant is a look into a cache whose answer is handed around until it decides something in another function: which
// objects are made under names that are new each time, or which watches end.
type Distant struct {
	Read *Event
	Kind kube.Kind
	// At is the read, or the call of the helper that reads, where it is known that the cache is asked.
	At ssa.CallInstruction
	// Because says where the client was made.
	Because string
	// Listed is set for a look at all objects; else missing ones are passed over.
	Listed bool
	// Use is the call that gets the answer, or runs because of it, and leads to Deed.
	Use  ssa.CallInstruction
	Deed ssa.CallInstruction
	// Create is the story that ends in Deed, nil where a watch ends.
	Create *Story
}

const (
	// distantCallers bounds the callers that an answer is handed up to.
	distantCallers = 4
	// deedDepth bounds the calls between what gets the answer and the deed.
	deedDepth = 6
)

// DistantLooks returns the looks into a cache that decide elsewhere, in source order, each deed once.
func (e *Effects) DistantLooks() []Distant {
	w := &distantWalk{e: e, ways: e.deeds()}
	for fn := range e.reviewed() {
		for _, ev := range e.Events(fn) {
			w.begin(fn, ev)
		}
	}
	return w.out
}

type distantWalk struct {
	e    *Effects
	ways []way
	look Distant
	seen map[*ssa.Function]bool
	out  []Distant
}

// begin starts from a read that fn makes itself.
func (w *distantWalk) begin(fn *ssa.Function, ev *Event) {
	call, ok := ev.Origin.(*ssa.Call)
	if ev.Kind != Read || ev.At != ev.Origin || !ok {
		return
	}
	kind, known := kube.KindOf(ev.Type)
	if !known || kind.Name == "" && kind.Form != kube.Unstructured {
		return
	}
	if !kind.List && !w.e.passedOver(call) || w.e.readLive(fn, ev) && !w.byCaller(ev) {
		return // one object, whose absence is an error; or the server is asked as well
	}
	w.look = Distant{Read: ev, Kind: kind, Listed: kind.List}
	w.seen = make(map[*ssa.Function]bool)
	fresh, because := w.e.Freshness(ev)
	if fresh == program.Live {
		return
	}
	if fresh == program.Cached {
		w.look.At, w.look.Because = call, because
	}
	w.follow(fn, call, 0, ev.Root)
}

// byCaller tells whether the caller decides which client a helper reads through.
func (w *distantWalk) byCaller(ev *Event) bool {
	fresh, _ := w.e.Freshness(ev)
	return fresh == program.FreshnessUnknown
}

// passedOver tells whether a read in a loop goes on with the next object when one is not found.
func (e *Effects) passedOver(read *ssa.Call) bool {
	if !InLoop(read) {
		return false
	}
	branch, filtered := e.notFoundTest(read)
	if !filtered || branch == nil {
		return false
	}
	next := branch.Block().Succs[0]
	for len(next.Instrs) == 1 && len(next.Succs) == 1 {
		next = next.Succs[0]
	}
	return next.Dominates(branch.Block())
}

// follow looks for what an answer decides in fn, then hands it to the callers.
func (w *distantWalk) follow(fn *ssa.Function, from ssa.CallInstruction, depth int, seeds ...ssa.Value) {
	if w.seen[fn] {
		return
	}
	w.seen[fn] = true
	s := spreadOf(fn, seeds...)
	if w.look.At != nil && (w.look.Kind.Name != "" || depth <= 1) {
		w.decided(s, from) // an object of any kind is soon mixed with others
	}
	if !s.returned || depth == distantCallers || w.e.Program.EntryAt(fn) != nil {
		return
	}
	for _, edge := range w.e.Program.Callers(fn) {
		call, ok := edge.Site.(*ssa.Call)
		if !ok || w.e.Program.InTest(edge.Caller()) || w.e.Program.TestSupport(edge.Caller()) {
			continue
		}
		before := w.look
		if w.look.At == nil {
			w.resolve(call)
		}
		w.follow(edge.Caller(), call, depth+1, call)
		w.look = before
	}
}

// resolve asks the caller which client the helper reads through.
func (w *distantWalk) resolve(call *ssa.Call) {
	if call.Parent() == nil || w.look.Read.Func() == nil {
		return
	}
	if fresh, because := w.e.FreshnessFrom(w.look.Read, call); fresh == program.Cached {
		w.look.At, w.look.Because = call, because
	}
}

// decided keeps the deeds that the answer decides in one function.
func (w *distantWalk) decided(s *spread, from ssa.CallInstruction) {
	for _, way := range w.ways {
		for _, site := range way.sites[s.fn] {
			if !After(from, site) || !way.fits(w.look) || w.told(way.deed) {
				continue
			}
			if !s.given(site) && (!s.guards(site) || w.look.Kind.Name == "" && way.create != nil) {
				continue // nor does an object of any kind that is made on some condition have to be one of those looked for
			}
			if w.rechecked(s.fn, from, site) {
				continue
			}
			found := w.look
			found.Use, found.Deed, found.Create = site, way.deed, way.create
			w.out = append(w.out, found)
		}
	}
}

func (w *distantWalk) told(deed ssa.CallInstruction) bool {
	for _, d := range w.out {
		if d.Deed == deed && d.At == w.look.At {
			return true
		}
	}
	return false
}

// RemovesSurplus tells whether the function that looks also leads to a loop that removes objects of the kind one by one.
func (e *Effects) RemovesSurplus(d Distant) bool {
	for _, row := range e.Ledger() {
		if row.Call.Effect == kube.Delete && row.Kind.Same(d.Kind) && e.loopsOver(e.wayTo(row.Site, nil, row.Kind), d.At.Parent(), make(map[*ssa.Function]bool)) {
			return true
		}
	}
	return false
}

// loopsOver tells whether one of the calls between a function and a deed stands in a loop.
func (e *Effects) loopsOver(w way, fn *ssa.Function, seen map[*ssa.Function]bool) bool {
	if seen[fn] {
		return false
	}
	seen[fn] = true
	return slices.ContainsFunc(w.sites[fn], func(site ssa.CallInstruction) bool {
		return InLoop(site) || slices.ContainsFunc(e.Program.Callees(site), func(edge program.Edge) bool { return e.loopsOver(w, edge.Callee, seen) })
	})
}

// rechecked tells whether the server is asked for the kind between the look and its use.
func (w *distantWalk) rechecked(fn *ssa.Function, from, use ssa.Instruction) bool {
	for _, ev := range w.e.Events(fn) {
		if ev.Kind != Read || ev.Origin == w.look.Read.Origin || !MayPrecede(from, ev.At) || !MayPrecede(ev.At, use) {
			continue
		}
		k, ok := kube.KindOf(ev.Type)
		if !ok || k.Name != w.look.Kind.Name || k.Form != w.look.Kind.Form {
			continue
		}
		if fresh, _ := w.e.Freshness(ev); fresh == program.Live {
			return true
		}
	}
	return false
}
