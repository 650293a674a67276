// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// PatchType is the format of a patch.
type PatchType string

// The formats of patches.
const (
	MergePatch     PatchType = "merge"
	StrategicPatch PatchType = "strategic"
	JSONPatch      PatchType = "json"
	ApplyPatch     PatchType = "apply"
	UnknownPatch   PatchType = ""
)

// Lock says whether a write can answer 409 Conflict when the object changed since it was read.
type Lock int

// The states of a write's lock.
const (
	// LockUnknown: the code does not show what is sent.
	LockUnknown Lock = iota
	Locked
	Unlocked
)

// Patch is what a patch or apply sends.
type Patch struct {
	Type PatchType
	Lock Lock
	// Base is the object that the difference is made against, as a value in the function of the write; nil if none.
	Base ssa.Value
	// Made is the call that made the patch, such as client.MergeFrom; nil if the write has it from elsewhere.
	Made *ssa.Call
	// Payload is the data of a raw patch.
	Payload ssa.Value
	// Spelled is set when the code shows every field of the data.
	Spelled bool
	// Snapshot is the call that marshalled the base of a difference of texts.
	Snapshot *ssa.Call
	// Force is set for an apply that takes fields from other managers.
	Force bool
	// Manager is the value of the field manager; nil when none is given.
	Manager ssa.Value
}

// patchOf reads the patch argument and the options of a write.
func (e *Effects) patchOf(site ssa.CallInstruction, row *kube.Call) *Patch {
	out := &Patch{}
	switch row.Effect {
	case kube.Patch, kube.PatchStatus, kube.PatchSubresource:
		e.readPatch(site, row, out)
	case kube.Apply, kube.ApplyStatus, kube.ApplySubresource:
		out.Type = ApplyPatch
	case kube.ReadModifyWrite:
		if row.Protection == "none" && row.Closure >= 0 {
			return &Patch{Type: MergePatch, Lock: Unlocked}
		}
		return nil
	default:
		return nil
	}
	e.readOptions(site, out)
	if out.Type == ApplyPatch {
		out.Lock = LockUnknown // the applied object says
	}
	return out
}

func (e *Effects) readPatch(site ssa.CallInstruction, row *kube.Call, out *Patch) {
	fn := site.Parent()
	for i := range site.Common().Args {
		arg := program.Argument(site, i)
		if arg == nil {
			continue
		}
		switch {
		case program.IsNamed(arg.Type(), "k8s.io/apimachinery/pkg/types", "PatchType"):
			out.Type = e.patchType(arg)
		case isBytes(arg.Type()):
			out.Payload = arg
		}
	}
	if out.Payload != nil { // a clientset: Patch(ctx, name, type, data, …)
		out.Lock = e.payloadLock(fn, out.Payload, out.Type)
		return
	}
	patch := program.Argument(site, row.Payload)
	if patch == nil {
		return
	}
	e.madePatch(patch, out)
}

// madePatch follows a client.Patch value to the calls that can have made it.
func (e *Effects) madePatch(patch ssa.Value, out *Patch) {
	first := true
	for _, src := range e.Program.Sources(patch).Values {
		one := e.patchSource(src)
		if first {
			manager, force := out.Manager, out.Force
			*out = one
			out.Manager, out.Force, first = manager, force, false
			continue
		}
		if one.Lock != out.Lock {
			out.Lock = LockUnknown
		}
		if one.Type != out.Type {
			out.Type = UnknownPatch
		}
	}
}

func (e *Effects) patchSource(src ssa.Value) Patch {
	switch x := src.(type) {
	case *ssa.Call:
		row := program.Model(x)
		if row == nil || row.Effect != kube.PatchConstructor {
			return Patch{}
		}
		return e.constructed(x, row)
	case *ssa.UnOp:
		if g, ok := x.X.(*ssa.Global); ok {
			return globalPatch(g)
		}
	}
	return Patch{}
}

// globalPatch knows client.Apply and client.Merge, which send the whole object.
func globalPatch(g *ssa.Global) Patch {
	row := kube.LookupObject(g.Object())
	if row == nil || row.Effect != kube.PatchConstructor {
		return Patch{}
	}
	switch row.PatchType {
	case "apply":
		return Patch{Type: ApplyPatch}
	case "merge":
		return Patch{Type: MergePatch, Lock: Locked} // the object's resourceVersion is in the payload
	}
	return Patch{}
}

// constructed reads client.MergeFrom and its relatives.
func (e *Effects) constructed(call *ssa.Call, row *kube.Call) Patch {
	p := Patch{Type: PatchType(row.PatchType), Made: call, Base: program.Argument(call, row.Object)}
	if row.PatchType == "argument" {
		p.Base, p.Type = nil, UnknownPatch
		for i := range call.Call.Args {
			arg := program.Argument(call, i)
			if arg == nil {
				continue
			}
			if program.IsNamed(arg.Type(), "k8s.io/apimachinery/pkg/types", "PatchType") {
				p.Type = e.patchType(arg)
			}
			if isBytes(arg.Type()) {
				p.Payload = arg
			}
		}
	}
	switch row.Protection {
	case "none":
		p.Lock = Unlocked
	case "rv-if-option":
		p.Lock = e.optionLock(call, row)
	case "by-payload":
		if p.Payload != nil {
			p.Lock = e.payloadLock(call.Parent(), p.Payload, p.Type)
		}
	}
	return p
}

