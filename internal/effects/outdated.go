// SPDX-License-Identifier: Apache-2.0

package effects

import (
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
}

// versions are the requests of a function after which the version in an object is old, and those that send it.
type versions struct{ bumps, sends []versionUse }

// maxVersionUses bounds the requests that a function is told of; more say nothing.
const maxVersionUses = 60

// SecondSends returns the requests that send a used-up version, one for each request; in source order.
func (e *Effects) SecondSends() []SecondSend {
	w := &versionWalk{e: e, known: make(map[*ssa.Function]*versions)}
	var out []SecondSend
	told := make(map[ssa.Instruction]bool)
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.Generated(fn) || e.Program.TestSupport(fn) {
			continue
		}
		v := w.of(fn)
		for _, send := range v.sends {
			for _, bump := range v.bumps {
				if !told[send.write.Origin] && e.usedUp(fn, bump, send) {
					told[send.write.Origin] = true
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
	for _, ev := range w.e.events[fn] {
		if ev.Kind == Write && ev.At == ev.Origin && ev.Root != nil && !ev.Partial {
			w.own(fn, ev, v)
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
		v.bumps = append(v.bumps, w.moved(fn, edge, inner.bumps)...)
		v.sends = append(v.sends, w.moved(fn, edge, inner.sends)...)
	}
	return v
}

// own adds a request that the function makes itself.
func (w *versionWalk) own(fn *ssa.Function, ev *Event, v *versions) {
	if sendsVersion(ev) && ev.Retry == nil {
		for _, o := range w.e.kin(fn, ev.Object) {
			v.sends = append(v.sends, versionUse{ev.At, o, ev})
		}
	}
	if !storesObject(ev) || !w.changesAnything(fn, ev) {
		return
	}
	for _, o := range w.e.kin(fn, ev.Object) {
		if o != ev.Object || ev.Call.WritesInto < 0 {
			v.bumps = append(v.bumps, versionUse{ev.At, o, ev})
		}
	}
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
			if one := (versionUse{edge.Site, o, use.write}); !slices.Contains(out, one) {
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
	if Reassigned(fn, bump.object.Root) || e.renewed(fn, bump, send) {
		return false
	}
	call, ok := bump.at.(*ssa.Call)
	return ok && !slices.Contains(e.FailureBlocks(call), send.at.Block()) && !stopsBy(call, send.at)
}

// renewed tells whether the object may get another version, or become another object, between the two requests.
func (e *Effects) renewed(fn *ssa.Function, bump, send versionUse) bool {
	between := func(instr ssa.Instruction) bool {
		return instr != send.at && (instr == bump.at || MayPrecede(bump.at, instr)) && MayPrecede(instr, send.at)
	}
	for _, ev := range e.events[fn] {
		if ev.Object != bump.object || !between(ev.At) {
			continue
		}
		if ev.Kind == Read || ev.Kind == Copy || ev.Kind == Change && (ev.Path == "ResourceVersion" || ev.Path == "" || ev.Path == "ObjectMeta") {
			return true
		}
		if ev.Kind == Write && ev.At != bump.at && ev.Call.WritesInto >= 0 {
			return true // its answer brings the version up to date
		}
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			st, ok := instr.(*ssa.Store)
			if !ok || !between(st) {
				continue
			}
			for _, p := range e.Places(fn, st.Addr) {
				if p.Root == bump.object.Root && overlaps(concat(p.Base, p.Path), bump.object.Base) && holdsPointer(st.Addr.Type()) {
					return true
				}
			}
		}
	}
	return false
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
