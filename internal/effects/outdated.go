// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// SecondSend is a request with the resourceVersion that an earlier request of the same flow has used up: the earlier one stored
// the object, and its answer, which holds the new version, went elsewhere.
type SecondSend struct {
	Func *ssa.Function
	// First and Second are the calls in Func that lead to the requests, Bump and Send the requests.
	First, Second ssa.Instruction
	Bump, Send    *Event
	// Always is set when the second call never runs without the first.
	Always bool
}

// versionUse is a request that concerns the version in an object of a function, as seen from there.
type versionUse struct {
	at     ssa.Instruction
	object Object
	write  *Event
	// failed is set when the call at gives an error whenever it has made the request.
	failed bool
}

// versions are the requests of a function after which the version in an object is old, and those that send it.
type versions struct{ bumps, sends []versionUse }

// maxVersionUses bounds the requests that a function is told of; more say nothing.
const maxVersionUses = 60

// SecondSends returns the requests that send a used-up version, one for each request; in source order.
func (e *Effects) SecondSends() []SecondSend {
	w := &versionWalk{e: e, known: make(map[*ssa.Function]*versions)}
	var out []SecondSend
	type pair struct{ bump, send ssa.Instruction }
	told := make(map[pair]bool)
	for fn := range e.reviewed() {
		v := w.of(fn)
		one := make(map[ssa.Instruction]bool) // an answer that is thrown away is one mistake, whatever it spoils
		for _, send := range v.sends {
			for _, bump := range v.bumps {
				both := pair{bump.write.Origin, send.write.Origin}
				if !one[bump.at] && !told[both] && e.usedUp(fn, bump, send) {
					one[bump.at], told[both] = true, true
					out = append(out, SecondSend{Func: fn, First: bump.at, Second: send.at, Bump: bump.write, Send: send.write, Always: MustPrecede(bump.at, send.at)})
				}
			}
		}
	}
	return out
}

type versionWalk struct {
	e     *Effects
	known map[*ssa.Function]*versions
}

func (w *versionWalk) of(fn *ssa.Function) *versions {
	if v, ok := w.known[fn]; ok {
		return v
	}
	v := &versions{}
	w.known[fn] = v // a recursive call adds nothing
	for _, ev := range w.e.Events(fn) {
		if ev.Kind != Write || ev.At != ev.Origin || ev.Partial {
			continue
		}
		if ev.Root != nil {
			w.own(fn, ev, v)
		} else {
			w.named(fn, ev, v)
		}
	}
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		callees := w.e.Program.Static(site)
		if len(v.bumps)+len(v.sends) > maxVersionUses {
			break
		}
		if !ok || len(callees) != 1 || program.Model(site) != nil {
			continue // a goroutine, a choice of functions, or what the model speaks for
		}
		inner := w.of(callees[0])
		edge := program.Edge{Site: call, Callee: callees[0], Arg: -1}
		v.bumps = append(v.bumps, w.moved(fn, edge, w.left(callees[0], inner.bumps))...)
		v.sends = append(v.sends, w.moved(fn, edge, inner.sends)...)
	}
	return v
}

// own adds a request that the function makes itself.
func (w *versionWalk) own(fn *ssa.Function, ev *Event, v *versions) {
	if sendsVersion(ev) && ev.Retry == nil && !callsItselfOnConflict(fn) {
		for _, o := range w.sent(fn, ev) {
			v.sends = append(v.sends, versionUse{at: ev.At, object: o, write: ev})
		}
	}
	if !storesObject(ev) || !w.changesAnything(fn, ev) {
		return
	}
	for _, o := range w.sources(fn, ev) {
		if o != ev.Object || ev.Call.WritesInto < 0 {
			v.bumps = append(v.bumps, versionUse{at: ev.At, object: o, write: ev})
		}
	}
}

// named adds a patch that is sent by name: the object whose name it is does not see the answer.
func (w *versionWalk) named(fn *ssa.Function, ev *Event, v *versions) {
	if !storesObject(ev) || ev.Call.WritesInto >= 0 || ev.Type == nil {
		return
	}
	site := ev.Origin.(ssa.CallInstruction)
	kind, known := kube.KindOf(ev.Type)
	for _, p := range w.e.Places(fn, program.Argument(site, ev.Call.Key)) {
		if p.Path != "Name" || p.Root == nil || !known {
			continue
		}
		o := Object{p.Root, p.Object.Base}
		if k, ok := kube.KindOf(typeOfObject(o)); ok && k.Same(kind) {
			v.bumps = append(v.bumps, versionUse{at: ev.At, object: o, write: ev})
		}
	}
}

