// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Story is the life of an API object up to one write, told in the function where the object comes from: it was read,
// copied, tested, changed and written there, or in what that function calls.
type Story struct {
	e *Effects
	// Func is the function in whose terms the story is told.
	Func *ssa.Function
	// Write is how it ends.
	Write *Event
	// Events are all events of Func on the object and on the objects it was copied from, in order.
	Events []*Event
	// Complete is false when the object came to Func from a caller that own code does not show.
	Complete bool

	sent  []*Event          // found when first asked for
	tests map[string]values // found when first asked for
}

// findStories makes a story of every write, told where the written object comes from.
func (e *Effects) findStories() {
	for _, fn := range e.Program.Funcs {
		if e.Program.Generated(fn) {
			continue
		}
		for _, ev := range e.events[fn] {
			if ev.Kind == Write && e.owns(fn, ev) {
				e.stories = append(e.stories, e.tell(fn, ev))
			}
		}
	}
}

// owns tells whether the story of a write is told in fn: the object is not handed in by a caller that knows more.
func (e *Effects) owns(fn *ssa.Function, ev *Event) bool {
	return !e.lifted[ev]
}

// Part tells the story of a write in the terms of the function that makes it, whoever hands the object in; nil where site
// is not a write of an object.
func (e *Effects) Part(site ssa.CallInstruction) *Story {
	fn := site.Parent()
	for _, ev := range e.Events(fn) {
		if ev.Kind == Write && ev.At == site && len(ev.Chain) == 0 && ev.Root != nil {
			return e.tell(fn, ev)
		}
	}
	return nil
}

func (e *Effects) tell(fn *ssa.Function, w *Event) *Story {
	s := &Story{e: e, Func: fn, Write: w, Complete: true}
	switch root := w.Root.(type) {
	case *ssa.Parameter, *ssa.FreeVar, *ssa.Global:
		s.Complete = root == nil
	}
	same := e.kin(fn, w.Object)
	for _, ev := range e.Events(fn) {
		if ev == w || ev.Root != nil && related(same, ev.Object) {
			s.Events = append(s.Events, ev)
		}
	}
	return s
}

// kin collects the objects that an object was copied from, itself first. An element of a list is kin of the list.
func (e *Effects) kin(fn *ssa.Function, o Object) []Object {
	same := []Object{o}
	for i := 0; i < len(same) && i < 12; i++ {
		for _, ev := range e.Events(fn) {
			if ev.Kind != Copy || ev.Object != same[i] {
				continue
			}
			from := Object{ev.From.Root, concat(ev.From.Base, ev.From.Path)}
			if !contains(same, from) {
				same = append(same, from)
			}
		}
	}
	return same
}

func contains(all []Object, o Object) bool {
	for _, have := range all {
		if have == o {
			return true
		}
	}
	return false
}

// related tells whether an event's object is one of the kin, or a list that one of them is an element of.
func related(same []Object, o Object) bool {
	for _, k := range same {
		if k.Root == o.Root && (k.Base == o.Base || under(k.Base, o.Base)) {
			return true
		}
	}
	return false
}

// KinOf returns an object of fn and those that it was copied from.
func (e *Effects) KinOf(fn *ssa.Function, o Object) []Object { return e.kin(fn, o) }

// Kin tells whether o is the written object or one that it was copied from.
func (s *Story) Kin(o Object) bool { return contains(s.e.kin(s.Func, s.Write.Object), o) }

// Reads returns the reads that fill the written object, or what it was copied from, before the write.
func (s *Story) Reads() []*Event {
	var out []*Event
	for _, ev := range s.Events {
		if ev.Kind == Read && s.before(ev) {
			out = append(out, ev)
		}
	}
	return out
}

// Changes returns the changes of the written object before the write. Changes of copies made earlier count as far as
// they reach the object: those on the object itself, and those on a source before it was copied.
func (s *Story) Changes() []*Event {
	var out []*Event
	for _, ev := range s.Events {
		if !s.mayCarry(ev) || !s.before(ev) || s.isBase(ev.Object) {
			continue
		}
		if ev.Object == s.Write.Object || s.copiedAfter(ev) {
			out = append(out, ev)
		}
	}
	return out
}

// mayCarry tells whether the write can carry a change: the data of a request that is spelled out has nothing else.
func (s *Story) mayCarry(ev *Event) bool {
	if s.Write.Patch != nil && s.Write.Patch.Spelled {
		return ev.Kind == Spelled && ev.For == s.Write.Origin
	}
	return ev.Kind == Change
}

// isBase tells whether o is only what a patch is compared with.
func (s *Story) isBase(o Object) bool {
	for _, b := range s.Write.Base {
		base := Object{b.Root, concat(b.Base, b.Path)}
		if base == o && o != s.Write.Object {
			return true
		}
	}
	return false
}

// copiedAfter tells whether the object of a change was copied, directly or over other copies, into the written one
// after the change.
func (s *Story) copiedAfter(change *Event) bool {
	for _, ev := range s.Events {
		if ev.Kind != Copy || (Object{ev.From.Root, concat(ev.From.Base, ev.From.Path)}) != change.Object {
			continue
		}
		if MayPrecede(change.At, ev.At) || change.At == ev.At {
			return true
		}
	}
	return false
}

// before tells whether an event can happen before the write.
func (s *Story) before(ev *Event) bool {
	if ev.At == s.Write.At {
		// Both lie behind one call: they are told in the callee's order.
		for _, other := range s.Events {
			if other == ev {
				return true
			}
			if other == s.Write {
				return false
			}
		}
	}
	return MayPrecede(ev.At, s.Write.At)
}

// Kind returns the kind of the written object; ok is false when only its value knows.
func (s *Story) Kind() (kube.Kind, bool) {
	t := s.Type()
	if t == nil {
		return kube.Kind{}, false
	}
	k, ok := kube.KindOf(t)
	return k, ok && k.Name != ""
}

// Domain returns where the write can run.
func (s *Story) Domain() *program.DomainSet { return s.e.Program.DomainAt(s.Write.At) }
