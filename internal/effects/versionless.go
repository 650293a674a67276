// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Versionless is an update that sends an object which is also what is created when there is none, and so has no version.
type Versionless struct {
	Func           *ssa.Function
	Create, Update *Event
	// Look is the read of the stored object, whose version is not taken over; nil if there is none.
	Look *Event
	// Refused is set when the object can be a custom resource: the server refuses updates of such without a version.
	Refused bool
	// Merged is what the sent object takes over from the stored one, which others write, too; nil if there is nothing.
	Merged *Event
}

// VersionlessUpdates returns the updates that can only succeed unconditionally, or never, in source order.
func (e *Effects) VersionlessUpdates() []Versionless {
	var out []Versionless
	for fn := range e.reviewed() {
		told := make(map[ssa.Instruction]bool)
		for _, w := range e.Events(fn) {
			if w.Kind != Write || w.Call.Effect != kube.Update || w.Root == nil || told[w.Origin] || e.reassigned(fn, w.Root) {
				continue
			}
			if v, ok := e.versionless(fn, w); ok {
				told[w.Origin] = true
				out = append(out, v)
			}
		}
	}
	return out
}

func (e *Effects) versionless(fn *ssa.Function, w *Event) (Versionless, bool) {
	v := Versionless{Func: fn, Update: w}
	for _, ev := range e.lifeOf(fn, w) {
		switch {
		case (ev.Kind == Copy || ev.Kind == Change && ev.Path == "") && e.fromLiteral(ev):
		case ev.Kind == Read || ev.Kind == Copy:
			return v, false // it has, or may have, the version of what is stored
		case ev.Kind == Change && (ev.Path == "ResourceVersion" || ev.Path == "" || ev.Path == "ObjectMeta"):
			return v, false
		case ev.Kind == Write && ev.Call.Effect == kube.Create && e.insteadOf(ev, w):
			v.Create = ev
		}
	}
	if v.Create == nil || e.changedUnseen(w.Root, v.Create, w) || !e.madeAnew(fn, w) || spellsVersion(fn) {
		return v, false // nothing shows that it has no version
	}
	v.Look = e.lookBefore(fn, w)
	if call, ok := v.Create.At.(*ssa.Call); v.Look == nil && !readsBefore(fn, w) && !(ok && slices.Contains(e.FailureBlocks(call), w.At.Block())) {
		return v, false // nothing asks whether there is one: create and update are for different objects
	}
	v.Refused = e.maybeCustom(w)
	v.Merged = e.mergedFrom(fn, w, v.Look)
	return v, v.Refused || v.Merged != nil
}

// spellsVersion tells whether a function writes a version under its name on the wire, as unstructured objects have it.
func spellsVersion(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if update, ok := instr.(*ssa.MapUpdate); ok {
				if key, ok := update.Key.(*ssa.Const); ok && key.Value != nil && key.Value.Kind() == constant.String && constant.StringVal(key.Value) == "resourceVersion" {
					return true
				}
			}
		}
	}
	return false
}

// fromLiteral tells whether an object gets the value of a literal that names no version, or is what an own function returns: what
// that one does with it are events of their own.
func (e *Effects) fromLiteral(ev *Event) bool {
	if call, ok := ev.Origin.(*ssa.Call); ok && ev.Kind == Copy {
		return copiedBy(call) == nil && len(e.Program.Static(call)) == 1
	}
	load, ok := storedValue(ev.Origin).(*ssa.UnOp)
	if !ok {
		return false
	}
	literal, ok := load.X.(*ssa.Alloc)
	return ok && !e.readInto(literal.Parent(), literal) && namesNoVersion(literal)
}

// namesNoVersion tells whether a struct is made field by field, and its resourceVersion is not among these.
func namesNoVersion(at ssa.Value) bool {
	for _, ref := range *at.Referrers() {
		switch x := ref.(type) {
		case *ssa.Store:
			if x.Addr != at {
				return false
			}
			load, ok := x.Val.(*ssa.UnOp)
			if !ok {
				return false
			}
			if literal, isAlloc := load.X.(*ssa.Alloc); !isAlloc || !namesNoVersion(literal) {
				return false
			}
		case *ssa.FieldAddr:
			switch program.FieldName(x.X.Type(), x.Field) {
			case "ResourceVersion":
				return false
			case "ObjectMeta":
				if !namesNoVersion(x) {
					return false
				}
			}
		case *ssa.UnOp, *ssa.DebugRef:
		default:
			return false // handed on
		}
	}
	return true
}

