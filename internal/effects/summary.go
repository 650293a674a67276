// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

const (
	// maxChain bounds the calls between a function and an event that it is told of.
	maxChain = 8
	// maxEvents bounds the events that a function is told of from its callees; its own are always kept.
	maxEvents = 600
)

// Events returns what fn does to API objects, itself and through the functions it calls, in the order of its
// instructions. Events of callees on objects of their own stay with them.
func (e *Effects) Events(fn *ssa.Function) []*Event {
	if known, ok := e.events[fn]; ok {
		return known
	}
	e.events[fn] = nil // a recursive call adds nothing
	g := &gatherer{e: e, fn: fn}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			g.instruction(instr)
		}
	}
	e.events[fn] = g.events
	return g.events
}

type gatherer struct {
	e        *Effects
	fn       *ssa.Function
	events   []*Event
	imported int
}

func (g *gatherer) add(ev *Event) {
	if ev.At == nil {
		ev.At = ev.Origin
		if ev.Kind == Change || ev.Kind == Write {
			ev.Guards = g.e.GuardsOf(ev.Origin)
		}
	}
	g.events = append(g.events, ev)
}

func (g *gatherer) instruction(instr ssa.Instruction) {
	switch x := instr.(type) {
	case *ssa.Store:
		g.store(x)
	case *ssa.MapUpdate:
		g.change(x, x.Map, x.Map.Type(), "[]", g.e.DepsOf(g.fn, x.Value))
	case ssa.CallInstruction:
		g.call(x)
	}
}

// store is a change when it goes to a field of an object, and a copy when a whole object is assigned.
func (g *gatherer) store(x *ssa.Store) {
	addr := x.Addr
	if g.e.isObject(addr.Type()) && !isPointerToPointer(addr.Type()) {
		if load, ok := x.Val.(*ssa.UnOp); ok {
			for _, from := range g.e.Places(g.fn, load.X) {
				for _, to := range g.e.Objects(g.fn, addr) {
					g.add(&Event{Kind: Copy, Origin: x, Object: to, From: from, Type: addr.Type()})
				}
			}
		}
		return
	}
	switch addr.(type) {
	case *ssa.FieldAddr, *ssa.IndexAddr:
		g.change(x, addr, addr.Type(), "", g.e.DepsOf(g.fn, x.Val))
	case *ssa.UnOp, *ssa.Parameter:
		// *p = v: p may point into an object.
		g.change(x, addr, addr.Type(), "", g.e.DepsOf(g.fn, x.Val))
	}
}

func isPointerToPointer(t types.Type) bool {
	ptr, ok := t.Underlying().(*types.Pointer)
	if !ok {
		return false
	}
	_, ok = ptr.Elem().Underlying().(*types.Pointer)
	return ok
}

// change adds a change of the part of an object that addr names.
func (g *gatherer) change(instr ssa.Instruction, addr ssa.Value, t types.Type, step string, deps Deps) {
	for _, p := range g.e.Places(g.fn, addr) {
		if step != "" {
			p.Path = join(p.Path, step)
		}
		if !g.relevant(p) {
			continue
		}
		g.add(&Event{Kind: Change, Origin: instr, Object: p.Object, Path: p.Path, Type: elem(t), Deps: deps})
	}
}

// relevant drops changes of plain local variables: only objects, and what callers or closures can see, matter.
func (g *gatherer) relevant(p Place) bool {
	switch root := p.Root.(type) {
	case *ssa.Alloc:
		return p.Base != "" || g.e.isObject(root.Type()) || g.e.isObjectCell(root.Type())
	case *ssa.Global:
		return g.e.isObjectCell(root.Type()) || p.Base != ""
	}
	return true
}

// isObjectCell tells whether t is the address of a variable that holds a pointer to an API object.
func (e *Effects) isObjectCell(t types.Type) bool {
	ptr, ok := t.Underlying().(*types.Pointer)
	return ok && e.isObject(ptr.Elem())
}

func elem(t types.Type) types.Type {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		return ptr.Elem()
	}
	if m, ok := t.Underlying().(*types.Map); ok {
		return m
	}
	return t
}

// call adds what a call does: by the model where it has a row, else through the callee's events.
func (g *gatherer) call(site ssa.CallInstruction) {
	row := program.Model(site)
	if row != nil {
		g.modelled(site, row)
	}
	for _, edge := range g.e.Program.Callees(site) {
		if row != nil && edge.Arg < 0 {
			continue // the model's word on the call stands for its body
		}
		g.through(edge, row)
	}
}

