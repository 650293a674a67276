// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// failsAnyway tells whether a function returns an error, whatever way it takes from the failure of a call whose own error it drops.
func (e *Effects) failsAnyway(call *ssa.Call) bool {
	failed := e.FailureBlocks(call)
	if len(failed) == 0 {
		return e.errsAfter(call) // nobody looks at it
	}
	return !slices.ContainsFunc(failed, func(b *ssa.BasicBlock) bool { return !e.errsAfter(b.Instrs[0]) })
}

// errsAfter tells whether a function returns an error whatever way it takes from an instruction.
func (e *Effects) errsAfter(at ssa.Instruction) bool {
	if at.Block() == nil {
		return false
	}
	returns := 0
	for _, b := range at.Parent().Blocks {
		ret, ok := last(b).(*ssa.Return)
		if !ok || b != at.Block() && !reaches(at.Block(), b) {
			continue
		}
		if returns++; len(ret.Results) == 0 || !e.surelyError(returned(ret, len(ret.Results)-1), b, at, 0) {
			return false
		}
	}
	return returns > 0
}

// surelyError tells whether a value is an error that is not nil in a block that is come to from an instruction: one that is made
// there, a variable of the package that always holds one, or one that was found not to be nil, wrapped or not.
func (e *Effects) surelyError(v ssa.Value, b *ssa.BasicBlock, from ssa.Instruction, depth int) bool {
	if depth > 3 || !isErrorType(v.Type()) {
		return false
	}
	if failedBefore(v, b) {
		return true
	}
	switch x := v.(type) {
	case *ssa.MakeInterface:
		return true
	case *ssa.Phi: // what comes from other ways is another story
		return !slices.ContainsFunc(comingEdges(x, from), func(i int) bool {
			pred := x.Block().Preds[i]
			return !leavesFailed(x.Edges[i], pred, x.Block()) && !e.surelyError(x.Edges[i], pred, from, depth+1)
		})
	case *ssa.UnOp: // a variable: what was stored last before, in the block
		if st := storedLast(x); st != nil {
			return e.surelyError(st.Val, b, from, depth+1)
		}
		return e.holdsError(x.X)
	case *ssa.Call:
		t := program.Target(x)
		if t == nil || t.Pkg() == nil {
			return false
		}
		switch path := t.Pkg().Path(); {
		case path == "fmt" && t.Name() == "Errorf", strings.HasSuffix(path, "errors") && (t.Name() == "New" || t.Name() == "Errorf"):
			return true
		case strings.HasSuffix(path, "errors") && strings.HasPrefix(t.Name(), "Wrap"): // nil stays nil
			return e.surelyError(x.Call.Args[0], b, from, depth+1)
		}
	}
	return false
}

// comingEdges returns the edges of a phi over which a way from an instruction can come.
func comingEdges(phi *ssa.Phi, from ssa.Instruction) []int {
	var out []int
	for i, pred := range phi.Block().Preds {
		if pred == from.Block() || reaches(from.Block(), pred) {
			out = append(out, i)
		}
	}
	return out
}

// holdsError tells whether a variable of a package of own code is set to an error when the program starts, and to nothing else.
func (e *Effects) holdsError(addr ssa.Value) bool {
	global, ok := addr.(*ssa.Global)
	if !ok {
		return false
	}
	stored := e.Program.StoredAt(global)
	if len(stored) != 1 {
		return false
	}
	made, ok := stored[0].(ssa.Instruction)
	return ok && made.Parent().Name() == "init" && e.surelyError(stored[0], made.Block(), made, 1)
}

// storedLast returns the store in the block of a load that wrote the variable last before it.
func storedLast(load *ssa.UnOp) *ssa.Store {
	var found *ssa.Store
	for _, instr := range load.Block().Instrs {
		if instr == load {
			break
		}
		if st, ok := instr.(*ssa.Store); ok && st.Addr == load.X {
			found = st
		}
	}
	return found
}

// failedBefore tells whether a block runs only when an error, or a variable that holds it, was found not to be nil, or to be of a
// certain sort.
func failedBefore(err ssa.Value, b *ssa.BasicBlock) bool {
	asked := []ssa.Value{err}
	if load, ok := err.(*ssa.UnOp); ok {
		for _, ref := range refs(load.X) {
			if other, isLoad := ref.(*ssa.UnOp); isLoad && other.X == load.X {
				asked = append(asked, other)
			}
		}
	}
	for _, v := range asked {
		for _, ref := range refs(v) {
			for _, side := range foundFailed(v, ref) {
				if side.Dominates(b) && !assignedSince(err, side) {
					return true
				}
			}
		}
	}
	return false
}

// leavesFailed tells whether the last test of a block leads to another block only when an error is not nil.
func leavesFailed(err ssa.Value, pred, to *ssa.BasicBlock) bool {
	branch, ok := last(pred).(*ssa.If)
	if !ok || pred.Succs[0] == pred.Succs[1] {
		return false
	}
	op, ok := branch.Cond.(*ssa.BinOp)
	return ok && comparesNil(op, err) && (op.Op == token.NEQ && pred.Succs[0] == to || op.Op == token.EQL && pred.Succs[1] == to)
}

// comparesNil tells whether a comparison is that of a value with nil.
func comparesNil(op *ssa.BinOp, v ssa.Value) bool {
	return op.X == v && program.IsNil(op.Y) || op.Y == v && program.IsNil(op.X)
}

// foundFailed returns the blocks that run only where a test says that an error is not nil.
func foundFailed(err ssa.Value, test ssa.Instruction) []*ssa.BasicBlock {
	switch x := test.(type) {
	case *ssa.BinOp:
		if comparesNil(x, err) {
			return failedSides(x)
		}
	case *ssa.Call:
		row := program.Model(x)
		if row == nil || row.Effect != kube.ErrorFilter || !isBool(x.Type()) {
			return nil
		}
		var out []*ssa.BasicBlock
		for _, ref := range refs(x) {
			if branch, ok := ref.(*ssa.If); ok && len(branch.Block().Succs[0].Preds) == 1 {
				out = append(out, branch.Block().Succs[0])
			}
		}
		return out
	}
	return nil
}

// assignedSince tells whether the variable that a value is loaded from is assigned between the start of a block and the load.
func assignedSince(v ssa.Value, side *ssa.BasicBlock) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return false
	}
	for _, ref := range refs(load.X) {
		if st, isStore := ref.(*ssa.Store); isStore && st.Addr == load.X && side.Dominates(st.Block()) && MayPrecede(st, load) {
			return true
		}
	}
	return false
}
