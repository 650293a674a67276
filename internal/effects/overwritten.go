// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Overwritten is a change of an object in memory that is gone before the request that was to store it.
type Overwritten struct {
	Func *ssa.Function
	// Change is made first; By fills the object anew, by a read or by the server's answer to a write of the other half of
	// the object; Write then sends the half that Change belongs to.
	Change, By, Write *Event
	// Always is set when each run that makes the change and reaches the write comes through By.
	Always bool
	// Prepared is set when the object was made here and By is the first to fill it.
	Prepared bool
}

// Overwrites returns the changes that are overwritten in memory before they are sent, one for each write; in source order.
//
// The clients of controller-runtime decode the answer of an update or a patch into the object that they were given, and
// a request for the main resource leaves the stored status as it is: what was set in the status in memory is replaced by
// what is stored (sigs.k8s.io/controller-runtime/pkg/client, typed_client.go: Do(ctx).Into(obj)).
func (e *Effects) Overwrites() []Overwritten {
	var out []Overwritten
	for fn := range e.reviewed() {
		for _, w := range e.Events(fn) {
			if w.Kind != Write || w.Root == nil || w.Spawned || Reassigned(fn, w.Root) {
				continue // which object it is is not certain
			}
			if updates(w) && e.bornHere(w.Root) {
				if o, found := e.prepared(fn, w); found {
					out = append(out, o)
					continue
				}
			}
			if halfOf(w) == bothHalves {
				continue // what the request stores is not certain
			}
			if o, found := e.overwritten(fn, w); found {
				out = append(out, o)
			}
		}
	}
	return out
}

// updates tells whether a request stores an object that is there already.
func updates(w *Event) bool {
	return w.Call.Effect == kube.Update || w.Call.Effect == kube.Patch && w.Patch != nil && w.Patch.Type != ApplyPatch || w.Call.Effect == kube.ReadModifyWrite
}

// overwritten looks for a change that is lost on the way to a write.
func (e *Effects) overwritten(fn *ssa.Function, w *Event) (Overwritten, bool) {
	life := e.lifeOf(fn, w)
	for _, ch := range life {
		if ch.Kind != Change || ch.At == w.At || !lostByFilling(ch.Path) || halfOfPath(ch.Path) != halfOf(w) {
			continue
		}
		for _, by := range life {
			if life.fills(by, ch, w) && life.follows(ch, by) && life.follows(by, w) && !life.savedOrMadeAgain(ch, by, w) && !life.storedAside(ch, by, w) && !e.changedUnseen(w.Root, by, w) && !e.afterFailure(by, w) {
				always := by.At != w.At && straightDown(by) && (MustPrecede(by.At, w.At) || deferred(w) && unconditional(by.At))
				return Overwritten{Func: fn, Change: ch, By: by, Write: w, Always: always}, true
			}
		}
	}
	return Overwritten{}, false
}

// straightDown tells whether nothing but errors decides, in the functions that an event lies behind, whether it happens.
func straightDown(ev *Event) bool {
	if len(ev.Chain) == 0 {
		return true
	}
	behind := []ssa.Instruction{ev.Origin}
	for _, site := range ev.Chain[1:] {
		behind = append(behind, site)
	}
	return !slices.ContainsFunc(behind, func(at ssa.Instruction) bool { return !unconditional(at) })
}

// unconditional tells whether nothing but errors decides whether an instruction runs.
func unconditional(at ssa.Instruction) bool {
	return !slices.ContainsFunc(Conditions(at.Block()), func(branch *ssa.If) bool { return !aboutError(branch.Cond) })
}

func deferred(ev *Event) bool {
	_, ok := ev.At.(*ssa.Defer)
	return ok
}

// life is what happens to one object in one function, in the order of the code.
type life []*Event

func (e *Effects) lifeOf(fn *ssa.Function, w *Event) life {
	var l life
	for _, ev := range e.Events(fn) {
		if ev.Object == w.Object {
			l = append(l, ev)
		}
	}
	return l
}

// follows tells whether b comes after a, and never before it: what a loop repeats has no such order.
func (l life) follows(a, b *Event) bool {
	if a.At == b.At { // both lie behind one call, and are told in the callee's order
		return slices.Index(l, a) < slices.Index(l, b)
	}
	if _, deferred := b.At.(*ssa.Defer); deferred {
		return MustPrecede(b.At, a.At)
	}
	if _, deferred := a.At.(*ssa.Defer); deferred {
		return false
	}
	return MayPrecede(a.At, b.At) && !MayPrecede(b.At, a.At)
}

