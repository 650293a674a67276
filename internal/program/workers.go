// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"go/constant"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// severalWorkers tells whether a reconciler runs in more than one worker, and why. One controller never runs the same key
// twice at once; different keys it does. The default is one worker, which a controller's options or the manager's
// (config.Controller.MaxConcurrentReconciles, GroupKindConcurrency) raise.
func (p *Program) severalWorkers(e *Entry) (bool, string) {
	if e.Func.Name() == "ReconcileKind" || e.Func.Name() == "FinalizeKind" || e.Func.Name() == "ObserveKind" {
		return true, "knative controllers run several workers"
	}
	if site := p.siteAt(e); site != nil {
		for _, options := range p.controllerOptions(site) {
			values, whole := p.FieldOf(options, "MaxConcurrentReconciles")
			if several, why := p.moreThanOne(values); several {
				return true, why
			}
			if !whole {
				return true, "the options of its controller come from outside, and can give it several workers"
			}
		}
	}
	return p.managerWorkers()
}

// siteAt finds the call that registered an entry.
func (p *Program) siteAt(e *Entry) ssa.CallInstruction {
	if p.registered == nil {
		p.registered = make(map[*ssa.Function]ssa.CallInstruction)
		for _, fn := range p.Funcs {
			for site := range Sites(fn) {
				for _, entry := range p.Entries {
					if entry.Kind == EntryReconcile && entry.Pos == site.Pos() {
						p.registered[entry.Func] = site
					}
				}
			}
		}
	}
	return p.registered[e.Func]
}

// moreThanOne judges the values that a number of workers can have. A value that a flag or a parameter gives can be more
// than one, or nobody would have made it a parameter.
func (p *Program) moreThanOne(values []ssa.Value) (bool, string) {
	for _, v := range values {
		for _, src := range p.Sources(v).Values {
			c, ok := src.(*ssa.Const)
			if !ok {
				return true, "the number of its workers (MaxConcurrentReconciles) can be set"
			}
			if c.Value != nil && c.Value.Kind() == constant.Int && c.Int64() > 1 {
				return true, fmt.Sprintf("it runs in %d workers (MaxConcurrentReconciles)", c.Int64())
			}
		}
	}
	return false, ""
}

// managerWorkers tells whether some manager of the program raises the number of workers of all its controllers.
func (p *Program) managerWorkers() (bool, string) {
	if p.managerWide == nil {
		wide := &workers{}
		for key, stores := range p.stores.fieldSites {
			field := key.Var()
			if field == nil || !isControllerConfig(key.Type) {
				continue
			}
			for _, store := range stores {
				several, _ := p.moreThanOne([]ssa.Value{store.Val})
				wide.all = wide.all || several && field.Name() == "MaxConcurrentReconciles"
				wide.byKind = wide.byKind || !IsNil(store.Val) && field.Name() == "GroupKindConcurrency"
			}
		}
		p.managerWide = wide
	}
	switch {
	case p.managerWide.all:
		return true, "the manager's MaxConcurrentReconciles gives each controller several workers"
	case p.managerWide.byKind:
		return true, "the manager's GroupKindConcurrency can give the controller several workers"
	}
	return false, ""
}

func isControllerConfig(t *types.Named) bool {
	pkg := t.Obj().Pkg()
	return t.Obj().Name() == "Controller" && pkg != nil && pkg.Path() == "sigs.k8s.io/controller-runtime/pkg/config"
}

// workers is what a manager says of all its controllers.
type workers struct{ all, byKind bool }

// IsNil tells whether a value is the constant nil.
func IsNil(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.IsNil()
}
