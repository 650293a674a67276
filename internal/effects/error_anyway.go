// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// FailsAnyway tells whether an error that is dropped ends in a function that the framework calls again on an error, and that
// returns another error whatever way it takes from there.
func (e *Effects) FailsAnyway(f ErrorFate) bool {
	en := e.entryOf(f.Func)
	if f.Kind != ErrorDropped || en == nil || !en.Requeues || f.At.Block() == nil {
		return false
	}
	return errsAfter(f.At)
}

// errsAfter tells whether a function returns an error whatever way it takes from an instruction.
func errsAfter(at ssa.Instruction) bool {
	returns := 0
	for _, b := range at.Parent().Blocks {
		ret, ok := last(b).(*ssa.Return)
		if !ok || b != at.Block() && !reaches(at.Block(), b) {
			continue
		}
		if returns++; len(ret.Results) == 0 || !surelyError(returned(ret, len(ret.Results)-1), b, 0) {
			return false
		}
	}
	return returns > 0
}

// surelyError tells whether a value is an error that is not nil in a block: one that is made there, or was found not to be nil,
// wrapped or not.
func surelyError(v ssa.Value, b *ssa.BasicBlock, depth int) bool {
	if depth > 3 || !isErrorType(v.Type()) {
		return false
	}
	if failedBefore(v, b) {
		return true
	}
	switch x := v.(type) {
	case *ssa.MakeInterface:
		return true
	case *ssa.UnOp: // a variable: what was stored last before, in the block
		if st := storedLast(x); st != nil {
			return surelyError(st.Val, b, depth+1)
		}
	case *ssa.Call:
		t := program.Target(x)
		if t == nil || t.Pkg() == nil {
			return false
		}
		switch path := t.Pkg().Path(); {
		case path == "fmt" && t.Name() == "Errorf", strings.HasSuffix(path, "errors") && (t.Name() == "New" || t.Name() == "Errorf"):
			return true
		case strings.HasSuffix(path, "errors") && strings.HasPrefix(t.Name(), "Wrap"): // nil stays nil
			return surelyError(x.Call.Args[0], b, depth+1)
		}
	}
	return false
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

// failedBefore tells whether a block runs only when an error, or a variable that holds it, was found not to be nil.
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
			op, ok := ref.(*ssa.BinOp)
			if !ok {
				continue
			}
			for _, side := range failedSides(op) {
				if side.Dominates(b) && !assignedSince(err, side) {
					return true
				}
			}
		}
	}
	return false
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
