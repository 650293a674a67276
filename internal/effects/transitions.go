// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// UnsetTransition is a helper for conditions that takes the time of a transition from its argument, whose callers leave it
// unset: another way through the helper sets it itself.
type UnsetTransition struct {
	// Copy takes the time over, Set is the other way.
	Copy, Set *ssa.Store
}

const transitionField = "LastTransitionTime"

// UnsetTransitions returns these helpers, in source order.
func (e *Effects) UnsetTransitions() []UnsetTransition {
	var out []UnsetTransition
	for fn := range e.reviewed() {
		stores := transitionStores(fn)
		for _, copied := range stores {
			param, ok := e.transitionOf(fn, copied.Val)
			if !ok {
				continue
			}
			for _, set := range stores {
				if set != copied && e.stampsArgument(fn, set, param) && !e.asksForZero(fn, copied, param) && !e.asksForZero(fn, set, param) &&
					!MayPrecede(set, copied) && !MayPrecede(copied, set) {
					out = append(out, UnsetTransition{Copy: copied, Set: set})
					break
				}
			}
		}
	}
	return out
}

// transitionStores returns the stores into a field that keeps the time of a transition.
func transitionStores(fn *ssa.Function) []*ssa.Store {
	var out []*ssa.Store
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			st, ok := instr.(*ssa.Store)
			if !ok {
				continue
			}
			if f, isField := st.Addr.(*ssa.FieldAddr); isField {
				if name, _ := fieldOf(f.X.Type(), f.Field); name == transitionField {
					out = append(out, st)
				}
			}
		}
	}
	return out
}

// transitionOf tells whether a value is the time of transition in a parameter, which is returned.
func (e *Effects) transitionOf(fn *ssa.Function, v ssa.Value) (*ssa.Parameter, bool) {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return nil, false
	}
	f, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return nil, false
	}
	if name, _ := fieldOf(f.X.Type(), f.Field); name != transitionField {
		return nil, false
	}
	return parameterBehind(f.X)
}

// parameterBehind returns the parameter that an address is, or the variable that was made of it.
func parameterBehind(addr ssa.Value) (*ssa.Parameter, bool) {
	switch x := addr.(type) {
	case *ssa.Parameter:
		return x, true
	case *ssa.Alloc:
		for _, ref := range *x.Referrers() {
			if st, ok := ref.(*ssa.Store); ok && st.Addr == x {
				if p, isParam := st.Val.(*ssa.Parameter); isParam {
					return p, true
				}
			}
		}
	}
	return nil, false
}

// stampsArgument tells whether a store sets the time of transition of a parameter to the clock's.
func (e *Effects) stampsArgument(fn *ssa.Function, set *ssa.Store, param *ssa.Parameter) bool {
	p, ok := parameterBehind(set.Addr.(*ssa.FieldAddr).X)
	return ok && p == param && e.DepsOf(fn, set.Val).Now
}

// asksForZero tells whether a store is made only after a look at whether the argument has a time.
func (e *Effects) asksForZero(fn *ssa.Function, st *ssa.Store, param *ssa.Parameter) bool {
	return slices.ContainsFunc(Conditions(st.Block()), func(branch *ssa.If) bool {
		call, ok := branch.Cond.(*ssa.Call)
		return ok && program.Target(call) != nil && program.Target(call).Name() == "IsZero"
	})
}

// EmptyMerge is a call that merges conditions into the list of a status that was made anew, and so into none.
type EmptyMerge struct {
	Call *ssa.Call
	// Field names the list.
	Field string
	Merge *ssa.Function
}

// EmptyMerges returns the calls of own helpers which compare with the conditions that they are given, and are given none; in
// source order.
func (e *Effects) EmptyMerges() []EmptyMerge {
	var out []EmptyMerge
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			callees := e.Program.Static(site)
			if !ok || len(callees) != 1 || !keepsTransitions(callees[0]) {
				continue
			}
			for _, arg := range call.Call.Args {
				if field, empty := emptyConditions(call, arg); empty {
					out = append(out, EmptyMerge{Call: call, Field: field, Merge: callees[0]})
					break
				}
			}
		}
	}
	return out
}

// keepsTransitions tells whether a function takes times of transitions over from what it is given.
func keepsTransitions(fn *ssa.Function) bool {
	return slices.ContainsFunc(transitionStores(fn), func(st *ssa.Store) bool {
		load, ok := st.Val.(*ssa.UnOp)
		return ok && load.Op == token.MUL
	})
}

// emptyConditions tells whether an argument is the list of conditions in a local struct that nothing has put any into, and
// whether the result of the call becomes that list.
func emptyConditions(call *ssa.Call, arg ssa.Value) (field string, empty bool) {
	load, ok := arg.(*ssa.UnOp)
	if !ok || load.Op != token.MUL || kube.ClassOf(arg.Type()) != kube.Conditions {
		return "", false
	}
	f, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return "", false
	}
	status, ok := f.X.(*ssa.Alloc)
	if !ok || !types.Identical(call.Type(), arg.Type()) {
		return "", false
	}
	kept := false
	for _, ref := range *status.Referrers() {
		switch x := ref.(type) {
		case *ssa.Store:
			if x.Addr == status && MayPrecede(x, call) && !leavesEmpty(x.Val, f.Field) {
				return "", false // filled as a whole
			}
		case *ssa.FieldAddr:
			if x.Field != f.Field {
				continue
			}
			for _, use := range *x.Referrers() {
				st, isStore := use.(*ssa.Store)
				if isStore && st.Val == call {
					kept = true
				} else if isStore && MayPrecede(st, call) {
					return "", false
				} else if site, isCall := use.(ssa.CallInstruction); isCall && MayPrecede(site, call) {
					return "", false // its address was given away
				}
			}
		case ssa.CallInstruction:
			if MayPrecede(x, call) {
				return "", false
			}
		}
	}
	name, _ := fieldOf(f.X.Type(), f.Field)
	return typeNameOf(status.Type()) + "." + name, kept
}

// leavesEmpty tells whether a struct is a literal without a field.
func leavesEmpty(v ssa.Value, field int) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		_, zero := v.(*ssa.Const)
		return zero
	}
	literal, ok := load.X.(*ssa.Alloc)
	return ok && !slices.ContainsFunc(*literal.Referrers(), func(ref ssa.Instruction) bool {
		f, isField := ref.(*ssa.FieldAddr)
		_, read := ref.(*ssa.UnOp)
		return isField && f.Field == field || !isField && !read
	})
}

func typeNameOf(t types.Type) string {
	if n := program.Named(t); n != nil {
		return n.Obj().Name()
	}
	return "status"
}
