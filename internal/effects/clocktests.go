// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// clockGuard is what a branch has to do with a reading of the clock and a time.
type clockGuard struct {
	// same: it tests the very reading. other: it tests the time with another reading, which is earlier.
	same, other bool
	earlier     ssa.Instruction
}

// clockTest looks at what a branch's condition is computed from in its function.
func (e *Effects) clockTest(branch *ssa.If, reading, until ssa.Value) clockGuard {
	s := &slice{e: e, seen: make(map[ssa.Value]bool)}
	s.back(branch.Cond)
	if s.seen[reading] || s.seen[e.readOnce(reading)] {
		return clockGuard{same: true}
	}
	if s.clock == nil {
		return clockGuard{}
	}
	for v := range s.seen {
		if e.sameTime(v, until) {
			return clockGuard{other: true, earlier: s.clock}
		}
	}
	for _, d := range e.DepsOf(branch.Parent(), branch.Cond).Places {
		for _, t := range e.DepsOf(branch.Parent(), until).Places {
			if d.Object == t.Object && d.Path != "" && d.Path == t.Path {
				return clockGuard{other: true, earlier: s.clock}
			}
		}
	}
	return clockGuard{}
}

// readOnce returns the variable that a reading of the clock is taken out of, where that is assigned once: now for now.Time.
func (e *Effects) readOnce(reading ssa.Value) ssa.Value {
	cell, ok := bareTime(reading).(*ssa.Alloc)
	if !ok || len(e.Program.StoredAt(cell)) != 1 {
		return nil
	}
	return cell
}

// sameTime tells whether two values are one, or loads of one place.
func (e *Effects) sameTime(a, b ssa.Value) bool {
	if a == b {
		return true
	}
	x, ok1 := a.(*ssa.UnOp)
	y, ok2 := b.(*ssa.UnOp)
	if !ok1 || !ok2 || x.Op != token.MUL || y.Op != token.MUL {
		return false
	}
	return x.X == y.X || samePath(x.X, y.X, 0)
}

// samePath tells whether two addresses are the same fields of the same value.
func samePath(a, b ssa.Value, depth int) bool {
	if a == b {
		return true
	}
	if depth > 12 {
		return false
	}
	switch x := a.(type) {
	case *ssa.FieldAddr:
		y, ok := b.(*ssa.FieldAddr)
		return ok && x.Field == y.Field && samePath(x.X, y.X, depth+1)
	case *ssa.UnOp:
		y, ok := b.(*ssa.UnOp)
		return ok && x.Op == y.Op && samePath(x.X, y.X, depth+1)
	}
	return false
}

// slice is what a value is computed from inside its function.
type slice struct {
	e     *Effects
	seen  map[ssa.Value]bool
	clock ssa.Instruction // a reading of the clock that takes part
}

func (s *slice) back(v ssa.Value) {
	if v == nil || s.seen[v] || len(s.seen) > depsBudget {
		return
	}
	s.seen[v] = true
	if call, ok := v.(*ssa.Call); ok {
		if t := program.Target(call); t != nil && isNow(t) || s.e.DepsOf(call.Parent(), call).Now {
			s.clock = call
		}
	}
	if alloc, ok := v.(*ssa.Alloc); ok {
		for _, stored := range s.e.Program.StoredAt(alloc) {
			s.back(stored)
		}
		return
	}
	if instr, ok := v.(ssa.Instruction); ok {
		for _, op := range instr.Operands(nil) {
			if *op != nil {
				s.back(*op)
			}
		}
	}
}
