// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LateFinalizer is a finalizer that is put on an object although the object may be being deleted.
type LateFinalizer struct {
	Func *ssa.Function
	// Added is the change, in the terms of Func.
	Added *Event
	// Asked is where Func asks, too late.
	Asked *ssa.If
	// Removed is set where Func has asked before: there it takes a finalizer off, and comes to the other place nevertheless.
	Removed *Event
}

// LateFinalizers returns the finalizers of own code that are added and sent before it is asked whether the object is being deleted,
// or after it was found to be, in source order. Who never asks has no order to get wrong.
func (e *Effects) LateFinalizers() []LateFinalizer {
	var out []LateFinalizer
	for fn := range e.reviewed() {
		for _, ev := range e.Events(fn) {
			if !addsFinalizer(ev) {
				continue
			}
			if asked, removed := e.fallsThrough(fn, ev); removed != nil {
				out = append(out, LateFinalizer{Func: fn, Added: ev, Asked: asked, Removed: removed})
			}
			if e.knowsDeletion(ev) {
				continue
			}
			if asked := e.askedLate(fn, ev); asked != nil {
				out = append(out, LateFinalizer{Func: fn, Added: ev, Asked: asked})
			}
		}
	}
	return out
}

// addsFinalizer tells whether an event is a call of a library's AddFinalizer, or sets the list to itself and one more.
func addsFinalizer(ev *Event) bool {
	if ev.Kind != Change || ev.Path != "Finalizers" || ev.Root == nil {
		return false
	}
	switch x := ev.Origin.(type) {
	case *ssa.Store:
		return isExtended(x.Val)
	case ssa.CallInstruction:
		target := program.Target(x)
		return target != nil && ev.Call != nil && (target.Name() == "AddFinalizer" || target.Name() == "SetFinalizers" && isExtended(x.Common().Args[len(x.Common().Args)-1]))
	}
	return false
}

// isExtended tells whether a list is another one as a whole, with elements that are named one by one behind it: append(list, name).
func isExtended(v ssa.Value) bool {
	call, ok := v.(*ssa.Call)
	if !ok || len(call.Call.Args) != 2 {
		return false
	}
	b, ok := call.Call.Value.(*ssa.Builtin)
	if !ok || b.Name() != "append" {
		return false
	}
	_, cut := call.Call.Args[0].(*ssa.Slice)
	more, ok := call.Call.Args[1].(*ssa.Slice)
	if cut || !ok {
		return false
	}
	_, named := more.X.(*ssa.Alloc)
	return named
}

// knowsDeletion tells whether one of the functions that lead to a change asks about a deletion before.
func (e *Effects) knowsDeletion(ev *Event) bool {
	sites := []ssa.Instruction{ev.Origin}
	for _, site := range ev.Chain {
		sites = append(sites, site)
	}
	return slices.ContainsFunc(sites, e.deletionAskedBefore)
}

// deletionAskedBefore tells whether a function asks about a deletion on every way to one of its instructions.
func (e *Effects) deletionAskedBefore(at ssa.Instruction) bool {
	for b := at.Block().Idom(); b != nil; b = b.Idom() {
		if branch, ok := last(b).(*ssa.If); ok && (e.saysDeleted(branch.Cond, true, 0) || e.saysDeleted(branch.Cond, false, 0)) {
			return true
		}
	}
	return false
}

// askedLate returns where a function asks whether the object of a change is being deleted, if it does so only after the change was
// sent; nil if not.
func (e *Effects) askedLate(fn *ssa.Function, added *Event) *ssa.If {
	if slices.ContainsFunc(e.Program.Callers(fn), func(edge program.Edge) bool { return e.deletionAskedBefore(edge.Site) }) {
		return nil // the caller asks, and what follows asks again
	}
	for _, b := range fn.Blocks {
		branch, ok := last(b).(*ssa.If)
		if ok && !MayPrecede(branch, added.At) && e.asksDeleted(branch.Cond, added.Object) && e.sentFirst(fn, added, branch) {
			return branch
		}
	}
	return nil
}