// madeAnew tells whether an object is made by own code wherever it is seen to come from, and not read, or copied from one that may
// have been.
func (e *Effects) madeAnew(fn *ssa.Function, w *Event) bool {
	site, ok := w.At.(ssa.CallInstruction)
	if !ok || !e.madeWithin(w.Root, 0) {
		return false
	}
	return !slices.ContainsFunc(site.Common().Args, func(arg ssa.Value) bool { // a variable may hold others as well
		names := slices.ContainsFunc(e.Places(fn, arg), func(p Place) bool { return p.Root == w.Root && p.Path == "" })
		return names && !e.madeWithin(arg, 0)
	})
}

func (e *Effects) madeWithin(root ssa.Value, depth int) bool {
	src := e.Program.SourcesUntil(root, func(v ssa.Value) bool { return copiedBy(v) != nil })
	return depth <= 3 && !src.Partial && len(src.Values) > 0 && !slices.ContainsFunc(src.Values, func(v ssa.Value) bool {
		if from := copiedBy(v); from != nil {
			return !e.madeWithin(from, depth+1)
		}
		switch x := v.(type) {
		case *ssa.Const, *ssa.Parameter: // nil, or out of sight
			return false
		case *ssa.Alloc:
			return e.readInto(x.Parent(), x)
		}
		return true
	})
}

// copiedBy returns what a call copies; nil for other values.
func copiedBy(v ssa.Value) ssa.Value {
	call, ok := v.(*ssa.Call)
	if !ok {
		return nil
	}
	if t := program.Target(call); t == nil || t.Name() != "DeepCopy" && t.Name() != "DeepCopyObject" {
		return nil
	}
	return program.Receiver(call)
}

// readsBefore tells whether a function asks for an object before a write, and drops the answer perhaps.
func readsBefore(fn *ssa.Function, w *Event) bool {
	for site := range program.Sites(fn) {
		if row := program.Model(site); row != nil && row.Effect.IsRead() && MustPrecede(site, w.At) {
			return true
		}
	}
	return false
}

// reassigned tells whether a variable is given more than one object: in fn, or, where a closure has it from around, anywhere.
func (e *Effects) reassigned(fn *ssa.Function, root ssa.Value) bool {
	if free, ok := root.(*ssa.FreeVar); ok {
		return len(e.Program.StoredAt(free)) > 1
	}
	return Reassigned(fn, root)
}

// insteadOf tells whether a create and an update of one object exclude each other: one is made when there is no such object,
// the other when there is, or when the create has found that there is.
func (e *Effects) insteadOf(create, update *Event) bool {
	call, ok := create.At.(*ssa.Call)
	if !ok || create.At == update.At || SameLoop(create.At, update.At) {
		return false
	}
	return !MayPrecede(create.At, update.At) || slices.Contains(e.FailureBlocks(call), update.At.Block())
}

// lookBefore returns a read of the same kind, into another object, that comes before an update.
func (e *Effects) lookBefore(fn *ssa.Function, w *Event) *Event {
	kind, known := kube.KindOf(w.Type)
	for _, ev := range e.Events(fn) {
		if ev.Kind != Read || ev.Root == w.Root || !MustPrecede(ev.At, w.At) {
			continue
		}
		if k, ok := kube.KindOf(ev.Type); !known || !ok || k.Same(kind) {
			return ev
		}
	}
	return nil
}

// maybeCustom tells whether an update can be one of a custom resource: its type is none of Kubernetes' own, or it is Unstructured,
// or an interface that holds such.
func (e *Effects) maybeCustom(w *Event) bool {
	custom := func(t types.Type) bool {
		k, ok := kube.KindOf(t)
		return ok && !k.BuiltIn() && !k.List && k.Form != kube.ApplyConfiguration
	}
	if !types.IsInterface(w.Type) {
		return custom(w.Type)
	}
	held, _ := e.Program.HeldTypes(program.Argument(w.Origin.(ssa.CallInstruction), w.Call.Object))
	return slices.ContainsFunc(held, custom)
}

// mergedFrom returns a change of the sent object that takes over labels, annotations, owners or finalizers of the stored one.
func (e *Effects) mergedFrom(fn *ssa.Function, w, look *Event) *Event {
	if look == nil {
		return nil
	}
	copied := func(p Place) bool {
		return p.Root != nil && slices.ContainsFunc(e.kin(fn, p.Object), func(o Object) bool { return o.Root == look.Root })
	}
	for _, ch := range e.lifeOf(fn, w) {
		switch ch.Path {
		case "Labels", "Annotations", "OwnerReferences", "Finalizers", "Labels[]", "Annotations[]":
			if ch.Kind == Change && slices.ContainsFunc(ch.Deps().Places, copied) {
				return ch
			}
		}
	}
	return nil
}
