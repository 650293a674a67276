// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// failureOf returns the error of a call of own code that is given a resource, when the callee can fail without having
// stopped or kept it: then the resource is the caller's again. nil for other instructions.
func (g *Goroutines) failureOf(instr ssa.Instruction, names []ssa.Value) ssa.Value {
	call, ok := instr.(*ssa.Call)
	if !ok {
		return nil
	}
	results := call.Call.Signature().Results()
	if !program.ReturnsError(call.Call.Signature()) {
		return nil
	}
	if isResponse(names[0].Type()) && !g.closesBody(call, names, 0) {
		return nil // it only reads
	}
	edges := g.p.Callees(call)
	if len(edges) != 1 || edges[0].Arg >= 0 || edges[0].How == program.Starts {
		return nil // which function runs is not known
	}
	given := false
	for i, param := range edges[0].Callee.Params {
		if !isName(program.ArgumentFor(edges[0], i), names) {
			continue
		}
		if i == 0 && edges[0].Callee.Signature.Recv() != nil || !g.failsWith(edges[0].Callee, param) {
			return nil // a method of the resource itself; or the callee sees to it on each way out
		}
		given = true
	}
	if !given {
		return nil
	}
	if results.Len() == 1 {
		return call
	}
	return tupleElement(call, results.Len()-1)
}

// isName tells whether a value, or what it was converted from, is one of the values.
func isName(v ssa.Value, names []ssa.Value) bool {
	for _, name := range names {
		if v != nil && (v == name || stripped(v) == name) {
			return true
		}
	}
	return false
}

// failsWith tells whether fn can return an error, and nothing else, before it stops a parameter, stores it or hands it on.
func (g *Goroutines) failsWith(fn *ssa.Function, param *ssa.Parameter) bool {
	if len(fn.Blocks) == 0 {
		return false
	}
	names := aliases(param)
	if isResponse(param.Type()) {
		names = withBody(names)
	}
	seen := map[*ssa.BasicBlock]bool{fn.Blocks[0]: true}
	queue := []*ssa.BasicBlock{fn.Blocks[0]}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		stopped := false
		for _, instr := range b.Instrs {
			if stopped = g.lets(instr, names) || stores(instr, names); stopped {
				break
			}
			if ret, ok := instr.(*ssa.Return); ok && onlyError(ret) {
				return true
			}
		}
		for i, succ := range b.Succs {
			if !stopped && !seen[succ] && !endedOn(b, i, names) {
				seen[succ] = true
				queue = append(queue, succ)
			}
		}
	}
	return false
}

// stores tells whether an instruction keeps a value beyond its function, or in something that may.
func stores(instr ssa.Instruction, names []ssa.Value) bool {
	switch x := instr.(type) {
	case *ssa.Store:
		_, local := x.Addr.(*ssa.Alloc)
		return !local && isName(x.Val, names)
	case *ssa.MapUpdate:
		return isName(x.Value, names)
	case *ssa.Send:
		return isName(x.X, names)
	case *ssa.MakeClosure:
		for _, bound := range x.Bindings {
			if isName(bound, names) {
				return true
			}
		}
	}
	return false
}

// resultsOf returns what a return hands out. A function that defers keeps its results in variables, which every return sets.
func resultsOf(ret *ssa.Return) []ssa.Value {
	out := slices.Clone(ret.Results)
	for i, result := range out {
		load, ok := result.(*ssa.UnOp)
		if !ok || load.Op != token.MUL {
			continue
		}
		if cell, ok := load.X.(*ssa.Alloc); ok {
			if held := contentOf(cell, load); len(held) == 1 {
				out[i] = held[0]
			}
		}
	}
	return out
}

// onlyError tells whether a return hands out an error and zero values besides.
func onlyError(ret *ssa.Return) bool {
	last := len(ret.Results) - 1
	for i, result := range resultsOf(ret) {
		zero := zeroConst(result)
		if i < last && !zero || i == last && zero {
			return false
		}
	}
	return last >= 0
}

// zeroConst tells whether a value is nil, "", 0 or false.
func zeroConst(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	if !ok || c.Value == nil {
		return ok
	}
	switch c.Value.Kind() {
	case constant.String:
		return constant.StringVal(c.Value) == ""
	case constant.Bool:
		return !constant.BoolVal(c.Value)
	}
	return constant.Sign(c.Value) == 0
}

// outcome tells where a branch leads that tests a pending failure: failed or not; tested is false for other branches.
func outcome(b *ssa.BasicBlock, succ int, failure ssa.Value) (failed, tested bool) {
	branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
	if !ok {
		return false, false
	}
	cmp, ok := branch.Cond.(*ssa.BinOp)
	if !ok || cmp.X != failure || cmp.Op != token.NEQ && cmp.Op != token.EQL {
		return false, false
	}
	return (cmp.Op == token.NEQ) == (succ == 0), true
}

// hands tells whether a return hands out a value.
func hands(ret *ssa.Return, v ssa.Value) bool {
	for _, result := range resultsOf(ret) {
		if result == v {
			return true
		}
	}
	return false
}
