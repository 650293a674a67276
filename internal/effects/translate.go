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

// through adds the events of a callee that the caller can see: those on its arguments, captured variables and results.
func (g *gatherer) through(edge program.Edge, row *kube.Call) {
	inner := g.e.gather(edge.Callee)
	if len(inner) == 0 {
		return
	}
	results := g.results(edge)
	t := &translation{g: g, edge: edge, results: results}
	for _, ev := range inner {
		if len(ev.Chain) >= maxChain || (ev.Kind == Change || ev.Kind == Borrow) && isCopier(edge.Callee) {
			continue
		}
		for _, moved := range t.event(ev) {
			if g.imported++; g.imported > maxEvents {
				return
			}
			if row != nil && row.Effect == kube.RetryOnConflict && moved.Retry == nil {
				moved.Retry = edge.Site
			}
			moved.Spawned = moved.Spawned || edge.How == program.Starts
			g.add(moved)
		}
	}
	t.known = nil
}

// isCopier tells whether a function is one of the generated kind that copies objects: what it assigns is no change.
func isCopier(fn *ssa.Function) bool {
	return fn.Signature.Recv() != nil && (fn.Name() == "DeepCopyInto" || fn.Name() == "DeepCopy")
}

// results maps objects that the callee returns to the caller's values for them.
func (g *gatherer) results(edge program.Edge) map[Object]ssa.Value {
	call, ok := edge.Site.(*ssa.Call)
	if !ok || edge.Arg >= 0 {
		return nil
	}
	out := make(map[Object]ssa.Value)
	for _, o := range g.e.returnedBy(edge.Callee) {
		value := resultValue(call, o.result, edge.Callee.Signature.Results().Len())
		if value == nil {
			continue
		}
		keep(out, o.Object, value)
		if strings.HasSuffix(o.Base, "Items") {
			keep(out, Object{Root: o.Root, Base: strings.TrimSuffix(strings.TrimSuffix(o.Base, "Items"), ".")}, value)
		}
	}
	return out
}

// returnedObject is an object of its own that a function returns.
type returnedObject struct {
	result int
	Object
}

// returnedBy lists the objects that a function returns, those that its caller gave it left out.
func (e *Effects) returnedBy(fn *ssa.Function) []returnedObject {
	if known, ok := e.returned[fn]; ok {
		return known
	}
	var out []returnedObject
	seen := make(map[returnedObject]bool)
	for _, b := range fn.Blocks {
		ret, isRet := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !isRet {
			continue
		}
		for i, res := range ret.Results {
			for _, o := range e.Objects(fn, res) {
				one := returnedObject{i, o}
				if _, isParam := o.Root.(*ssa.Parameter); !isParam && !seen[one] {
					seen[one] = true
					out = append(out, one)
				}
			}
		}
	}
	e.returned[fn] = out
	return out
}

// keep lets a value stand for an object, unless another does: the items of a list stand for the list as well.
func keep(out map[Object]ssa.Value, o Object, value ssa.Value) {
	if _, have := out[o]; !have {
		out[o] = value
	}
}

func resultValue(call *ssa.Call, i, n int) ssa.Value {
	if n == 1 {
		return call
	}
	for _, ref := range *call.Referrers() {
		if ex, ok := ref.(*ssa.Extract); ok && ex.Index == i {
			return ex
		}
	}
	return nil
}

// translation restates a callee's events in the caller's terms.
type translation struct {
	g       *gatherer
	edge    program.Edge
	results map[Object]ssa.Value
	// known are the answers of place.
	known map[Place][]Place
}

// event returns the event once for each object that the caller can mean; none if the caller cannot see it.
func (t *translation) event(ev *Event) []*Event {
	if ev.Root == nil {
		return nil // a write without an object stays with the function that makes it
	}
	if !t.mayName(ev.Object) && !applies(ev) {
		return nil
	}
	partial, ofPart := ev.Partial, ev.changes() || ev.Kind == Borrow
	objects := t.place(Place{Object: ev.Object, Path: ev.Path})
	if len(objects) == 0 {
		objects, partial = t.converted(ev), true
	}
	if ofPart {
		objects = slices.DeleteFunc(slices.Clone(objects), func(at Place) bool { return !t.g.relevant(at) })
	}
	if len(objects) == 0 {
		return nil
	}
	t.g.e.lifted[ev] = true
	base := t.places(ev.Base)
	var out []*Event
	for _, at := range objects {
		moved := *ev
		moved.At = t.edge.Site
		moved.Chain = slices.Concat([]ssa.CallInstruction{t.edge.Site}, ev.Chain)
		moved.Object, moved.Path, moved.Partial = at.Object, at.Path, partial
		if !ofPart {
			moved.Object, moved.Path = Object{at.Root, concat(at.Base, at.Path)}, ""
		}
		moved.Base, moved.callee, moved.by, moved.deps, moved.guards = base, ev, t, nil, nil
		if ev.Kind == Copy {
			from := t.place(ev.From)
			if len(from) > 0 {
				moved.From = from[0]
			}
		}
		out = append(out, &moved)
	}
	return out
}

