// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// errorUse is what a function does with the error of one of its calls.
type errorUse struct {
	returned bool // it, or an error made in its stead, is returned
	tested   bool // somebody asks whether it is a conflict
	dropped  bool // a conflict is passed over as if the call had succeeded
	requeued bool // a result that asks for another call is returned
	retried  bool // it starts the call again, in a loop that success leaves
	escaped  bool // it goes where the code does not show
}

// errorUse follows the error result of call through its function.
func (e *Effects) errorUse(call *ssa.Call) errorUse {
	u := &useWalk{e: e, call: call, seen: make(map[ssa.Value]bool)}
	if err := errorResult(call); err != nil {
		u.value(err)
	}
	return u.out
}

// errorResult returns the value that holds the error of a call; nil when the code ignores it.
func errorResult(call *ssa.Call) ssa.Value {
	if isErrorType(call.Type()) {
		return call
	}
	tuple, ok := call.Type().(*types.Tuple)
	if !ok || tuple.Len() == 0 || !isErrorType(tuple.At(tuple.Len()-1).Type()) {
		return nil
	}
	for _, ref := range *call.Referrers() {
		if ex, ok := ref.(*ssa.Extract); ok && ex.Index == tuple.Len()-1 {
			return ex
		}
	}
	return nil
}

type useWalk struct {
	e    *Effects
	call *ssa.Call
	seen map[ssa.Value]bool
	out  errorUse
}

func (u *useWalk) value(v ssa.Value) {
	if v == nil || u.seen[v] || v.Referrers() == nil {
		return
	}
	u.seen[v] = true
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.Return:
			u.out.returned = true
		case *ssa.Phi, *ssa.MakeInterface, *ssa.ChangeInterface, *ssa.ChangeType, *ssa.TypeAssert, *ssa.Extract, *ssa.Slice:
			u.value(x.(ssa.Value))
		case *ssa.Store:
			if x.Val == v {
				u.store(x)
			}
		case *ssa.BinOp:
			u.compared(x)
		case ssa.CallInstruction:
			u.passed(x, v)
		case *ssa.Send, *ssa.MapUpdate, *ssa.MakeClosure, *ssa.Panic:
			u.out.escaped = true
		}
	}
}

// store follows an error into a variable, an element of a variadic argument, or out of sight.
func (u *useWalk) store(st *ssa.Store) {
	switch addr := st.Addr.(type) {
	case *ssa.Alloc:
		u.loads(addr)
	case *ssa.IndexAddr:
		if alloc, ok := addr.X.(*ssa.Alloc); ok {
			for _, ref := range *alloc.Referrers() {
				if sl, ok := ref.(*ssa.Slice); ok {
					u.value(sl)
				}
			}
		}
	default:
		u.out.escaped = true
	}
}

// loads follows a variable: where it is read here, and in the closures that captured it.
func (u *useWalk) loads(variable ssa.Value) {
	if u.seen[variable] || variable.Referrers() == nil {
		return
	}
	u.seen[variable] = true
	for _, ref := range *variable.Referrers() {
		switch x := ref.(type) {
		case *ssa.UnOp:
			if x.Op == token.MUL {
				u.value(x)
			}
		case *ssa.MakeClosure:
			u.out.escaped = true
		}
	}
}

// passed follows an error into a call: a test, a wrapper that gives another error, an own function, or a log.
func (u *useWalk) passed(site ssa.CallInstruction, v ssa.Value) {
	call, ok := site.(*ssa.Call)
	if !ok {
		return
	}
	if b, ok := call.Call.Value.(*ssa.Builtin); ok {
		if b.Name() == "append" {
			u.value(call)
		}
		return
	}
	if row := program.Model(call); row != nil && row.Effect == kube.ErrorFilter && row.Name == "IsConflict" {
		if u.e.dropsConflict(call) {
			u.out.dropped = true
		} else {
			u.out.tested = true
		}
		return
	}
	for _, callee := range u.e.Program.Static(call) {
		if slices.ContainsFunc(callee.Blocks, queues) {
			u.out.requeued = true // handleErr(err, key): it puts the key back
		}
		if asksForConflict(callee) {
			u.out.tested = true
			return
		}
		if len(u.e.Program.Static(call)) > 0 && !givesError(call) {
			continue
		}
	}
	if givesError(call) {
		u.result(call)
	}
}