// modelled adds the events of a call that the model knows.
func (g *gatherer) modelled(site ssa.CallInstruction, row *kube.Call) {
	client := program.Receiver(site)
	switch {
	case row.Effect.IsRead() && row.Effect != kube.Watch:
		g.read(site, row, client)
	case row.Effect == kube.ReadModifyWrite:
		g.write(site, row, program.Argument(site, row.Object), client)
	case row.Effect.IsWrite():
		g.write(site, row, program.Argument(site, row.Object), client)
	case row.Effect == kube.MutateMemory:
		g.mutate(site, row)
	case row.Effect == kube.DeepCopy:
		g.deepCopy(site)
	}
}

// read fills its object argument, or its result is the object.
func (g *gatherer) read(site ssa.CallInstruction, row *kube.Call, client ssa.Value) {
	ev := Event{Kind: Read, Origin: site, Call: row, Client: client}
	if into := program.Argument(site, row.WritesInto); into != nil && row.WritesInto >= 0 {
		for _, o := range g.e.Objects(g.fn, into) {
			one := ev
			one.Object, one.Type = o, stripped(into).Type()
			g.add(&one)
		}
		return
	}
	if result := objectResult(site); result != nil {
		ev.Object, ev.Type = Object{Root: result}, result.Type()
		g.add(&ev)
	}
}

// objectResult returns the value that holds the object that a call gives: its result, or the first of several.
func objectResult(site ssa.CallInstruction) ssa.Value {
	call, ok := site.(*ssa.Call)
	if !ok {
		return nil
	}
	if _, isTuple := call.Type().(*types.Tuple); !isTuple {
		return call
	}
	for _, ref := range *call.Referrers() {
		if ex, ok := ref.(*ssa.Extract); ok && ex.Index == 0 {
			return ex
		}
	}
	return nil
}

func (g *gatherer) write(site ssa.CallInstruction, row *kube.Call, object, client ssa.Value) {
	ev := Event{Kind: Write, Origin: site, Call: row, Client: client, Patch: g.e.patchOf(site, row)}
	if ev.Patch != nil && ev.Patch.Base != nil {
		ev.Base = g.base(ev.Patch)
	}
	if object != nil {
		for _, o := range g.e.Objects(g.fn, object) {
			one := ev
			one.Object, one.Type = o, stripped(object).Type()
			g.add(&one)
		}
		if len(g.e.Objects(g.fn, object)) > 0 {
			return
		}
		ev.Type = stripped(object).Type()
	}
	g.add(&ev)
}

// base finds the object that a patch is made against, in terms of the function that writes. A patch that was made in
// another function is left without a base.
func (g *gatherer) base(p *Patch) []Place {
	if p.Made == nil || p.Made.Parent() != g.fn {
		return nil
	}
	return g.e.Places(g.fn, p.Base)
}

// touched maps the model's field classes to paths.
var touched = map[string]string{
	"finalizers": "Finalizers", "ownerReferences": "OwnerReferences", "labels": "Labels", "annotations": "Annotations",
	"conditions": "Status.Conditions", "resourceVersion": "ResourceVersion", "managedFields": "ManagedFields", "name": "Name",
}

// mutate is a change that a library helper makes: controllerutil.AddFinalizer, meta.SetStatusCondition.
func (g *gatherer) mutate(site ssa.CallInstruction, row *kube.Call) {
	target := program.Argument(site, row.Object)
	if target == nil {
		target = program.Receiver(site)
	}
	if target == nil {
		return
	}
	path := touched[row.Touches]
	deps := Deps{Constant: true}
	for _, arg := range site.Common().Args {
		if arg != target {
			deps.merge(g.e.DepsOf(g.fn, arg))
		}
	}
	incremental := g.e.increments(row)
	for _, p := range g.e.Places(g.fn, target) {
		switch {
		case g.e.isObject(target.Type()) || types.IsInterface(target.Type()):
			p.Base, p.Path = concat(p.Base, p.Path), path
		case p.Path == "":
			p.Path = path // a helper for ObjectMeta, embedded in the object
		}
		if !g.relevant(p) && !types.IsInterface(target.Type()) {
			continue
		}
		own := deps
		if incremental {
			own.Append, own.Constant = true, false
			own.addPlace(p)
		}
		g.add(&Event{Kind: Change, Origin: site, Object: p.Object, Path: p.Path, Type: changedType(target, row), Call: row, Deps: own})
	}
}

