// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ReachesAnswer tells whether the NotFound of a read comes up to an entry point of a kind and refuses what was asked: the
// read is in one itself, or the error is neither dropped nor asked for what it is on some way there.
func (e *Effects) ReachesAnswer(r Refusal, kind program.EntryKind) bool {
	fn := r.Read.Func()
	if en := e.entryOf(fn); en != nil && en.Kind == kind {
		return !e.letsPass(r.Read.Origin)
	}
	for _, edge := range e.Program.Callers(fn) {
		if e.Program.InTest(edge.Caller()) {
			continue
		}
		for _, fate := range e.ErrorFates(edge.Site) {
			if fate.Entry != nil && fate.Entry.Kind == kind && !slices.ContainsFunc(fate.Path, e.asksWhetherMissing) && !e.letsPass(fate.Path[0]) {
				return true
			}
		}
	}
	return false
}

// letsPass tells whether a webhook answers yes when a call fails: it sets Allowed, so that its own trouble stops nobody.
func (e *Effects) letsPass(at ssa.Instruction) bool {
	call, ok := at.(*ssa.Call)
	if !ok {
		return false
	}
	for _, b := range e.FailureBlocks(call) {
		for _, instr := range b.Instrs {
			if store, ok := instr.(*ssa.Store); ok && saysYes(store.Val) {
				if addr, ok := store.Addr.(*ssa.FieldAddr); ok {
					if name, _ := fieldOf(addr.X.Type(), addr.Field); name == "Allowed" {
						return true
					}
				}
			}
		}
	}
	return false
}

func saysYes(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.Value != nil && c.Value.Kind() == constant.Bool && constant.BoolVal(c.Value)
}

func (e *Effects) asksWhetherMissing(site ssa.CallInstruction) bool {
	call, ok := site.(*ssa.Call)
	if !ok {
		return false
	}
	_, filtered := e.notFoundTest(call)
	return filtered
}

// ThereBefore tells whether what a read asks for must have been there for a while when somebody can ask for it: the object
// that a request names, outside of its creation, and objects that controllers make under names that nobody knows before.
func (e *Effects) ThereBefore(r Refusal) bool {
	if k, ok := kube.KindOf(r.Read.Type); ok && k.BuiltIn() && madeByControllers[k.Name] {
		return true
	}
	fn := r.Read.Func()
	if site, ok := r.Read.Origin.(ssa.CallInstruction); ok {
		if key := program.Argument(site, r.Read.Call.Key); key != nil && (namesRequested(e.DepsOf(fn, key)) || e.namedInCache(fn, key, 0)) {
			return true
		}
	}
	entries := e.Program.EntriesOf(fn)
	for _, en := range entries {
		name := en.Func.Name()
		if en.Kind == program.EntryWebhook && name != "ValidateUpdate" && name != "ValidateDelete" {
			return false
		}
	}
	return len(entries) > 0
}

// namedInCache tells whether a key is made of nothing but what objects say that were read from the cache: who named it there has
// had the time to make it.
func (e *Effects) namedInCache(fn *ssa.Function, v ssa.Value, depth int) bool {
	if p, one := e.Place(fn, v); one && e.readOf(fn, p.Root) == nil && e.givenFromCache(p.Root, depth) {
		return true
	}
	found := false
	for _, p := range e.DepsOf(fn, v).Places {
		switch root := p.Root.(type) {
		case *ssa.Parameter:
			if read := e.readOf(fn, root); read == nil {
				if concat(p.Base, p.Path) == "" && depth == 0 || !e.callersNameInCache(fn, root, depth) {
					return false
				}
				found = true
				continue
			}
		case *ssa.Alloc:
			if e.readOf(fn, root) == nil {
				continue // the key itself
			}
		case *ssa.Call:
			if isAppend(root) {
				if slice, ok := root.Call.Args[1].(*ssa.Slice); ok && !slices.ContainsFunc(elementsOf(slice.X), func(elem ssa.Value) bool { return !e.namedInCache(fn, elem, depth) }) {
					found = true
					continue
				}
			}
		}
		read := e.readOf(fn, p.Root)
		if read == nil {
			return false
		}
		if fresh, _ := e.Freshness(read); fresh != program.Cached {
			return false
		}
		found = true
	}
	return found
}

// callersNameInCache tells whether all callers that a webhook leads to give a parameter what objects of the cache say.
func (e *Effects) callersNameInCache(fn *ssa.Function, param *ssa.Parameter, depth int) bool {
	found := false
	for _, edge := range e.Program.Callers(fn) {
		if e.Program.InTest(edge.Caller()) || !e.askedByWebhook(edge.Caller()) {
			continue
		}
		if arg := program.ArgumentFor(edge, paramIndex(fn, param)); arg == nil || depth == 2 || !e.namedInCache(edge.Caller(), arg, depth+1) {
			return false
		}
		found = true
	}
	return found
}

// askedByWebhook tells whether a webhook leads to a function.
func (e *Effects) askedByWebhook(fn *ssa.Function) bool {
	return slices.ContainsFunc(e.Program.EntriesOf(fn), func(en *program.Entry) bool { return en.Kind == program.EntryWebhook })
}

// givenFromCache tells whether a value is what an own function gives of what it has read from the cache.
func (e *Effects) givenFromCache(v ssa.Value, depth int) bool {
	result := 0
	if ex, ok := v.(*ssa.Extract); ok {
		v, result = ex.Tuple, ex.Index
	}
	call, ok := v.(*ssa.Call)
	if !ok || depth == 2 {
		return false
	}
	found := false
	for _, callee := range e.Program.Static(call) {
		for _, b := range callee.Blocks {
			ret, ok := last(b).(*ssa.Return)
			if !ok || result >= len(ret.Results) || program.IsNil(ret.Results[result]) {
				continue
			}
			if !e.namedInCache(callee, ret.Results[result], depth+1) {
				return false
			}
			found = true
		}
	}
	return found
}

// readOf returns the read that fills an object in a function.
func (e *Effects) readOf(fn *ssa.Function, root ssa.Value) *Event {
	i := slices.IndexFunc(e.Events(fn), func(ev *Event) bool { return ev.Kind == Read && ev.Root == root })
	if i < 0 {
		return nil
	}
	return e.Events(fn)[i]
}

// madeByControllers are built-in kinds whose objects get their names from the controller that makes them.
var madeByControllers = map[string]bool{"ControllerRevision": true, "ReplicaSet": true, "EndpointSlice": true, "Event": true}

// namesRequested tells whether a key is made of the name in an admission request, or in the subresource that it changes.
func namesRequested(d Deps) bool {
	for _, p := range d.Places {
		named := program.Named(p.Root.Type())
		if named == nil || named.Obj().Pkg() == nil {
			continue
		}
		switch named.Obj().Pkg().Path() {
		case "k8s.io/api/autoscaling/v1": // a Scale has the name of the object that it is a part of
			if path := concat(p.Base, p.Path); named.Obj().Name() == "Scale" && strings.HasSuffix(path, "Name") {
				return true
			}
		case "sigs.k8s.io/controller-runtime/pkg/webhook/admission", "k8s.io/api/admission/v1", "k8s.io/api/admission/v1beta1":
			if path := concat(p.Base, p.Path); path == "Name" || strings.HasSuffix(path, ".Name") {
				return true
			}
		}
	}
	return false
}
