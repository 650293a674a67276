// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// failed tells whether a branch is taken when the resource was not made at all: its error is not nil, or some function
// says what kind of error it is; or the truth that was returned with it is false.
func failed(b *ssa.BasicBlock, succ int, err ssa.Value) bool {
	branch, ok := last(b).(*ssa.If)
	if !ok || err == nil {
		return false
	}
	cond, negated := positive(branch.Cond)
	if negated {
		succ = 1 - succ
	}
	if types.Identical(err.Type(), types.Typ[types.Bool]) {
		return succ == 1 && sameValue(cond, err)
	}
	switch cond := cond.(type) {
	case *ssa.BinOp:
		if !sameValue(cond.X, err) {
			return false
		}
		isSet := cond.Op == token.NEQ && succ == 0 || cond.Op == token.EQL && succ == 1
		return (cond.Op == token.NEQ || cond.Op == token.EQL) && isSet == (constOf(cond.Y) == nil)
	case *ssa.Call:
		return succ == 0 && slices.ContainsFunc(cond.Call.Args, func(arg ssa.Value) bool { return sameValue(arg, err) })
	}
	return false
}

// positive takes the negations off a condition.
func positive(cond ssa.Value) (v ssa.Value, negated bool) {
	for {
		not, ok := cond.(*ssa.UnOp)
		if !ok || not.Op != token.NOT {
			return cond, negated
		}
		cond, negated = not.X, !negated
	}
}

// endedOn tells whether a branch is taken when the resource has ended by itself or never was: it is nil, it says that it is
// closed or failed, its last row or event was read, or reading from it failed.
func endedOn(b *ssa.BasicBlock, succ int, names []ssa.Value) bool {
	branch, ok := last(b).(*ssa.If)
	if !ok {
		return false
	}
	cond, negated := positive(branch.Cond)
	if negated {
		succ = 1 - succ
	}
	switch cond := cond.(type) {
	case *ssa.BinOp:
		unset := constOf(cond.Y) == nil && (cond.Op == token.EQL && succ == 0 || cond.Op == token.NEQ && succ == 1)
		set := constOf(cond.Y) == nil && (cond.Op == token.EQL && succ == 1 || cond.Op == token.NEQ && succ == 0)
		return unset && slices.Contains(names, cond.X) || set && (callOf(cond.X, names, "Err") || readError(cond.X, names))
	case *ssa.Call:
		return succ == 1 && callOf(cond, names, "Next") || succ == 0 && (callOf(cond, names, "Closed") || callOf(cond, names, "IsClosed"))
	case *ssa.Extract:
		return succ == 1 && drained(cond, names)
	}
	return false
}

// callOf tells whether a value is the result of a method of the resource.
func callOf(v ssa.Value, names []ssa.Value, method string) bool {
	call, ok := v.(*ssa.Call)
	if !ok {
		return false
	}
	target := program.Target(call)
	return target != nil && target.Name() == method && slices.Contains(names, program.Receiver(call))
}

// readError tells whether a value is the error of a function that reads all of what it is given: after it the connection
// is not used again.
func readError(v ssa.Value, names []ssa.Value) bool {
	ex, ok := v.(*ssa.Extract)
	if !ok {
		return false
	}
	call, ok := ex.Tuple.(*ssa.Call)
	return ok && reads(program.Target(call)) && slices.ContainsFunc(call.Call.Args, func(arg ssa.Value) bool {
		return isName(arg, names) || slices.ContainsFunc(readThrough(arg), func(v ssa.Value) bool { return isName(v, names) })
	})
}

// readThrough returns what a reader made by the library around others is given, as by io.LimitReader.
func readThrough(v ssa.Value) []ssa.Value {
	call, ok := stripped(v).(*ssa.Call)
	if !ok || !reads(program.Target(call)) {
		return nil
	}
	return call.Call.Args
}

// drained tells whether a value says that the channel of a watch is still open.
func drained(more *ssa.Extract, names []ssa.Value) bool {
	recv, ok := more.Tuple.(*ssa.UnOp)
	return ok && more.Index == 1 && recv.Op == token.ARROW && callOf(recv.X, names, "ResultChan")
}

// sameValue looks through a variable that was assigned on one or several branches just before it was read.
func sameValue(v, want ssa.Value) bool {
	if v == want {
		return true
	}
	if phi, ok := v.(*ssa.Phi); ok && slices.Contains(phi.Edges, want) {
		return true
	}
	if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
		switch load.X.(type) {
		case *ssa.Alloc, *ssa.FreeVar:
			for _, ref := range refs(load.X) {
				if store, ok := ref.(*ssa.Store); ok && store.Val == want {
					return true
				}
			}
		}
	}
	return false
}
