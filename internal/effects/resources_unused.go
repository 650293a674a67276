// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// use tells what an instruction does to a client of a library that connects when it is first needed: used is set when a
// method was called that needs the connection, and attempt is the error of one that connects, which tells whether it did.
// Making more out of a client asks nothing of the other side.
func use(instr ssa.Instruction, names []ssa.Value) (used bool, attempt ssa.Value) {
	call, ok := instr.(ssa.CallInstruction)
	if !ok {
		return false, nil
	}
	target, recv := program.Target(call), program.Receiver(call)
	if recv == nil || target == nil || !slices.Contains(names, recv) {
		return slices.ContainsFunc(call.Common().Args, func(arg ssa.Value) bool { return isName(arg, names) }), nil
	}
	if strings.HasPrefix(target.Name(), "New") {
		return false, nil
	}
	results := target.Signature().Results()
	if target.Name() == "Connect" && results.Len() > 0 && isErrorType(results.At(results.Len()-1).Type()) && call.Value() != nil {
		if attempt = call.Value(); results.Len() > 1 {
			attempt = tupleElement(call, results.Len()-1)
		}
	}
	return true, attempt
}

// neverNil tells whether a value is the object that a method of a typed client returned: it is there with an error, too.
// Source: k8s.io/client-go/gentype, (*Client).Get and its neighbours.
func neverNil(v ssa.Value) bool {
	ex, ok := v.(*ssa.Extract)
	if !ok || ex.Index != 0 {
		return false
	}
	call, ok := ex.Tuple.(*ssa.Call)
	if !ok {
		return false
	}
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && strings.HasPrefix(target.Pkg().Path(), "k8s.io/client-go/kubernetes/typed/") && target.Name() != "Watch"
}

// impossible tells whether a branch is never taken: it is the one for nil of what is never nil.
func impossible(b *ssa.BasicBlock, succ int) bool {
	branch, ok := last(b).(*ssa.If)
	if !ok {
		return false
	}
	test, ok := branch.Cond.(*ssa.BinOp)
	return ok && program.IsNil(test.Y) && neverNil(test.X) && (test.Op == token.EQL && succ == 0 || test.Op == token.NEQ && succ == 1)
}
