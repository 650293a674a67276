// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// AskedAgain tells whether the reconcile in which the way of an error ends is run again whatever becomes of it: each return that it
// can come to from there gives an error, or a time to come back.
func (e *Effects) AskedAgain(f ErrorFate) bool { return e.askedAgainAfter(f.At, 0) }

func (e *Effects) askedAgainAfter(at ssa.Instruction, depth int) bool {
	fn := at.Parent()
	if en := e.entryOf(fn); en != nil {
		return en.Requeues && e.asksAfter(at)
	}
	edges := slices.DeleteFunc(slices.Clone(e.Program.Callers(fn)), func(edge program.Edge) bool { return e.Program.InTest(edge.Caller()) })
	return len(edges) > 0 && depth < errorFateDepth && !slices.ContainsFunc(edges, func(edge program.Edge) bool {
		return edge.How == program.Starts || !e.askedAgainAfter(edge.Site, depth+1)
	})
}

// asksAfter tells whether a reconcile asks to be run again whatever way it takes from an instruction.
func (e *Effects) asksAfter(at ssa.Instruction) bool {
	fn := at.Parent()
	if slices.ContainsFunc(deferredIn(fn), AsksAgain) {
		return true // what it returns is completed at the end
	}
	some := false
	for _, b := range fn.Blocks {
		ret, ok := last(b).(*ssa.Return)
		if !ok || b != at.Block() && !reaches(at.Block(), b) {
			continue
		}
		if some = true; !e.asksOrFails(ret, at, 0) {
			return false
		}
	}
	return some
}

// asksOrFails tells whether a return of a reconcile, or of a step of it, gives an error that is not nil or a time to come back.
func (e *Effects) asksOrFails(ret *ssa.Return, from ssa.Instruction, depth int) bool {
	if len(ret.Results) != 2 || depth > errorFateDepth {
		return false
	}
	if step := stepOf(ret); step != nil {
		callees := e.Program.Static(step)
		return len(callees) > 0 && !slices.ContainsFunc(callees, func(callee *ssa.Function) bool {
			return slices.ContainsFunc(callee.Blocks, func(b *ssa.BasicBlock) bool {
				inner, ok := last(b).(*ssa.Return)
				return ok && !e.asksOrFails(inner, callee.Blocks[0].Instrs[0], depth+1)
			})
		})
	}
	return comesBack(returned(ret, 0), 0) || e.surelyError(returned(ret, 1), ret.Block(), from, 0)
}

// stepOf returns the call that gives both results of a return.
func stepOf(ret *ssa.Return) *ssa.Call {
	result, ok := returned(ret, 0).(*ssa.Extract)
	if !ok {
		return nil
	}
	err, ok := returned(ret, 1).(*ssa.Extract)
	if !ok || err.Tuple != result.Tuple {
		return nil
	}
	step, _ := result.Tuple.(*ssa.Call)
	return step
}

// deferredIn lists the function literals that a function defers.
func deferredIn(fn *ssa.Function) []*ssa.Function {
	var out []*ssa.Function
	for site := range program.Sites(fn) {
		if d, ok := site.(*ssa.Defer); ok {
			if closure, made := d.Call.Value.(*ssa.MakeClosure); made {
				out = append(out, closure.Fn.(*ssa.Function))
			}
		}
	}
	return out
}

// comesBack tells whether the result of a reconcile surely has a time after which it is to be run again, or asks for that at once.
func comesBack(result ssa.Value, depth int) bool {
	switch x := result.(type) {
	case *ssa.Phi:
		return depth < 4 && !slices.ContainsFunc(x.Edges, func(v ssa.Value) bool { return !comesBack(v, depth+1) })
	case *ssa.UnOp:
		cell, ok := x.X.(*ssa.Alloc)
		return ok && depth < 4 && cellComesBack(cell, depth+1)
	}
	return false
}

// cellComesBack tells whether a variable with a result is given a time to come back, field by field or as a whole.
func cellComesBack(cell *ssa.Alloc, depth int) bool {
	whole, all := false, true
	for _, ref := range refs(cell) {
		switch x := ref.(type) {
		case *ssa.FieldAddr:
			if name, _ := fieldOf(x.X.Type(), x.Field); (name == "RequeueAfter" || name == "Requeue") && slices.ContainsFunc(refs(x), storesSome) {
				return true
			}
		case *ssa.Store:
			if x.Addr == cell {
				whole, all = true, all && comesBack(x.Val, depth)
			}
		}
	}
	return whole && all
}

// storesSome tells whether an instruction stores something that is not zero.
func storesSome(instr ssa.Instruction) bool {
	st, ok := instr.(*ssa.Store)
	return ok && !zeroConst(st.Val)
}