// asksDeleted tells whether a condition asks whether that object is being deleted.
func (e *Effects) asksDeleted(cond ssa.Value, obj Object) bool {
	if !e.saysDeleted(cond, true, 0) && !e.saysDeleted(cond, false, 0) {
		return false
	}
	of := stripped(askedObject(cond))
	return of.Parent() != nil && slices.ContainsFunc(e.Places(of.Parent(), of), func(p Place) bool { return p.Root == obj.Root })
}

// askedObject returns what a condition about a deletion looks at: the object, or its time of deletion.
func askedObject(cond ssa.Value) ssa.Value {
	switch x := cond.(type) {
	case *ssa.UnOp:
		if x.Op == token.NOT {
			return askedObject(x.X)
		}
	case *ssa.BinOp:
		return askedObject(x.X)
	case *ssa.Call: // IsZero, GetDeletionTimestamp, or a helper for either
		if recv := program.Receiver(x); recv != nil && len(x.Call.Args) < 2 {
			return askedObject(recv)
		}
		if len(x.Call.Args) > 0 {
			return askedObject(x.Call.Args[len(x.Call.Args)-1])
		}
	}
	return cond
}

// sentFirst tells whether an object is sent with its new finalizer before a branch decides: by a request in between, or by what runs
// after the function returned, which it does without coming to the branch.
func (e *Effects) sentFirst(fn *ssa.Function, added *Event, branch *ssa.If) bool {
	if !MayPrecede(added.At, branch) {
		return slices.ContainsFunc(Conditions(added.At.Block()), func(other *ssa.If) bool { return MustPrecede(other, branch) })
	}
	return slices.ContainsFunc(e.Events(fn), func(ev *Event) bool {
		return ev.Kind == Write && ev.Root == added.Root && (ev.At == added.At || MayPrecede(added.At, ev.At)) && !MustPrecede(branch, ev.At)
	})
}

// fallsThrough returns the branch that finds an object to be deleted, and the change behind it that takes a finalizer off, where a way
// leads on from there to a change that puts one on; nil if none does.
func (e *Effects) fallsThrough(fn *ssa.Function, added *Event) (*ssa.If, *Event) {
	sent := func(change *Event) bool {
		return slices.ContainsFunc(e.Events(fn), func(w *Event) bool {
			return w.Kind == Write && w.Root == added.Root && (w.At == change.At || MayPrecede(change.At, w.At)) && (change == added || MayPrecede(w.At, added.At))
		})
	}
	for _, ev := range e.Events(fn) {
		if ev.Kind != Change || ev.Path != "Finalizers" || ev.Root != added.Root || addsFinalizer(ev) || !sent(ev) || !sent(added) {
			continue
		}
		for b := ev.At.Block().Idom(); b != nil; b = b.Idom() {
			branch, ok := last(b).(*ssa.If)
			if ok && MustPrecede(branch, added.At) && e.deletedSide(branch, added.Object, ev.At.Block()) && e.comesDeleted(ev.At.Block(), added.At.Block(), added.Object) {
				return branch, ev
			}
		}
	}
	return nil, nil
}

// deletedSide tells whether a block runs only where a branch has found that an object is being deleted.
func (e *Effects) deletedSide(branch *ssa.If, obj Object, b *ssa.BasicBlock) bool {
	if !e.asksDeleted(branch.Cond, obj) {
		return false
	}
	for i, succ := range branch.Block().Succs {
		if e.saysDeleted(branch.Cond, i == 0, 0) && len(succ.Preds) == 1 && succ.Dominates(b) {
			return true
		}
	}
	return false
}

// comesDeleted tells whether a way leads from one block to another that an object which is being deleted can take.
func (e *Effects) comesDeleted(from, to *ssa.BasicBlock, obj Object) bool {
	seen := make(map[*ssa.BasicBlock]bool)
	var walk func(b *ssa.BasicBlock) bool
	walk = func(b *ssa.BasicBlock) bool {
		branch, _ := last(b).(*ssa.If)
		for i, succ := range b.Succs {
			if seen[succ] || branch != nil && e.asksDeleted(branch.Cond, obj) && !e.saysDeleted(branch.Cond, i == 0, 0) {
				continue
			}
			if seen[succ] = true; succ == to || walk(succ) {
				return true
			}
		}
		return false
	}
	return walk(from)
}