// increments tells whether a helper extends what is there, rather than replacing it.
func (e *Effects) increments(row *kube.Call) bool {
	switch row.Touches {
	case "finalizers", "ownerReferences", "conditions":
		return row.Recv == "" // the setters of metav1.Object replace the whole list
	}
	return false
}

func changedType(target ssa.Value, row *kube.Call) types.Type {
	switch row.Touches {
	case "finalizers":
		return types.NewSlice(types.Typ[types.String])
	case "labels", "annotations":
		return types.NewMap(types.Typ[types.String], types.Typ[types.String])
	case "ownerReferences":
		return types.NewSlice(types.Typ[types.Invalid])
	}
	return elem(target.Type())
}

// deepCopy makes its result, or its argument, a copy of its receiver.
func (g *gatherer) deepCopy(site ssa.CallInstruction) {
	recv := program.Receiver(site)
	if recv == nil {
		return
	}
	to := program.Argument(site, 0)
	if to == nil {
		if call, ok := site.(*ssa.Call); ok {
			to = call
		}
	}
	if to == nil {
		return
	}
	for _, from := range g.e.Places(g.fn, recv) {
		for _, p := range g.e.Places(g.fn, to) {
			g.add(&Event{Kind: Copy, Origin: site, Object: Object{p.Root, concat(p.Base, p.Path)}, From: from, Type: to.Type()})
		}
	}
}

// through adds the events of a callee that the caller can see: those on its arguments, captured variables and results.
func (g *gatherer) through(edge program.Edge, row *kube.Call) {
	inner := g.e.Events(edge.Callee)
	if len(inner) == 0 {
		return
	}
	results := g.results(edge)
	t := &translation{g: g, edge: edge, results: results}
	for _, ev := range inner {
		if len(ev.Chain) >= maxChain {
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
}

// results maps objects that the callee returns to the caller's values for them.
func (g *gatherer) results(edge program.Edge) map[Object]ssa.Value {
	call, ok := edge.Site.(*ssa.Call)
	if !ok || edge.Arg >= 0 {
		return nil
	}
	out := make(map[Object]ssa.Value)
	for _, b := range edge.Callee.Blocks {
		ret, isRet := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !isRet {
			continue
		}
		for i, res := range ret.Results {
			value := resultValue(call, i, len(ret.Results))
			if value == nil {
				continue
			}
			for _, o := range g.e.Objects(edge.Callee, res) {
				if _, isParam := o.Root.(*ssa.Parameter); !isParam {
					if _, have := out[o]; !have {
						out[o] = value
					}
				}
			}
		}
	}
	return out
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
}

// event returns the event once for each object that the caller can mean; none if the caller cannot see it.
func (t *translation) event(ev *Event) []*Event {
	var objects []Place
	if ev.Root != nil {
		objects = t.place(Place{Object: ev.Object, Path: ev.Path})
		if len(objects) == 0 {
			return nil
		}
	} else {
		return nil // a write without an object stays with the function that makes it
	}
	var out []*Event
	for _, at := range objects {
		moved := *ev
		moved.At = t.edge.Site
		moved.Chain = slices.Concat([]ssa.CallInstruction{t.edge.Site}, ev.Chain)
		moved.Object, moved.Path = at.Object, at.Path
		if ev.Kind != Change {
			moved.Object, moved.Path = Object{at.Root, concat(at.Base, at.Path)}, ""
		} else if !t.g.relevant(at) {
			continue
		}
		moved.Deps = t.deps(ev.Deps)
		moved.Guards = t.deps(ev.Guards)
		moved.Guards.merge(t.g.e.GuardsOf(t.edge.Site))
		moved.Base = nil
		for _, b := range ev.Base {
			moved.Base = append(moved.Base, t.place(b)...)
		}
		if ev.Kind == Copy {
			from := t.place(ev.From)
			if len(from) > 0 {
				moved.From = from[0]
			}
		}
		t.g.e.lifted[ev] = true
		out = append(out, &moved)
	}
	return out
}

// place translates a place of the callee; empty when the caller cannot see it.
func (t *translation) place(p Place) []Place {
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
	pl := placer{e: t.g.e, fn: t.g.fn, seen: make(map[ssa.Value]bool)}
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
	out := d
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
