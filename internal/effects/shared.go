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

// Shared is an object that the function did not get as a copy: it is the one that an informer keeps for all its readers.
type Shared struct {
	// Root is the value that names it: what a lister or a store returned, or a parameter of an informer's callback.
	Root ssa.Value
	// At is where the function gets it.
	At ssa.Instruction
	// Asked is the call that reads it, where a helper does.
	Asked ssa.CallInstruction
	// Handed is set when the informer hands it in.
	Handed bool
	// From says where it comes from, for a sentence.
	From string
	// List is set when Root is a list of such objects: the list itself belongs to the function, its elements do not.
	List bool
	// Shallow is set when Root is a copy by assignment: its fields belong to the function, what slices and maps hold does not.
	Shallow bool
}

// SharedChange is a change of a shared object.
type SharedChange struct {
	Shared Shared
	Change *Event
	// Func is the function that gets the object.
	Func *ssa.Function
}

// SharedChanges returns the changes of objects that informers share, in source order of the functions that get them.
// What a helper does to the object before it hands it out is the helper's. A change counts only where the changed object can be no other than the shared one.
func (e *Effects) SharedChanges() []SharedChange {
	var out []SharedChange
	for _, fn := range e.Program.Funcs {
		for _, sh := range e.sharedIn(fn) {
			for _, ev := range slices.Concat(e.Events(fn), e.answered(fn)) {
				if (ev.Kind == Change || ev.Kind == Borrow) && sh.holds(ev) && (sh.Handed || ev.At != sh.At) && e.certain(fn, ev) && !(sh.Shallow && e.ownByThen(fn, ev)) {
					out = append(out, SharedChange{Shared: sh, Change: ev, Func: fn})
				}
			}
		}
	}
	return out
}

// holds tells whether a change goes to a part of the shared object.
func (sh Shared) holds(ev *Event) bool {
	if ev.Root != sh.Root || ev.Path == "" {
		return false
	}
	if sh.Shallow {
		return strings.Contains(ev.Path, "[]")
	}
	if sh.List {
		return strings.HasPrefix(ev.Object.Base, "[]") || strings.HasPrefix(ev.Path, "[].")
	}
	return true
}

// certain tells whether a change has one object only, in fn and in each function that leads to it: a variable that holds a
// copy on some paths may hold it here.
func (e *Effects) certain(fn *ssa.Function, ev *Event) bool {
	if !e.oneObject(fn, ev, ev.At) {
		return false
	}
	for i, site := range ev.Chain {
		at := ev.Origin
		if i+1 < len(ev.Chain) {
			at = ev.Chain[i+1]
		}
		for _, edge := range e.Program.Callees(site) {
			if edge.Callee == at.Parent() && !e.oneObject(edge.Callee, ev, at) {
				return false
			}
		}
	}
	return true
}

// oneObject tells whether a change has one object in the terms of fn, where it is made at an instruction: of several, all are
// shared, or the others were made here.
func (e *Effects) oneObject(fn *ssa.Function, change *Event, at ssa.Instruction) bool {
	origin, borrows := change.Origin, change.Kind == Borrow
	var roots []ssa.Value
	for _, ev := range e.Events(fn) {
		if (ev.Kind == Borrow) == borrows && (borrows || ev.Kind == Change || ev.Kind == Write) && ev.Origin == origin && ev.At == at && !slices.Contains(roots, ev.Root) {
			roots = append(roots, ev.Root)
		}
	}
	if len(roots) < 2 {
		return true
	}
	rest := slices.DeleteFunc(roots, func(root ssa.Value) bool {
		return slices.ContainsFunc(e.sharedIn(fn), func(sh Shared) bool { return sh.Root == root && !sh.Shallow })
	})
	return len(rest) == 0 || e.eitherWay(fn, at, rest)
}

// sharedIn returns the shared objects that fn gets itself.
func (e *Effects) sharedIn(fn *ssa.Function) []Shared {
	if known, ok := e.shared[fn]; ok {
		return known
	}
	e.shared[fn] = nil // a recursive call adds nothing
	out := e.findShared(fn)
	e.shared[fn] = slices.Clip(out)
	return out
}

