// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/constant"
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// when is what a parameter of a function must be for something in it to happen: equal to a constant, or another than it. The
// zero when says nothing.
type when struct {
	param *ssa.Parameter
	value string // of the constant, as Go writes it
	equal bool
}

// whenOf returns what the nearest test of a parameter before an instruction says about it.
func whenOf(instr ssa.Instruction) when {
	block := instr.Block()
	for at := block.Idom(); at != nil; at = at.Idom() {
		branch, ok := at.Instrs[len(at.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		w, ok := comparison(branch.Cond)
		if !ok {
			continue
		}
		for i, succ := range at.Succs {
			if len(succ.Preds) == 1 && succ.Dominates(block) {
				w.equal = w.equal == (i == 0)
				return w
			}
		}
	}
	return when{}
}

// comparison reads a condition that compares a parameter with a constant.
func comparison(cond ssa.Value) (when, bool) {
	test, negated := plainTest(cond)
	switch x := test.(type) {
	case *ssa.Parameter:
		return when{x, "true", !negated}, true
	case *ssa.BinOp:
		param, ok := x.X.(*ssa.Parameter)
		c, isConst := x.Y.(*ssa.Const)
		if ok && isConst && c.Value != nil && (x.Op == token.EQL || x.Op == token.NEQ) {
			return when{param, c.Value.ExactString(), (x.Op == token.EQL) != negated}, true
		}
	}
	return when{}, false
}

// at says what holds for the caller when it holds for the callee. never is set when the call gives a constant with which it can
// not happen.
func (w when) at(e program.Edge) (up when, never bool) {
	if w.param == nil {
		return when{}, false
	}
	switch arg := program.ArgumentFor(e, slices.Index(e.Callee.Params, w.param)).(type) {
	case *ssa.Const:
		if arg.Value == nil || arg.Value.Kind() == constant.Unknown {
			return when{}, false
		}
		return when{}, (arg.Value.ExactString() == w.value) != w.equal
	case *ssa.Parameter:
		return when{arg, w.value, w.equal}, false
	}
	return when{}, false
}
