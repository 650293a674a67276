// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Repeated is an owner reference that is added to those of an object without a look at them.
type Repeated struct {
	Story *Story
	Add   *Event
}

// RepeatedReferences returns the appends to the owner references of objects that exist, where nothing on the way looks
// whether the reference is there; one for each append, in source order.
func (e *Effects) RepeatedReferences() []Repeated {
	var out []Repeated
	told := make(map[ssa.Instruction]bool)
	for _, s := range e.Stories() {
		if !sendsMain(s) || e.madeHere(s) {
			continue
		}
		for _, ch := range s.Changes() {
			if ch.Path == "OwnerReferences" && !told[ch.Origin] && e.extends(ch) && !e.looked(s, ch) {
				told[ch.Origin] = true
				out = append(out, Repeated{Story: s, Add: ch})
			}
		}
	}
	return out
}

// sendsMain tells whether a write changes the object itself and sends the whole list.
func sendsMain(s *Story) bool {
	switch s.Write.Call.Effect {
	case kube.Update:
		return true
	case kube.Patch:
		return s.Write.Patch != nil && s.Write.Patch.Type != ApplyPatch
	}
	return false
}

// madeHere tells whether the written object is a new one: what is appended is all that its list holds.
func (e *Effects) madeHere(s *Story) bool {
	_, local := s.Write.Root.(*ssa.Alloc)
	return local && len(s.Reads()) == 0 || bornOfCall(s.Write.Root) && e.madeWithin(s.Write.Root, 0)
}

// bornOfCall tells whether a call gives an object.
func bornOfCall(root ssa.Value) bool {
	switch x := root.(type) {
	case *ssa.Call:
		return true
	case *ssa.Extract:
		_, ok := x.Tuple.(*ssa.Call)
		return ok
	}
	return false
}

// extends tells whether a change sets a list to itself and one more.
func (e *Effects) extends(ch *Event) bool {
	var set ssa.Value
	switch x := ch.Origin.(type) {
	case *ssa.Store:
		set = x.Val
	case ssa.CallInstruction:
		set = program.Argument(x, 0)
	}
	call, ok := set.(*ssa.Call)
	if !ok {
		return false
	}
	if b, isBuiltin := call.Call.Value.(*ssa.Builtin); !isBuiltin || b.Name() != "append" {
		return false
	}
	return ownReferences(call.Call.Args[0]) != nil
}

// ownReferences returns the object whose owner references v is; nil if it is something else.
func ownReferences(v ssa.Value) ssa.Value {
	switch x := v.(type) {
	case *ssa.UnOp:
		if f, ok := x.X.(*ssa.FieldAddr); ok {
			if name, _ := fieldOf(f.X.Type(), f.Field); name == "OwnerReferences" {
				return f.X
			}
		}
	case *ssa.Call:
		if t := program.Target(x); t != nil && t.Name() == "GetOwnerReferences" {
			return program.Receiver(x)
		}
	}
	return nil
}

// looked tells whether a condition before an append, or the code of a function on the way to it, looks at owner references.
func (e *Effects) looked(s *Story, ch *Event) bool {
	if slices.ContainsFunc(ch.Guards().Places, func(p Place) bool { return s.Kin(p.Object) && overlaps(p.Path, "OwnerReferences") }) {
		return true
	}
	fns := []*ssa.Function{ch.Func()}
	for _, site := range ch.Chain {
		fns = append(fns, site.Parent())
	}
	return slices.ContainsFunc(fns, func(fn *ssa.Function) bool { return e.looksAtOwners(fn, 2) }) || e.lookedBefore(s.Func)
}

// lookedBefore tells whether every caller of a function asks for owner references first: a helper that is called when there is none.
func (e *Effects) lookedBefore(fn *ssa.Function) bool {
	asked := 0
	for _, edge := range e.Program.Callers(fn) {
		if e.Program.InTest(edge.Caller()) {
			continue
		}
		guards := e.GuardsOf(edge.Site)
		looks := slices.ContainsFunc(guards.Places, func(p Place) bool { return p.Path != "" && overlaps(p.Path, "OwnerReferences") }) ||
			slices.ContainsFunc(guards.Calls, func(call *ssa.Call) bool {
				return slices.ContainsFunc(e.Program.Static(call), func(callee *ssa.Function) bool { return e.looksAtOwners(callee, 1) })
			})
		if !looks {
			return false
		}
		asked++
	}
	return asked > 0
}

// looksAtOwners tells whether a function, or one that it calls, reads owner references for another purpose than to extend them.
func (e *Effects) looksAtOwners(fn *ssa.Function, depth int) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if v, ok := instr.(ssa.Value); ok && ownReferences(v) != nil && !onlyExtended(v) {
				return true
			}
			site, ok := instr.(ssa.CallInstruction)
			if !ok {
				continue
			}
			if asksForOwner(program.Target(site)) {
				return true
			}
			for _, callee := range e.Program.Static(site) {
				if depth > 0 && e.looksAtOwners(callee, depth-1) {
					return true
				}
			}
		}
	}
	return false
}

// onlyExtended tells whether a list is only what append is given first.
func onlyExtended(list ssa.Value) bool {
	return !slices.ContainsFunc(*list.Referrers(), func(ref ssa.Instruction) bool {
		call, ok := ref.(*ssa.Call)
		if !ok {
			return true
		}
		b, isBuiltin := call.Call.Value.(*ssa.Builtin)
		return !isBuiltin || b.Name() != "append" || call.Call.Args[0] != list
	})
}

// asksForOwner knows the functions of the libraries that look for an owner.
func asksForOwner(t *types.Func) bool {
	if t == nil || t.Pkg() == nil {
		return false
	}
	switch t.Pkg().Path() {
	case metaPath:
		return slices.Contains([]string{"IsControlledBy", "GetControllerOf", "GetControllerOfNoCopy"}, t.Name())
	case "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil":
		return slices.Contains([]string{"HasOwnerReference", "HasControllerReference", "SetControllerReference", "SetOwnerReference"}, t.Name())
	}
	return false
}
