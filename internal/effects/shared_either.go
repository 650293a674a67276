// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// eitherWay tells whether a change of a variable is made whatever the variable holds, and the objects that it holds besides the
// shared one were made by hand, no copies: what was not found is made, and then both are filled in alike.
func (e *Effects) eitherWay(fn *ssa.Function, change ssa.Instruction, others []ssa.Value) bool {
	for _, other := range others {
		if !e.madeByHand(fn, other, 0) {
			return false
		}
	}
	phi := changedVariable(change)
	return phi != nil && len(Conditions(phi.Block())) == len(Conditions(change.Block()))
}

// makerDepth bounds the own functions that an object is handed up through after it was made.
const makerDepth = 3

// madeByHand tells whether an object was made field by field, here or by an own function that returns it: no copy, nothing that
// was read.
func (e *Effects) madeByHand(fn *ssa.Function, v ssa.Value, depth int) bool {
	result := 0
	switch x := v.(type) {
	case *ssa.Alloc:
		return !slices.ContainsFunc(e.Events(fn), func(ev *Event) bool { return (ev.Kind == Copy || ev.Kind == Read) && ev.Root == x })
	case *ssa.Extract:
		v, result = x.Tuple, x.Index
	}
	call, ok := v.(*ssa.Call)
	if !ok || depth == makerDepth {
		return false
	}
	callees := e.Program.Static(call)
	for _, callee := range callees {
		for _, b := range callee.Blocks {
			ret, ok := last(b).(*ssa.Return)
			if !ok || program.IsNil(ret.Results[result]) {
				continue
			}
			for _, p := range e.Places(callee, ret.Results[result]) {
				if concat(p.Base, p.Path) != "" || !e.madeByHand(callee, p.Root, depth+1) {
					return false
				}
			}
		}
	}
	return len(callees) > 0
}

// changedVariable returns the choice between objects that a change goes to a field of, or that a call which changes it is given;
// nil if there is none.
func changedVariable(change ssa.Instruction) *ssa.Phi {
	var at ssa.Value
	switch x := change.(type) {
	case *ssa.Store:
		at = x.Addr
	case *ssa.MapUpdate:
		at = x.Map
	case *ssa.Call:
		for _, arg := range x.Call.Args {
			if phi, ok := stripped(arg).(*ssa.Phi); ok && isPointer(phi.Type()) {
				at = phi
			}
		}
	}
	for {
		switch x := at.(type) {
		case *ssa.FieldAddr:
			at = x.X
		case *ssa.UnOp:
			at = x.X
		case *ssa.Phi:
			return x
		default:
			return nil
		}
	}
}

// filtersEvents knows predicates by their shape: a method for one kind of event that says whether it matters.
func filtersEvents(fn *ssa.Function) bool {
	sig := fn.Signature
	if sig.Recv() == nil || sig.Params().Len() != 1 || sig.Results().Len() != 1 || !isBool(sig.Results().At(0).Type()) || len(fn.Blocks) == 0 {
		return false
	}
	return slices.Contains([]string{"Create", "Update", "Delete", "Generic"}, fn.Name()) && isEvent(sig.Params().At(0).Type())
}

func isEvent(t types.Type) bool {
	named := program.Named(t)
	return named != nil && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "sigs.k8s.io/controller-runtime/pkg/event"
}

// answered returns the requests of a function whose client writes the server's answer into the object that it is given, to send or to
// fill, as changes of that object.
func (e *Effects) answered(fn *ssa.Function) []*Event {
	var out []*Event
	for _, ev := range e.Events(fn) {
		if ev.Kind == Read && ev.Root != nil && ev.Call != nil && ev.Call.WritesInto >= 0 && isPointer(ev.Root.Type()) && !e.withoutCopy(ev) {
			one := *ev
			one.Kind, one.Path = Change, "the whole"
			out = append(out, &one)
		}
		if ev.Kind == Write && ev.Root != nil && ev.Call.WritesInto >= 0 && ev.Call.WritesInto == ev.Call.Object && ev.Call.Effect != kube.Create && !ev.Partial {
			one := *ev
			one.Kind, one.Path = Change, "the whole"
			out = append(out, &one)
		}
	}
	return out
}

// kept returns the labels or annotations of an object that a getter hands out as they are. Those of Unstructured are copies, and
// what an interface holds is known only of what informers hand in.
func (pl *placer) kept(call *ssa.Call) []Place {
	target, recv := program.Target(call), program.Receiver(call)
	if target == nil || recv == nil || target.Name() != "GetAnnotations" && target.Name() != "GetLabels" || !isStringMap(call.Type()) {
		return nil
	}
	places := pl.of(recv)
	switch {
	case types.IsInterface(recv.Type()):
		if len(places) != 1 || !isEvent(places[0].Root.Type()) {
			return nil
		}
	case program.IsNamed(recv.Type(), "k8s.io/apimachinery/pkg/apis/meta/v1", "ObjectMeta"):
	default:
		return nil
	}
	return extend(places, target.Name()[len("Get"):])
}
