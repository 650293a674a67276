// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// prepared looks for a change of an object that is made here, before what is stored is read over it: by a read, or by the
// helper that is to create or update it. A live read of a custom resource is left out: it is decoded from JSON, and what the
// answer does not hold stays.
func (e *Effects) prepared(fn *ssa.Function, w *Event) (Overwritten, bool) {
	if e.calledWhenMissing(fn) {
		return Overwritten{}, false // there is nothing to read
	}
	life := e.lifeOf(fn, w)
	by, helper := w, w.Call.Effect == kube.ReadModifyWrite
	if helper && w.Call.Closure < 0 {
		return Overwritten{}, false // it is given what is to be stored
	}
	if !helper {
		if by = life.firstRead(w); by == nil || e.afterFailure(by, w) {
			return Overwritten{}, false
		}
		if kind, _ := kube.KindOf(by.Type); !kind.BuiltIn() {
			if fresh, _ := e.Freshness(by); fresh == program.Live {
				return Overwritten{}, false
			}
		}
	}
	for _, ch := range life {
		if ch.Kind != Change || ch.At == by.At || !worthPreparing(ch) || helper && (ch.Path == "OwnerReferences" || ch.Path == "Finalizers") {
			continue // an owner or a finalizer that is set when the object is made is not taken away again
		}
		if life.follows(ch, by) && MustPrecede(ch.At, by.At) && !life.keptElsewhere(e, fn, ch, by) && !life.madeAgain(ch, by, w) && !e.changedUnseen(w.Root, by, w) {
			return Overwritten{Func: fn, Change: ch, By: by, Write: w, Prepared: true, Always: true}, true
		}
	}
	return Overwritten{}, false
}

// calledWhenMissing tells whether every caller of a function has just been told that there is no such object.
func (e *Effects) calledWhenMissing(fn *ssa.Function) bool {
	called := 0
	for _, edge := range e.Program.Callers(fn) {
		if e.Program.InTest(edge.Caller()) {
			continue
		}
		missing := slices.ContainsFunc(e.Events(edge.Caller()), func(ev *Event) bool {
			call, ok := ev.At.(*ssa.Call)
			return ok && ev.Kind == Read && onlyWhenMissing(errorResult(call), edge.Site.Block())
		})
		if !missing {
			return false
		}
		called++
	}
	return called > 0
}

// firstRead returns the only read into the object on the way to a write; nil when there are others, or none.
func (l life) firstRead(w *Event) *Event {
	var read *Event
	for _, ev := range l {
		if ev.Kind != Read {
			continue
		}
		if read != nil || !MustPrecede(ev.At, w.At) || ev.At == w.At {
			return nil
		}
		read = ev
	}
	return read
}

// worthPreparing tells whether a change is more than the name of what is asked for: a value that something decides, or an
// owner.
func worthPreparing(ch *Event) bool {
	return lostByFilling(ch.Path) && halfOfPath(ch.Path) == mainHalf && (!ch.Deps().Constant || ch.Path == "OwnerReferences")
}

// keptElsewhere tells whether the object is copied, sent or compared between the preparation and the read: the copy has what
// the read overwrites.
func (l life) keptElsewhere(e *Effects, fn *ssa.Function, ch, by *Event) bool {
	for _, ev := range e.Events(fn) {
		from := Object{ev.From.Root, concat(ev.From.Base, ev.From.Path)}
		if ev.Kind == Copy && from.Root == ch.Root && ev.At != by.At && l.mayFollow(ch, ev) && l.mayFollow(ev, by) {
			return true
		}
	}
	for _, ev := range l {
		if ev.Kind == Write && ev != by && l.mayFollow(ch, ev) && l.mayFollow(ev, by) {
			return true
		}
	}
	return false
}

// madeAgain tells whether the object is changed at the same place, or replaced, between the read and the write.
func (l life) madeAgain(ch, by, w *Event) bool {
	for _, ev := range l {
		if ev.Origin == by.Origin || ev == w || ev == ch || !l.mayFollow(by, ev) || !l.mayFollow(ev, w) {
			continue
		}
		switch ev.Kind {
		case Change:
			if ev.Path == "" || overlaps(ev.Path, ch.Path) {
				return true
			}
		case Copy, Read:
			return true
		}
	}
	return false
}

// bornHere tells whether an object begins its life in the function: a literal, or what a constructor of own code gives.
func (e *Effects) bornHere(root ssa.Value) bool {
	switch x := root.(type) {
	case *ssa.Alloc:
		return true
	case *ssa.Call:
		return len(e.Program.Static(x)) == 1
	case *ssa.Extract:
		call, ok := x.Tuple.(*ssa.Call)
		return ok && !types.IsInterface(x.Type()) && len(e.Program.Static(call)) == 1
	}
	return false
}
