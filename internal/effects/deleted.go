// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// OnDeleted tells whether a change is made only when the object of the story is being deleted, as far as the code asks.
func (s *Story) OnDeleted(ch *Event) bool {
	at := ch.Origin
	for i := len(ch.Chain); ; i-- {
		for _, branch := range Conditions(at.Block()) {
			for side, succ := range branch.Block().Succs {
				if len(succ.Preds) == 1 && (succ == at.Block() || succ.Dominates(at.Block())) && s.e.saysDeleted(branch.Cond, side == 0, 0) {
					return true
				}
			}
		}
		if i == 0 {
			return false
		}
		at = ch.Chain[i-1]
	}
}

// saysDeleted tells whether a condition, by the answer given, says that an object has a time of deletion.
func (e *Effects) saysDeleted(cond ssa.Value, answer bool, depth int) bool {
	switch x := cond.(type) {
	case *ssa.UnOp:
		return x.Op == token.NOT && e.saysDeleted(x.X, !answer, depth)
	case *ssa.BinOp:
		set := x.Op == token.NEQ && answer || x.Op == token.EQL && !answer
		c, ok := x.Y.(*ssa.Const)
		return set && ok && c.Value == nil && e.timeOfDeletion(x.X)
	case *ssa.Call:
		if target := program.Target(x); target != nil && target.Name() == "IsZero" {
			recv := program.Receiver(x)
			if recv == nil && len(x.Call.Args) > 0 {
				recv = x.Call.Args[0]
			}
			return !answer && e.timeOfDeletion(recv)
		}
		return e.calleeSaysDeleted(x, answer, depth)
	}
	return false
}

// calleeSaysDeleted looks into a helper that answers the question, such as one called IsBeingDeleted.
func (e *Effects) calleeSaysDeleted(call *ssa.Call, answer bool, depth int) bool {
	callees := e.Program.Static(call)
	if depth > 2 || len(callees) != 1 {
		return false
	}
	returns := 0
	for _, b := range callees[0].Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok {
			continue
		}
		if returns++; len(ret.Results) != 1 || !e.saysDeleted(ret.Results[0], answer, depth+1) {
			return false
		}
	}
	return returns > 0
}

// timeOfDeletion recognises what an object keeps as the time of its deletion.
func (e *Effects) timeOfDeletion(v ssa.Value) bool {
	if call, ok := v.(*ssa.Call); ok {
		target := program.Target(call)
		return target != nil && target.Name() == "GetDeletionTimestamp"
	}
	fn := v.Parent()
	if fn == nil {
		return false
	}
	for _, p := range e.Places(fn, v) {
		if p.Path == "DeletionTimestamp" {
			return true
		}
	}
	return false
}