// optionLock looks for the optimistic lock among the options of a patch constructor.
func (e *Effects) optionLock(call *ssa.Call, row *kube.Call) Lock {
	options, ok := program.Variadic(call, row.Options)
	for _, o := range options {
		for _, src := range e.Program.Sources(o).Values {
			if strings.Contains(typeOf(src), "OptimisticLock") || strings.Contains(typeOf(stripped(o)), "OptimisticLock") {
				return Locked
			}
		}
		if strings.Contains(typeOf(stripped(o)), "OptimisticLock") {
			return Locked
		}
	}
	if !ok {
		return LockUnknown
	}
	return Unlocked
}

// typeOf is the name of a type of controller-runtime's client package, or "".
func typeOf(v ssa.Value) string {
	named := program.Named(v.Type())
	if named == nil || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != "sigs.k8s.io/controller-runtime/pkg/client" {
		return ""
	}
	return named.Obj().Name()
}

func (e *Effects) patchType(v ssa.Value) PatchType {
	values, ok := e.Program.String(v)
	if !ok || len(values) != 1 {
		return UnknownPatch
	}
	switch values[0] {
	case "application/merge-patch+json":
		return MergePatch
	case "application/strategic-merge-patch+json":
		return StrategicPatch
	case "application/json-patch+json":
		return JSONPatch
	case "application/apply-patch+yaml", "application/apply-patch+cbor":
		return ApplyPatch
	}
	return UnknownPatch
}

func isBytes(t types.Type) bool {
	s, ok := t.Underlying().(*types.Slice)
	if !ok {
		return false
	}
	b, ok := s.Elem().Underlying().(*types.Basic)
	return ok && b.Kind() == types.Byte
}

// payloadLock reads what the bytes of a raw patch are made from: a resourceVersion, a uid or a test operation in it
// makes the server refuse what does not fit.
func (e *Effects) payloadLock(fn *ssa.Function, payload ssa.Value, kind PatchType) Lock {
	if kind == MergePatch || kind == StrategicPatch {
		if said := e.spelled(payload); said.whole {
			if said.has("metadata", "resourceVersion") {
				return Locked
			}
			return Unlocked
		}
	}
	m := e.Mentions(fn, payload)
	if m.Has("resourceVersion") || m.Has("ResourceVersion") {
		return Locked
	}
	if kind == JSONPatch && m.Word("test") {
		return Locked
	}
	if m.Opaque {
		return LockUnknown
	}
	return Unlocked
}

// readOptions reads field manager and force from the options of a write.
func (e *Effects) readOptions(site ssa.CallInstruction, out *Patch) {
	common := site.Common()
	for _, arg := range common.Args {
		if elements, ok := program.Elements(arg); ok {
			for _, el := range elements {
				e.readOption(el, out)
			}
		}
		if program.IsNamed(arg.Type(), "k8s.io/apimachinery/pkg/apis/meta/v1", "ApplyOptions") || program.IsNamed(arg.Type(), "k8s.io/apimachinery/pkg/apis/meta/v1", "PatchOptions") {
			e.optionFields(arg, out)
		}
	}
}

// optionFields reads manager and force from a struct of options.
func (e *Effects) optionFields(options ssa.Value, out *Patch) {
	if managers, _ := e.Program.FieldOf(options, "FieldManager"); len(managers) > 0 {
		out.Manager = managers[0]
	}
	if force, _ := e.Program.FieldOf(options, "Force"); len(force) > 0 {
		out.Force = out.Force || e.Program.Bool(force[0]).Value
	}
}

func (e *Effects) readOption(option ssa.Value, out *Patch) {
	if boxed, ok := option.(*ssa.MakeInterface); ok && typeOf(boxed.X) == "FieldOwner" {
		out.Manager = boxed.X
		return
	}
	inner := stripped(option)
	switch typeOf(inner) {
	case "PatchOptions", "ApplyOptions", "UpdateOptions", "CreateOptions", "SubResourcePatchOptions":
		e.optionFields(inner, out)
		return
	}
	for _, src := range e.Program.Sources(option).Values {
		if load, ok := src.(*ssa.UnOp); ok && load.Op == token.MUL {
			if g, ok := load.X.(*ssa.Global); ok && g.Pkg != nil && g.Pkg.Pkg.Path() == "sigs.k8s.io/controller-runtime/pkg/client" && g.Name() == "ForceOwnership" {
				out.Force = true
			}
		}
		if typeOf(src) == "FieldOwner" {
			out.Manager = src
		}
	}
}

// SendsAnswered tells whether the difference that a patch sends has a resourceVersion although nobody asked for it: since the base was
// taken, the server has answered another write of the object, and the answer has a new one.
func (s *Story) SendsAnswered() bool {
	if len(s.Write.Base) == 0 {
		return false
	}
	return slices.ContainsFunc(s.Events, func(ev *Event) bool {
		return ev.Kind == Write && ev != s.Write && ev.Call.WritesInto >= 0 && ev.Object == s.Write.Object && !ev.Partial && MustPrecede(ev.At, s.Write.At) &&
			!slices.ContainsFunc(s.e.Events(s.Func), func(taken *Event) bool {
				return (taken.Kind == Copy || taken.Kind == Read) && s.isBase(taken.Object) && !MustPrecede(taken.At, ev.At)
			})
	})
}
