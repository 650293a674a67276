// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

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
	e.tellStories()
	return e.events[fn]
}

// gather finds the events of a function, after those of the functions it calls.
func (e *Effects) gather(fn *ssa.Function) []*Event {
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
		if ev.changes() || ev.Kind == Write {
			guards := g.e.GuardsOf(ev.Origin)
			ev.guards = &guards
		}
	}
	g.events = append(g.events, ev)
	if ev.Kind == Change {
		g.carried(ev)
	}
}

func (g *gatherer) instruction(instr ssa.Instruction) {
	switch x := instr.(type) {
	case *ssa.Store:
		g.store(x)
	case *ssa.MapUpdate:
		g.change(x, x.Map, x.Map.Type(), "[]", g.e.DepsOf(g.fn, x.Value))
		g.borrow(x, x.Map, "[]")
	case ssa.CallInstruction:
		if b, ok := x.Common().Value.(*ssa.Builtin); ok && b.Name() == "delete" {
			m := x.Common().Args[0]
			g.change(x, m, m.Type(), "[]", g.e.DepsOf(g.fn, x.Common().Args[1]))
			g.borrow(x, m, "[]")
		}
		g.call(x)
	}
}

// store is a change when it goes to a field of an object, and a copy when a whole object is assigned.
func (g *gatherer) store(x *ssa.Store) {
	addr := x.Addr
	if g.e.isObject(addr.Type()) && !isPointerToPointer(addr.Type()) {
		whole := x.Val // what a call gives
		if load, ok := x.Val.(*ssa.UnOp); ok {
			whole = load.X
		}
		if _, isConst := whole.(*ssa.Const); !isConst {
			for _, from := range g.e.Places(g.fn, whole) {
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
		g.borrow(x, addr, "")
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
		g.add(&Event{Kind: Change, Origin: instr, Object: p.Object, Path: p.Path, Type: elem(t), deps: &deps})
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
	g.inPlace(site)
	row := program.Model(site)
	helper := row != nil && row.Effect == kube.ReadModifyWrite && row.Closure >= 0
	if helper {
		g.fetched(site, row) // what its function changes lies between this and the write
	} else {
		g.models(site)
	}
	for _, edge := range g.e.Program.Callees(site) {
		if row != nil && edge.Arg < 0 {
			continue // the model's word on the call stands for its body
		}
		g.through(edge, row)
	}
	if helper {
		g.models(site)
	}
	g.converted(site)
}

func (g *gatherer) models(site ssa.CallInstruction) {
	for _, one := range g.e.Program.Models(site) {
		g.modelled(site, one)
	}
}

// fetched is the read that a helper makes before it calls the function that it is given.
func (g *gatherer) fetched(site ssa.CallInstruction, row *kube.Call) {
	object := program.Argument(site, row.Object)
	for _, o := range g.e.Objects(g.fn, object) {
		g.add(&Event{Kind: Read, Origin: site, Call: row, Client: program.Argument(site, row.Client), Object: o, Type: stripped(object).Type()})
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
	if ev.Patch != nil && object == nil && g.difference(&ev) {
		return
	}
	if ev.Patch != nil && g.spell(&ev, object) {
		g.add(&ev)
		return
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
	} else if client != nil {
		ev.Type = servedType(client.Type())
	}
	g.add(&ev)
}

// servedType returns the type of the objects that a typed client is for, by what its Get returns: a delete or a patch by name
// shows no object. It is nil for other clients.
func servedType(client types.Type) types.Type {
	get, _, _ := types.LookupFieldOrMethod(client, true, nil, "Get")
	fn, ok := get.(*types.Func)
	if !ok || fn.Signature().Results().Len() == 0 {
		return nil
	}
	t := fn.Signature().Results().At(0).Type()
	if k, ok := kube.KindOf(t); !ok || k.Name == "" {
		return nil
	}
	return t
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
		case p.Path == "" && !(row.Touches == "conditions" && isParameter(p.Root)): // whose field it is, the caller knows
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
		g.add(&Event{Kind: Change, Origin: site, Object: p.Object, Path: p.Path, Type: changedType(target, row), Call: row, deps: &own})
	}
}

func isParameter(v ssa.Value) bool {
	_, ok := v.(*ssa.Parameter)
	return ok
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