// guards restates what is tested before an event of the callee, with what is tested before the call.
func (t *translation) guards(inner Deps) Deps {
	out := t.deps(inner)
	out.merge(t.g.e.GuardsOf(t.edge.Site))
	return out.clipped()
}

// places translates several places.
func (t *translation) places(all []Place) []Place {
	var out []Place
	for _, p := range all {
		out = append(out, t.place(p)...)
	}
	return slices.Clip(out)
}

// converted finds the objects of the caller that a callee applies in another form, where the conversion left the version
// behind.
func (t *translation) converted(ev *Event) []Place {
	if !applies(ev) {
		return nil
	}
	var out []Place
	for _, from := range t.g.e.partialKin(t.edge.Callee, ev.Object) {
		out = append(out, t.place(Place{Object: from})...)
	}
	return out
}

// applies tells whether an event sends an apply patch.
func applies(ev *Event) bool {
	return ev.Kind == Write && ev.Patch != nil && ev.Patch.Type == ApplyPatch
}

// mayName tells whether the caller can have a name for an object of the callee. Most are the callee's own.
func (t *translation) mayName(o Object) bool {
	switch root := o.Root.(type) {
	case *ssa.Parameter:
		return root.Parent() == t.edge.Callee
	case *ssa.FreeVar:
		return root.Parent() == t.edge.Callee
	case *ssa.Global:
		return true
	}
	return len(t.results) > 0 && t.results[o] != nil
}

// place translates a place of the callee; empty when the caller cannot see it.
func (t *translation) place(p Place) []Place {
	known, ok := t.known[p]
	if !ok {
		if t.known == nil {
			t.known = make(map[Place][]Place)
		}
		known = t.find(p)
		t.known[p] = known
	}
	return known
}

func (t *translation) find(p Place) []Place {
	switch root := p.Root.(type) {
	case *ssa.Parameter:
		if root.Parent() != t.edge.Callee {
			return nil
		}
		arg := program.ArgumentFor(t.edge, paramIndex(t.edge.Callee, root))
		var out []Place
		for _, at := range t.g.e.Places(t.g.fn, arg) {
			out = append(out, moved(p, at, t.g.e.isObject(root.Type()) || types.IsInterface(root.Type())))
		}
		return out
	case *ssa.FreeVar:
		if root.Parent() != t.edge.Callee {
			return nil
		}
		return t.captured(p, root)
	case *ssa.Global:
		return []Place{p}
	}
	if value := t.results[p.Object]; value != nil {
		return []Place{{Object: Object{Root: value}, Path: p.Path}}
	}
	return nil
}

// captured translates a place rooted at a captured variable: the caller knows the variable.
func (t *translation) captured(p Place, free *ssa.FreeVar) []Place {
	binding := t.binding(free)
	if binding == nil {
		return nil
	}
	pl := placer{e: t.g.e, fn: t.g.fn, known: make(map[ssa.Value][]Place)}
	var out []Place
	for _, at := range pl.load(binding) {
		out = append(out, moved(p, at, t.g.e.isObject(free.Type()) || t.g.e.isObjectCell(free.Type())))
	}
	return out
}

// binding finds the variable that a closure captured, when the caller is the function that made the closure.
func (t *translation) binding(free *ssa.FreeVar) ssa.Value {
	if t.edge.Callee.Parent() != t.g.fn {
		return nil
	}
	index := slices.Index(t.edge.Callee.FreeVars, free)
	for _, b := range t.g.fn.Blocks {
		for _, instr := range b.Instrs {
			if mc, ok := instr.(*ssa.MakeClosure); ok && mc.Fn == t.edge.Callee && index >= 0 && index < len(mc.Bindings) {
				return mc.Bindings[index]
			}
		}
	}
	return nil
}

// deps translates what a value is computed from; parts that the caller cannot see are kept as they are, since their
// roots name them all the same.
func (t *translation) deps(d Deps) Deps {
	if len(d.Places) == 0 {
		return d.clipped()
	}
	out := d.clipped()
	out.Places = nil
	for _, p := range d.Places {
		moved := t.place(p)
		if len(moved) == 0 {
			moved = []Place{p}
		}
		for _, m := range moved {
			out.addPlace(m)
		}
	}
	// A parameter that is not an object stands for what its argument was computed from.
	for _, p := range d.Places {
		param, ok := p.Root.(*ssa.Parameter)
		if !ok || param.Parent() != t.edge.Callee || t.g.e.isObject(param.Type()) {
			continue
		}
		if arg := program.ArgumentFor(t.edge, paramIndex(t.edge.Callee, param)); arg != nil {
			from := t.g.e.DepsOf(t.g.fn, arg)
			constant := out.Constant
			out.merge(from)
			out.Constant = constant && from.Constant
		}
	}
	return out
}