// fills tells whether an event replaces what a change left in the object: a read of an object that was there before, or
// the answer to a write of the other half.
func (l life) fills(by, ch, w *Event) bool {
	if by == w || by.Origin == w.Origin || by.Spawned || by.At == ch.At {
		return false
	}
	if by.Kind == Read {
		return slices.ContainsFunc(l, func(first *Event) bool { return first.Kind == Read && first != by && l.follows(first, ch) })
	}
	if by.Kind != Write || by.Call.WritesInto < 0 {
		return false
	}
	half := halfOf(by)
	return half != bothHalves && half != halfOf(w)
}

// savedOrMadeAgain tells whether another write can have stored the change before it is lost, or whether the object is
// changed at the same place, or replaced, between the loss and the write.
func (l life) savedOrMadeAgain(ch, by, w *Event) bool {
	for _, ev := range l {
		between := ev != w && ev != by && l.mayFollow(by, ev) && l.mayFollow(ev, w)
		switch ev.Kind {
		case Write:
			if ev != w && ev != by && l.mayFollow(ch, ev) && l.mayFollow(ev, by) && halfOf(ev) != halfOf(by) {
				return true
			}
		case Change:
			if between && (ev.Path == "" || overlaps(ev.Path, ch.Path)) {
				return true
			}
		case Copy, Read:
			if between {
				return true
			}
		}
	}
	return false
}

// storedAside tells whether a read comes over a change that another way stores, as in "if that changed anything, update it and come
// back": who goes on to the read had nothing to store.
func (l life) storedAside(ch, by, w *Event) bool {
	return by.Kind == Read && slices.ContainsFunc(l, func(ev *Event) bool {
		return ev.Kind == Write && ev.Origin != w.Origin && halfOf(ev) == halfOfPath(ch.Path) && l.follows(ch, ev) && !l.mayFollow(by, ev) && !l.mayFollow(ev, by)
	})
}

// afterFailure tells whether a write is made only when the call that overwrites has failed: then nothing was decoded.
func (e *Effects) afterFailure(by, w *Event) bool {
	call, ok := by.At.(*ssa.Call)
	return ok && slices.Contains(e.FailureBlocks(call), w.At.Block())
}

// changedUnseen tells whether the object is given, between the loss and the write, to code that is out of sight and may
// change it. What own code does with it shows in its events.
func (e *Effects) changedUnseen(root ssa.Value, by, w *Event) bool {
	return givenTo(root, func(site ssa.CallInstruction) bool {
		if site == by.At || site == w.At || program.Model(site) != nil || len(e.Program.Callees(site)) > 0 || onlyLooks(site) {
			return false
		}
		_, deferred := w.At.(*ssa.Defer)
		return MayPrecede(by.At, site) && (deferred || MayPrecede(site, w.At))
	})
}

// onlyLooks tells whether a call records or logs what it is given.
func onlyLooks(site ssa.CallInstruction) bool {
	t := program.Target(site)
	if t == nil || t.Pkg() == nil {
		return false
	}
	switch t.Pkg().Path() {
	case "k8s.io/client-go/tools/record", "k8s.io/client-go/tools/events", "github.com/go-logr/logr", "k8s.io/klog/v2", "log/slog":
		return true
	}
	return false
}

// mayFollow tells whether b can come after a. What lies behind one call may come in any order.
func (l life) mayFollow(a, b *Event) bool {
	return a.At == b.At || l.follows(a, b) || MayPrecede(a.At, b.At)
}

// half is the part of an object that a request stores.
type half int

const (
	mainHalf half = iota
	statusHalf
	bothHalves // or unknown
)

func halfOf(w *Event) half {
	switch w.Call.Effect {
	case kube.Update, kube.Patch:
		return mainHalf
	case kube.UpdateStatus, kube.PatchStatus:
		return statusHalf
	}
	return bothHalves
}

func halfOfPath(path string) half {
	if Under(path, "Status") {
		return statusHalf
	}
	return mainHalf
}

// lostByFilling tells whether a change of a field is gone when the object is filled. What names the object or its version is
// set for the request itself.
func lostByFilling(path string) bool {
	if Under(path, "Object") {
		return false // of Unstructured: which half it belongs to is not told
	}
	switch path {
	case "", "Name", "Namespace", "ResourceVersion", "ManagedFields", "APIVersion", "Kind", "UID":
		return false
	}
	return true
}