// typeOfObject is the type of what an object's way leads to.
func typeOfObject(o Object) types.Type {
	t := stripped(o.Root).Type()
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		if inner, ok := ptr.Elem().Underlying().(*types.Pointer); ok {
			t = inner
		}
	}
	if o.Base != "" {
		return typeAt(t, o.Base)
	}
	return t
}

// sources returns the written object and those that it was copied from before, itself or over other copies.
func (w *versionWalk) sources(fn *ssa.Function, write *Event) []Object {
	return w.copied(fn, write, []Object{write.Object}, func(*Event) bool { return true })
}

// sent returns the objects whose version a request sends: the written object, or the base of a patch, and those that it was
// copied from and has the version of still.
func (w *versionWalk) sent(fn *ssa.Function, write *Event) []Object {
	from := []Object{write.Object}
	if write.Patch != nil && len(write.Base) == 1 {
		from = []Object{{write.Base[0].Root, concat(write.Base[0].Base, write.Base[0].Path)}}
	}
	return w.copied(fn, write, from, func(made *Event) bool {
		return !w.e.renewed(fn, versionUse{at: made.At, object: made.Object}, func(instr ssa.Instruction) bool {
			return instr != made.At && instr != write.At && MayPrecede(made.At, instr) && MayPrecede(instr, write.At)
		})
	})
}

// copied adds to objects those that they were copied from before a request, by the copies that a test picks.
func (w *versionWalk) copied(fn *ssa.Function, write *Event, same []Object, picked func(made *Event) bool) []Object {
	for i := 0; i < len(same) && i < 12; i++ {
		for _, ev := range w.e.Events(fn) {
			if ev.Kind != Copy || ev.Object != same[i] || !MayPrecede(ev.At, write.At) || !picked(ev) {
				continue
			}
			if from := (Object{ev.From.Root, concat(ev.From.Base, ev.From.Path)}); !contains(same, from) {
				same = append(same, from)
			}
		}
	}
	return same
}

// sendsVersion tells whether the server compares the version of the object that a request sends.
func sendsVersion(ev *Event) bool {
	switch ev.Call.Effect {
	case kube.Update, kube.UpdateStatus, kube.UpdateSubresource:
		return true
	}
	return ev.Patch != nil && ev.Patch.Type != ApplyPatch && ev.Patch.Type != JSONPatch && ev.Patch.Lock == Locked
}

// storesObject tells whether a request stores the object in a new version.
func storesObject(ev *Event) bool {
	switch ev.Call.Effect {
	case kube.Update, kube.UpdateStatus, kube.UpdateSubresource, kube.Patch, kube.PatchStatus, kube.PatchSubresource:
		return true
	}
	return false
}

// changesAnything tells whether the object was changed before the request, in the function that makes it or out of its sight:
// the server gives no new version for what is stored already.
func (w *versionWalk) changesAnything(fn *ssa.Function, ev *Event) bool {
	s := w.e.Part(ev.Origin.(ssa.CallInstruction))
	return s != nil && s.Write.Object == ev.Object && len(s.Sent()) > 0
}

// left returns the uses after which nothing in the function brings the object up to date.
func (w *versionWalk) left(fn *ssa.Function, uses []versionUse) []versionUse {
	var out []versionUse
	for _, use := range uses {
		if !w.e.renewed(fn, use, func(instr ssa.Instruction) bool { return instr == use.at || MayPrecede(use.at, instr) }) {
			out = append(out, use)
		}
	}
	return out
}

// moved restates the uses of objects that a callee was given in the terms of its caller.
func (w *versionWalk) moved(fn *ssa.Function, edge program.Edge, inner []versionUse) []versionUse {
	var out []versionUse
	for _, use := range inner {
		param, ok := use.object.Root.(*ssa.Parameter)
		if !ok || param.Parent() != edge.Callee {
			continue
		}
		arg := program.ArgumentFor(edge, paramIndex(edge.Callee, param))
		for _, at := range w.e.Places(fn, arg) {
			o := Object{at.Root, concat(concat(at.Base, at.Path), use.object.Base)}
			one := versionUse{at: edge.Site, object: o, write: use.write, failed: w.e.errs(use)}
			if !slices.Contains(out, one) {
				out = append(out, one)
			}
		}
	}
	return out
}

