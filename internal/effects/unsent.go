// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Unsent is an update that sends an object just as it was read, while what is wanted is an object that would be created if there
// were none.
type Unsent struct {
	Func *ssa.Function
	// Read fills what Update sends, Create sends what is wanted.
	Read, Update, Create *Event
}

// UnsentChanges returns these updates, in source order.
func (e *Effects) UnsentChanges() []Unsent {
	var out []Unsent
	for fn := range e.reviewed() {
		for _, w := range e.Events(fn) {
			if w.Kind != Write || w.Call.Effect != kube.Update || w.Root == nil || w.Object.Base != "" || len(w.Chain) > 0 || w.Spawned {
				continue
			}
			if u, ok := e.unsent(fn, w); ok {
				out = append(out, u)
			}
		}
	}
	return out
}

func (e *Effects) unsent(fn *ssa.Function, w *Event) (Unsent, bool) {
	u := Unsent{Func: fn, Update: w}
	for _, ev := range e.lifeOf(fn, w) {
		switch {
		case ev == w:
		case ev.Kind == Read && MustPrecede(ev.At, w.At) && !SameLoop(ev.At, w.At):
			u.Read = ev
		case ev.Kind == Copy && u.Read == nil: // the name of what is read
		default:
			return u, false // changed, or written more than once
		}
	}
	if u.Read == nil || e.touched(w.Root, u.Read, w) {
		return u, false // not read here, or something else may have changed it
	}
	for _, ev := range e.Events(fn) {
		if ev.Kind == Write && ev.Call.Effect == kube.Create && ev.Root != nil && ev.Root != w.Root && sameKindOf(ev, w) && !MayPrecede(ev.At, w.At) && MayPrecede(u.Read.At, ev.At) {
			u.Create = ev
			return u, true
		}
	}
	return u, false // nothing shows what is wanted
}

// sameKindOf tells whether two requests send objects of one kind, or of one type that hides it.
func sameKindOf(a, b *Event) bool {
	if a.Type == nil || b.Type == nil {
		return false
	}
	x, ok := kube.KindOf(a.Type)
	y, known := kube.KindOf(b.Type)
	if ok && known && x.Name != "" {
		return x.Same(y)
	}
	return types.Identical(a.Type, b.Type)
}

// touched tells whether code that is out of sight gets an object, or a part of it, or a closure has it: it may change it.
func (e *Effects) touched(root ssa.Value, read, w *Event) bool {
	seen := make(map[ssa.Value]bool)
	var in func(v ssa.Value) bool
	in = func(v ssa.Value) bool {
		if seen[v] || v.Referrers() == nil {
			return false
		}
		seen[v] = true
		for _, ref := range *v.Referrers() {
			switch x := ref.(type) {
			case ssa.CallInstruction:
				if e.mayTouch(x, v, read, w) {
					return true
				}
			case *ssa.MakeClosure, *ssa.MapUpdate, *ssa.Send:
				return true
			case *ssa.Store:
				if x.Val == v && !isVariable(x.Addr) {
					return true // kept elsewhere
				}
				if x.Val == v && in(x.Addr) {
					return true
				}
			case *ssa.MakeInterface, *ssa.ChangeInterface, *ssa.TypeAssert, *ssa.Phi, *ssa.UnOp, *ssa.FieldAddr, *ssa.Field, *ssa.IndexAddr, *ssa.Slice, *ssa.Extract:
				if value := x.(ssa.Value); refers(value.Type()) && in(value) {
					return true
				}
			}
		}
		return false
	}
	return in(root)
}

func isVariable(addr ssa.Value) bool {
	_, ok := addr.(*ssa.Alloc)
	return ok
}

// refers tells whether through a value of a type what it was taken from can be changed.
func refers(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Pointer, *types.Interface, *types.Map, *types.Slice, *types.Tuple:
		return true
	}
	return false
}

// mayTouch tells whether a call may change what it gets: one that is neither known nor of own code, and no question to the object.
func (e *Effects) mayTouch(site ssa.CallInstruction, v ssa.Value, read, w *Event) bool {
	if site == read.At || site == w.At || program.Model(site) != nil || len(e.Program.Callees(site)) > 0 || onlyLooks(site) {
		return false
	}
	t := program.Target(site)
	if t == nil {
		return true
	}
	if v == program.Receiver(site) && asksOnly(t) {
		return false
	}
	if _, builtin := site.Common().Value.(*ssa.Builtin); builtin {
		return false
	}
	if t.Pkg() != nil {
		switch t.Pkg().Path() {
		case "reflect", "fmt", "log", "encoding/json", "k8s.io/apimachinery/pkg/api/equality":
			return false
		}
		if t.Name() == "DeepEqual" || t.Name() == "DeepDerivative" || t.Name() == "Semantic" {
			return false
		}
	}
	return true
}

// asksOnly tells whether a method only asks its object for something.
func asksOnly(t *types.Func) bool {
	for _, prefix := range []string{"Get", "Is", "Has", "DeepCopy", "String"} {
		if len(t.Name()) >= len(prefix) && t.Name()[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}
