// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// fact says of a variable that is set once whether it is nil.
type fact struct {
	variable string
	isNil    bool
}

// contradict tells whether two places can not both be reached in one life of the variables that their conditions ask for: a
// variable that is set once would have to be nil for the one and something for the other.
func (e *Effects) contradict(a, b *ssa.BasicBlock) bool {
	known := e.factsAt(b)
	for f := range e.factsAt(a) {
		if known[fact{f.variable, !f.isNil}] {
			return true
		}
	}
	return false
}

// factsAt returns what the conditions on the way to a block say.
func (e *Effects) factsAt(b *ssa.BasicBlock) map[fact]bool {
	out := make(map[fact]bool)
	for d := b.Idom(); d != nil; d = d.Idom() {
		branch, ok := last(d).(*ssa.If)
		if !ok {
			continue
		}
		for i, succ := range d.Succs {
			if len(succ.Preds) == 1 && (succ == b || succ.Dominates(b)) {
				for f := range e.factsOf(branch.Cond, i == 0, 0) {
					out[f] = true
				}
			}
		}
	}
	return out
}

// factsOf returns what follows from the truth of a condition.
func (e *Effects) factsOf(cond ssa.Value, truth bool, depth int) map[fact]bool {
	switch x := cond.(type) {
	case *ssa.UnOp:
		if x.Op == token.NOT {
			return e.factsOf(x.X, !truth, depth)
		}
	case *ssa.BinOp:
		if name := e.setOnce(x.X); name != "" && program.IsNil(x.Y) && (x.Op == token.EQL || x.Op == token.NEQ) {
			return map[fact]bool{{name, (x.Op == token.EQL) == truth}: true}
		}
	case *ssa.Phi:
		if depth > 3 {
			return nil
		}
		var common map[fact]bool
		for _, edge := range x.Edges {
			if c, ok := edge.(*ssa.Const); ok && c.Value != nil && constant.BoolVal(c.Value) != truth {
				continue // not on this way
			}
			facts := e.factsOf(edge, truth, depth+1)
			if common == nil {
				common = facts
			}
			for f := range common {
				if !facts[f] {
					delete(common, f)
				}
			}
			if len(common) == 0 {
				return nil
			}
		}
		return common
	}
	return nil
}

// setOnce names the local variable that a value was read from, where it is set in one place; "" for anything else.
func (e *Effects) setOnce(v ssa.Value) string {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return ""
	}
	cell, ok := load.X.(*ssa.Alloc)
	if free, captured := load.X.(*ssa.FreeVar); captured {
		if bound := e.Program.Bindings(free); len(bound) == 1 {
			cell, ok = bound[0].(*ssa.Alloc)
		}
	}
	if !ok || len(e.Program.StoredAt(cell)) != 1 {
		return ""
	}
	return e.Variable(cell)
}
