// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Misread is a test whether an error is of a certain sort, whose other side makes a new error of it, also where there was none.
type Misread struct {
	// Call gives the error, Test asks of what sort it is, Made is the new error.
	Call, Test, Made *ssa.Call
}

// MisreadSuccesses returns these tests of own code, in source order.
func (e *Effects) MisreadSuccesses() []Misread {
	var out []Misread
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			test, ok := site.(*ssa.Call)
			row := program.Model(site)
			if !ok || row == nil || row.Effect != kube.ErrorFilter || !isBool(test.Type()) || len(test.Call.Args) != 1 {
				continue
			}
			if call := gives(test.Call.Args[0]); call != nil {
				if made := madeOfOthers(test, call); made != nil {
					out = append(out, Misread{Call: call, Test: test, Made: made})
				}
			}
		}
	}
	return out
}

// gives returns the call that an error comes from, in the same function; nil if it comes from elsewhere, where it may have been
// looked at.
func gives(err ssa.Value) *ssa.Call {
	switch x := err.(type) {
	case *ssa.Call:
		return x
	case *ssa.Extract:
		call, _ := x.Tuple.(*ssa.Call)
		return call
	case *ssa.UnOp:
		if st := storedLast(x); st != nil {
			return gives(st.Val)
		}
	}
	return nil
}

// madeOfOthers returns the call that makes a new error of what a test says is not of its sort, if that can be nil.
func madeOfOthers(test, call *ssa.Call) *ssa.Call {
	err := test.Call.Args[0]
	for _, ref := range refs(test) {
		branch, ok := ref.(*ssa.If)
		if !ok {
			continue
		}
		other := branch.Block().Succs[1]
		if len(other.Preds) != 1 || asksOtherResult(call, other) {
			continue
		}
		for _, b := range test.Parent().Blocks {
			if !other.Dominates(b) || failedBefore(err, b) {
				continue
			}
			for _, instr := range b.Instrs {
				if made, ok := instr.(*ssa.Call); ok && wraps(made, err) {
					return made
				}
			}
		}
	}
	return nil
}

// asksOtherResult tells whether a condition before a block looks at what the call gives besides its error: where there is none, there
// is an error.
func asksOtherResult(call *ssa.Call, b *ssa.BasicBlock) bool {
	for d := b.Idom(); d != nil; d = d.Idom() {
		branch, ok := last(d).(*ssa.If)
		if !ok || !call.Block().Dominates(d) {
			continue
		}
		op, ok := branch.Cond.(*ssa.BinOp)
		if ok && (isPartOf(op.X, call) || isPartOf(op.Y, call)) || isPartOf(branch.Cond, call) {
			return true
		}
	}
	return false
}

func isPartOf(v ssa.Value, call *ssa.Call) bool {
	part, ok := v.(*ssa.Extract)
	return ok && part.Tuple == call
}

// wraps tells whether a call makes an error of another one and a text, whatever the other is.
func wraps(call *ssa.Call, err ssa.Value) bool {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "fmt" || target.Name() != "Errorf" {
		return false
	}
	given, _ := program.Variadic(call, 1)
	return slices.ContainsFunc(given, func(v ssa.Value) bool { return sameError(stripped(v), err) })
}

// sameError tells whether two values are one error: the same value, or what is loaded from the same variable.
func sameError(a, b ssa.Value) bool {
	if a == b {
		return true
	}
	x, ok := a.(*ssa.UnOp)
	y, also := b.(*ssa.UnOp)
	return ok && also && x.X == y.X
}