func (e *Effects) findShared(fn *ssa.Function) []Shared {
	var out []Shared
	for _, ev := range e.Events(fn) {
		if ev.Kind != Read || ev.Call == nil || ev.Root == nil || ev.Origin != ev.At && !e.passedUp(ev) {
			continue
		}
		if ev.Call.Shared {
			asked, _ := ev.Origin.(ssa.CallInstruction)
			out = append(out, Shared{Root: ev.Root, At: ev.At, Asked: asked, From: "what " + readerName(ev) + " returns", List: isSlice(ev.Root.Type())})
		} else if e.withoutCopy(ev) {
			out = append(out, Shared{Root: ev.Root, At: ev.At, From: "what is read with UnsafeDisableDeepCopy"})
		}
	}
	out = append(append(out, e.handedIn(fn)...), e.listedTo(fn)...)
	out = append(out, e.handedOut(fn, out)...)
	out = append(out, e.appended(fn, out)...)
	return append(out, e.shallowCopies(fn, out)...)
}

// listedTo returns the parameter of a function that a list of an informer's store calls for each object.
func (e *Effects) listedTo(fn *ssa.Function) []Shared {
	for _, edge := range e.Program.Callers(fn) {
		row := program.Model(edge.Site)
		if row == nil || !row.Shared || !row.Effect.IsRead() || edge.Arg < 0 || program.Argument(edge.Site, row.Closure) != edge.Site.Common().Args[edge.Arg] {
			continue
		}
		for _, param := range fn.Params[len(fn.Params)-fn.Signature.Params().Len():] {
			if e.informs(param.Type()) {
				return []Shared{{Root: param, At: edge.Site, From: "what " + row.Name + " hands to " + program.Name(fn)}}
			}
		}
	}
	return nil
}

// handedIn returns the parameters of an informer's callback that hold its objects.
func (e *Effects) handedIn(fn *ssa.Function) []Shared {
	entry := e.Program.EntryAt(fn)
	informed := entry != nil && entry.Kind == program.EntryInformer && !isTransform(fn.Signature)
	if !informed && !filtersEvents(fn) && !e.indexes(fn) {
		return nil
	}
	var out []Shared
	for i, param := range fn.Params {
		if i == 0 && fn.Signature.Recv() != nil {
			continue
		}
		if e.informs(param.Type()) {
			out = append(out, Shared{Root: param, At: fn.Blocks[0].Instrs[0], Handed: true, From: "what the informer hands to " + program.Name(fn)})
		}
	}
	return out
}

// indexes tells whether a function computes the keys under which an informer's store keeps an object.
func (e *Effects) indexes(fn *ssa.Function) bool {
	if e.indexed == nil {
		e.indexed = make(map[*ssa.Function]bool)
		for _, index := range e.Program.Indexes() {
			e.indexed[index.Func] = true
		}
	}
	return e.indexed[fn]
}

// informs tells whether a parameter of that type carries an informer's object: any, an object, or an event about one.
func (e *Effects) informs(t types.Type) bool {
	if iface, ok := t.Underlying().(*types.Interface); ok {
		version, _, _ := types.LookupFieldOrMethod(t, true, nil, "GetResourceVersion")
		return iface.NumMethods() == 0 || version != nil // client.Object, metav1.Object
	}
	if e.isObject(t) {
		return true
	}
	named := program.Named(t)
	return named != nil && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "sigs.k8s.io/controller-runtime/pkg/event"
}

// isTransform knows transform functions, func(any) (any, error): they run before the object is stored, on purpose.
func isTransform(sig *types.Signature) bool {
	return sig.Results().Len() == 2 && types.IsInterface(sig.Results().At(0).Type())
}

// withoutCopy tells whether a read is told to hand out the cache's own objects.
func (e *Effects) withoutCopy(ev *Event) bool {
	site, ok := ev.Origin.(ssa.CallInstruction)
	if !ok || ev.Call.Effect == kube.ReadLive {
		return false
	}
	options, _ := program.Variadic(site, ev.Call.Options)
	for _, opt := range options {
		if program.IsNamed(stripped(opt).Type(), "sigs.k8s.io/controller-runtime/pkg/client", "UnsafeDisableDeepCopyOption") {
			return true
		}
	}
	return false
}

// readerName names a read for a sentence: ConfigMapLister.Get.
func readerName(ev *Event) string {
	if site, ok := ev.Origin.(ssa.CallInstruction); ok {
		if recv := program.Receiver(site); recv != nil {
			if named := program.Named(recv.Type()); named != nil {
				return named.Obj().Name() + "." + ev.Call.Name
			}
		}
		if target := program.Target(site); target != nil {
			return target.Name()
		}
	}
	return "the cache"
}

func isSlice(t types.Type) bool {
	_, ok := t.Underlying().(*types.Slice)
	return ok
}
