// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// severalControllers tells whether several controllers run a reconciler at the same time, and why: a reconciler that
// builds controllers itself builds one for each object, and each of them has a worker of its own.
func (c *Concurrency) severalControllers(e *Entry) (bool, string) {
	for _, at := range c.p.buildsFor(e) {
		for by := range c.Of(at.Parent()) {
			if by.Entry != nil && by.Entry.Kind == EntryReconcile && by.Entry != e {
				return true, fmt.Sprintf("%s builds a controller for each object at %s", by, c.p.At(at.Pos()))
			}
		}
	}
	return false, ""
}

// buildsFor lists what gives a reconciler to a controller: the calls that register it, and the stores into the options of
// a controller.
func (p *Program) buildsFor(e *Entry) []ssa.Instruction {
	var out []ssa.Instruction
	for _, site := range e.sites {
		out = append(out, site)
	}
	recv := e.Func.Signature.Recv()
	if recv == nil {
		return out
	}
	of := Named(recv.Type())
	for _, store := range p.reconcilerStores() {
		if slices.ContainsFunc(p.concreteTypes(store.Val), func(t types.Type) bool { return Named(t) == of }) {
			out = append(out, store)
		}
	}
	return out
}

// reconcilerStores lists the stores of a reconciler into the options of a controller, in source order.
func (p *Program) reconcilerStores() []*ssa.Store {
	if p.reconcilers == nil {
		p.reconcilers = []*ssa.Store{}
		for key, stores := range p.stores.fieldSites {
			if field := key.Var(); field != nil && field.Name() == "Reconciler" && isControllerOptions(key.Type) {
				p.reconcilers = append(p.reconcilers, stores...)
			}
		}
		slices.SortFunc(p.reconcilers, func(a, b *ssa.Store) int { return p.comparePos(a.Pos(), b.Pos()) })
	}
	return p.reconcilers
}

// isControllerOptions tells whether a type is the options of a controller.
func isControllerOptions(t *types.Named) bool {
	pkg := t.Obj().Pkg()
	return pkg != nil && pkg.Path() == controllerPkg && (t.Obj().Name() == "Options" || t.Obj().Name() == "TypedOptions")
}
