// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Converters make one form of an object from another: an apply configuration from a typed object, Unstructured from
// either, over JSON. What they carry along is values; the resourceVersion stays behind unless somebody sets it. Their
// copies are partial, and the story of a write goes on, over them, to the object that the values come from.

// carried makes an apply configuration whose status is made from that of an object a partial copy of the object.
func (g *gatherer) carried(ch *Event) {
	if ch.Path != "Status" || !isApplyConfiguration(ch.Object) {
		return
	}
	for _, p := range ch.Deps().Places {
		if p.Path == "Status" && p.Object != ch.Object && p.Root != nil {
			g.partial(ch.At, ch.Object, Place{Object: p.Object})
		}
	}
}

func isApplyConfiguration(o Object) bool {
	if o.Root == nil || o.Base != "" {
		return false
	}
	k, ok := kube.KindOf(o.Root.Type())
	return ok && k.Form == kube.ApplyConfiguration
}

func (g *gatherer) partial(at ssa.Instruction, o Object, from Place) {
	for _, have := range g.events {
		if have.Kind == Copy && have.Object == o && have.From == from {
			return
		}
	}
	g.events = append(g.events, &Event{Kind: Copy, At: at, Origin: at, Object: o, From: from, Partial: true})
}

// converted looks at a call that may make an object from another: an own function that takes and gives a kind, a round
// over JSON, or the converter to Unstructured.
func (g *gatherer) converted(site ssa.CallInstruction) {
	call, ok := site.(*ssa.Call)
	if !ok {
		return
	}
	target := program.Target(site)
	switch {
	case target != nil && target.Name() == "Unmarshal" && len(call.Call.Args) == 2:
		g.fromMade(call, call.Call.Args[0], call.Call.Args[1], "Marshal")
	case target != nil && target.Name() == "SetUnstructuredContent":
		g.fromMade(call, program.Argument(call, 0), program.Receiver(call), "ToUnstructured")
	case len(g.e.Program.Static(call)) > 0:
		g.sameKind(call)
	}
}

// fromMade makes into a partial copy of what the data was made from by a call of the maker.
func (g *gatherer) fromMade(call *ssa.Call, data, into ssa.Value, maker string) {
	if data == nil || into == nil {
		return
	}
	for _, made := range g.e.DepsOf(g.fn, data).Calls {
		target := program.Target(made)
		if target == nil || target.Name() != maker || made.Parent() != g.fn {
			continue
		}
		for _, from := range g.e.Places(g.fn, program.Argument(made, 0)) {
			for _, o := range g.e.Objects(g.fn, into) {
				if o.Root != from.Root {
					g.partial(call, o, from)
				}
			}
		}
	}
}

// sameKind makes the result of an own function a partial copy of an argument of the same kind.
func (g *gatherer) sameKind(call *ssa.Call) {
	result := objectResult(call)
	if result == nil {
		return
	}
	made, ok := kube.KindOf(result.Type())
	if !ok || made.Name == "" || made.List {
		return
	}
	for _, arg := range call.Call.Args {
		k, ok := kube.KindOf(arg.Type())
		if !ok || !k.Same(made) || k.List {
			continue
		}
		for _, o := range g.e.Objects(g.fn, result) {
			for _, from := range g.e.Places(g.fn, arg) {
				if o.Root == result && from.Root != result {
					g.partial(call, o, from)
				}
			}
		}
	}
}

// partialKin returns the objects whose values a callee's object holds, over partial copies.
func (e *Effects) partialKin(fn *ssa.Function, o Object) []Object {
	kin := []Object{o}
	for i := 0; i < len(kin) && i < 8; i++ {
		for _, ev := range e.Events(fn) {
			if ev.Kind == Copy && ev.Partial && ev.Object == kin[i] {
				if from := (Object{ev.From.Root, concat(ev.From.Base, ev.From.Path)}); !contains(kin, from) {
					kin = append(kin, from)
				}
			}
		}
	}
	return kin[1:]
}

// CarriesVersion tells whether an applied object goes with the resourceVersion of the read that its values come from: no
// converter dropped it, or somebody sets it from an object that was not read for that alone.
func (e *Effects) CarriesVersion(w *Event) bool {
	for depth := len(w.Chain); depth >= 0; depth-- {
		fn := w.Origin.Parent()
		if depth < len(w.Chain) {
			fn = w.Chain[depth].Parent()
		}
		for _, ev := range e.Events(fn) {
			if ev.Kind == Change && strings.HasSuffix(ev.Path, "ResourceVersion") && !ev.Deps().Constant && !e.lateVersion(fn, ev) {
				return true
			}
		}
	}
	if w.Partial || w.Root == nil {
		return false
	}
	if alloc, ok := w.Root.(*ssa.Alloc); ok {
		return e.readIn(alloc.Parent(), w.Object) // made from scratch, unless a read fills it
	}
	return true // what was read, or handed in, goes as it is
}

// MadeWith returns the changes of the written object in every form that it has on its way down to the write: where it is
// made from another object, the story is that of the other, and does not tell of them.
func (s *Story) MadeWith() []*Event {
	var out []*Event
	seen := make(map[ssa.Instruction]bool)
	chain := s.Write.Chain
	for depth := len(chain); depth >= 0; depth-- {
		fn := s.Write.Origin.Parent()
		if depth < len(chain) {
			fn = chain[depth].Parent()
		}
		for _, w := range s.e.Events(fn) {
			if w.Kind != Write || w.Origin != s.Write.Origin || w.Root == nil || !slices.Equal(w.Chain, chain[depth:]) {
				continue
			}
			for _, ch := range s.e.tell(fn, w).Changes() {
				if !seen[ch.Origin] {
					seen[ch.Origin] = true
					out = append(out, ch)
				}
			}
		}
	}
	return out
}

// lateVersion tells whether a version is taken from an object that the function reads itself.
func (e *Effects) lateVersion(fn *ssa.Function, set *Event) bool {
	for _, p := range set.Deps().Places {
		if strings.HasSuffix(p.Path, "ResourceVersion") || p.Path == "" {
			if e.readIn(fn, p.Object) {
				return true
			}
		}
	}
	return false
}

func (e *Effects) readIn(fn *ssa.Function, o Object) bool {
	for _, k := range e.kin(fn, o) {
		for _, ev := range e.Events(fn) {
			if ev.Kind == Read && ev.Root == k.Root {
				return true
			}
		}
	}
	return false
}