// usedUp tells whether a request sends, in each run that comes to it over an earlier one, the version that this one made old.
func (e *Effects) usedUp(fn *ssa.Function, bump, send versionUse) bool {
	if bump.object != send.object || bump.at == send.at || !MayPrecede(bump.at, send.at) {
		return false
	}
	if strings.Contains(bump.object.Base, "[]") && !(SameLoop(bump.at, send.at) && MustPrecede(bump.at, send.at)) {
		return false // an element of a list: another one, maybe
	}
	if Reassigned(fn, bump.object.Root) || e.renewed(fn, bump, between(bump.at, send.at)) {
		return false
	}
	call, ok := bump.at.(*ssa.Call)
	return ok && !takesAnswer(send.at, call) && !slices.Contains(e.FailureBlocks(call), send.at.Block()) && !stopsBy(call, send.at) && !e.stopsByField(fn, call, send.at) &&
		!(bump.failed && e.endsFailed(call, send.at)) && alike(bump.at, send.at) && e.stillNames(fn, bump, send)
}

// renewed tells whether the object may get another version, or become another object, by what a test picks.
func (e *Effects) renewed(fn *ssa.Function, bump versionUse, picked func(ssa.Instruction) bool) bool {
	o := bump.object
	for _, ev := range e.Events(fn) {
		if ev.Root != o.Root || !picked(ev.At) {
			continue
		}
		switch ev.Kind {
		case Read, Copy:
			if ev.Object == o {
				return true
			}
		case Write:
			if ev.Object == o && ev.At != bump.at && ev.Call.WritesInto >= 0 {
				return true // its answer brings the version up to date
			}
		case Change:
			if ev.Object == o && (ev.Path == "ResourceVersion" || ev.Path == "" || ev.Path == "ObjectMeta") {
				return true
			}
			if full := concat(ev.Object.Base, ev.Path); full != "" && Under(o.Base, full) {
				return true // the variable holds another object now
			}
		}
	}
	return false
}

// between picks what can run between two instructions, or is the first.
func between(first, last ssa.Instruction) func(ssa.Instruction) bool {
	return func(instr ssa.Instruction) bool {
		return instr != last && (instr == first || MayPrecede(first, instr)) && MayPrecede(instr, last)
	}
}

// alike tells whether a second instruction runs whenever the first has run and nothing has failed: what decides about it, errors
// left out, has decided about the first in the same way, or is a flag that was set beside the first. Behind other tests, the two may exclude each other.
func alike(first, second ssa.Instruction) bool {
	return MustPrecede(first, second) || !slices.ContainsFunc(Conditions(second.Block()), func(branch *ssa.If) bool {
		return !aboutError(branch.Cond) && !saidBy(first, branch, second) && !slices.ContainsFunc(branch.Block().Succs, func(side *ssa.BasicBlock) bool {
			return side.Dominates(second.Block()) && side.Dominates(first.Block())
		})
	})
}

// stopsBy tells whether a result of a call, other than its error, decides that an instruction does not run: "it was updated, come
// back later".
func stopsBy(call *ssa.Call, at ssa.Instruction) bool {
	seen := make(map[ssa.Value]bool)
	var decides func(v ssa.Value) bool
	decides = func(v ssa.Value) bool {
		if seen[v] || v.Referrers() == nil || isErrorType(v.Type()) {
			return false
		}
		seen[v] = true
		for _, ref := range *v.Referrers() {
			switch x := ref.(type) {
			case *ssa.If:
				if CanAvoid(x, at) {
					return true
				}
			case *ssa.Extract, *ssa.BinOp, *ssa.UnOp, *ssa.Phi:
				if decides(x.(ssa.Value)) {
					return true
				}
			}
		}
		return false
	}
	return decides(call)
}

// stopsByField tells whether a test of what a call has set in memory decides that an instruction does not run.
func (e *Effects) stopsByField(fn *ssa.Function, call *ssa.Call, at ssa.Instruction) bool {
	var set []Place
	for _, ev := range e.Events(fn) {
		if ev.Kind == Change && ev.At == call && ev.At != ev.Origin {
			set = append(set, Place{Object: ev.Object, Path: ev.Path})
		}
	}
	return len(set) > 0 && slices.ContainsFunc(fn.Blocks, func(b *ssa.BasicBlock) bool {
		branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok || !MayPrecede(call, branch) || !CanAvoid(branch, at) {
			return false
		}
		return slices.ContainsFunc(e.DepsOf(fn, branch.Cond).Places, func(p Place) bool { return slices.Contains(set, p) })
	})
}