// result goes on with what a wrapper makes of the error.
func (u *useWalk) result(call *ssa.Call) {
	if _, isTuple := call.Type().(*types.Tuple); !isTuple {
		u.value(call)
		return
	}
	for _, ref := range *call.Referrers() {
		if ex, ok := ref.(*ssa.Extract); ok {
			u.value(ex)
		}
	}
}

// givesError tells whether a call returns an error, a list of errors, or a result that a framework takes.
func givesError(call *ssa.Call) bool {
	t := call.Type()
	if tuple, ok := t.(*types.Tuple); ok {
		return tuple.Len() > 0 && isErrorType(tuple.At(tuple.Len()-1).Type())
	}
	if types.IsInterface(t) && types.Implements(t, errorInterface()) {
		return true
	}
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		return types.Implements(ptr, errorInterface())
	}
	return isErrorType(t) || isResult(t)
}

func errorInterface() *types.Interface {
	return types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
}

func isResult(t types.Type) bool {
	named := program.Named(t)
	return named != nil && (named.Obj().Name() == "Result" || named.Obj().Name() == "Response")
}

// asksForConflict tells whether an own function tests an error for a conflict.
func asksForConflict(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		if row := program.Model(site); row != nil && row.Effect == kube.ErrorFilter && row.Name == "IsConflict" {
			return true
		}
	}
	return false
}

// compared looks at the branch that runs when the error is not nil: what it returns, and whether success leaves the loop.
func (u *useWalk) compared(op *ssa.BinOp) {
	if op.Op != token.EQL && op.Op != token.NEQ {
		return
	}
	for _, ref := range *op.Referrers() {
		branch, ok := ref.(*ssa.If)
		if !ok {
			continue
		}
		failed, fine := branch.Block().Succs[0], branch.Block().Succs[1]
		if op.Op == token.EQL {
			failed, fine = fine, failed
		}
		u.branch(failed)
		home := u.call.Block()
		if reaches(home, home) && (failed == home || reaches(failed, home)) && fine != home && !reaches(fine, home) {
			u.out.retried = true
		}
	}
}

// branch looks at the returns of a failure: another error, or a result that asks to be called again.
func (u *useWalk) branch(failed *ssa.BasicBlock) {
	if len(failed.Preds) != 1 {
		return
	}
	for _, b := range failed.Parent().Blocks {
		if b != failed && !failed.Dominates(b) {
			continue
		}
		u.out.requeued = u.out.requeued || queues(b)
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok {
			continue
		}
		for _, res := range ret.Results {
			switch {
			case isErrorType(res.Type()):
				if c, isConst := res.(*ssa.Const); !isConst || c.Value != nil {
					u.out.returned = true
				}
			case isResult(res.Type()):
				if !isZero(res) {
					u.out.requeued = true
				}
			}
		}
	}
}

// queues tells whether a block puts a key into a work queue.
func queues(b *ssa.BasicBlock) bool {
	return slices.ContainsFunc(b.Instrs, func(instr ssa.Instruction) bool {
		site, ok := instr.(ssa.CallInstruction)
		if !ok {
			return false
		}
		row := program.Model(site)
		return row != nil && row.Effect == kube.Queue && strings.HasPrefix(row.Name, "Add")
	})
}

// isZero tells whether a struct value is the zero value, such as ctrl.Result{}.
func isZero(v ssa.Value) bool { return zeroAfter(v, make(map[*ssa.Alloc]bool)) }

// zeroAfter is isZero for the variables that were not looked at yet: one can be assigned to itself over others.
func zeroAfter(v ssa.Value, seen map[*ssa.Alloc]bool) bool {
	switch x := v.(type) {
	case *ssa.Const:
		return true
	case *ssa.UnOp:
		alloc, ok := x.X.(*ssa.Alloc)
		if !ok || x.Op != token.MUL || seen[alloc] {
			return false
		}
		seen[alloc] = true
		for _, ref := range *alloc.Referrers() {
			switch r := ref.(type) {
			case *ssa.FieldAddr:
				return false
			case *ssa.Store:
				if r.Addr == alloc {
					return zeroAfter(r.Val, seen)
				}
			}
		}
		return true
	}
	return false
}

// LooksAtError tells whether the code keeps the error of a call at all.
func LooksAtError(call *ssa.Call) bool {
	err := errorResult(call)
	return err != nil && err.Referrers() != nil && len(*err.Referrers()) > 0
}
