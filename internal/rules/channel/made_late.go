// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// madeLate tells of an operation on a channel field that only a goroutine of the same function sets: when the operation
// is the faster one, the channel is nil, and it never returns.
func madeLate(p *rule.Pass, op *effects.ChannelOp, told map[program.FieldKey]bool) {
	if op.Kind == effects.ChannelClose || !op.Alone() || !p.Watched(op.Func) {
		return
	}
	key, stores := fieldStores(p, op.Value)
	if len(stores) == 0 || told[key] {
		return
	}
	maker := stores[0].Parent()
	for _, store := range stores {
		// Another function, such as a constructor, sets it as well.
		if store.Parent() != maker {
			return
		}
	}
	outer := op.Func
	for outer.Parent() != nil {
		outer = outer.Parent()
	}
	for _, g := range p.Effects.GoroutinesOf(maker) {
		// The goroutine must be started by the function that uses the field, and nothing may come back from it before.
		if g.Start == nil || g.Start.Parent() != outer || p.Effects.Reach(g.Func)[op.Func] || heardOf(p, g, outer, op) {
			continue
		}
		told[key] = true
		user := program.Name(outer)
		sc := rule.NewScenario()
		a := sc.Actor(user, "starts the goroutine and uses "+op.Expr)
		b := sc.Actor("goroutine started by "+user, "makes "+op.Expr)
		a.Step(g.Start.Pos(), "starts "+program.Name(g.Func), op.Expr+" is nil")
		a.Step(op.Pos, verb(op), "waits on a nil channel")
		b.Step(stores[0].Pos(), "makes "+op.Expr, "too late: the other waits on nil")
		sc.Outcome("%s never gets past %s", user, at(p, op.Pos))
		finish(p, op, key.String(), rule.Report{
			Severity: finding.High,
			Message: fmt.Sprintf("%s is made by the goroutine that %s starts; %s can use it before, while it is nil, and waits for ever",
				op.Expr, user, user),
			Related:  []rule.Related{{Func: maker, Pos: stores[0].Pos(), Message: "made here"}},
			Scenario: sc,
			Fix:      rule.Fix{Description: "make it before the start", Sketch: fmt.Sprintf("%s = make(%s) // before the go statement", op.Expr, p.Words(op.Instr).Type(op.Value.Type().Underlying()))},
		})
		return
	}
}

// fieldStores returns the field of own code that a channel operand is read from, and the instructions that set it.
func fieldStores(p *rule.Pass, v ssa.Value) (program.FieldKey, []*ssa.Store) {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return program.FieldKey{}, nil
	}
	addr, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return program.FieldKey{}, nil
	}
	key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field)
	if !ok || !p.Program.OwnType(key.Type) || key.Var() == nil || key.Var().Exported() {
		return program.FieldKey{}, nil
	}
	return key, p.Program.FieldStores(key)
}

// heardOf tells whether the function waits for a word from the goroutine before the operation.
func heardOf(p *rule.Pass, g effects.Goroutine, outer *ssa.Function, op *effects.ChannelOp) bool {
	for _, b := range outer.Blocks {
		for _, instr := range b.Instrs {
			if instr != op.Instr && effects.After(g.Start, instr) && p.Effects.JoinedBy(g, instr) {
				return true
			}
		}
	}
	return len(p.Effects.JoinEdges(g, outer)) > 0
}
