// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// servesOwnCall tells of a goroutine that waits for the end of its caller's context only to set a variable of the call:
// once the call has returned nobody reads it, and the goroutine stays for as long as the context lives.
func servesOwnCall(p *rule.Pass, op *effects.ChannelOp, start *ssa.Go) bool {
	starter := start.Parent()
	if p.Effects.Awaits(op.Value) != effects.AwaitDone || !returns(start) || p.Effects.OncePerProcess(starter) {
		return false
	}
	if !callersContext(p, op.Value) || !onlySetsVariables(op, start) {
		return false
	}
	name := program.Name(starter)
	sc := rule.NewScenario()
	s := sc.Actor(name, "starts the goroutine")
	g := sc.Actor("goroutine started by "+name, "waits for "+op.Expr)
	s.Step(start.Pos(), "starts the goroutine", "")
	s.Step(start.Pos(), "is done and returns", "nobody reads what the goroutine would set")
	g.Step(op.Pos, "waits for "+op.Expr, "the caller's context still lives")
	sc.Outcome("every call of %s leaves a goroutine behind until the context of its caller ends", name)
	put(p, op.Func, op.Instr, op.Expr, "how long the callers' contexts live is not known", rule.Report{
		Pos:      op.Pos,
		Severity: finding.Medium,
		Message:  fmt.Sprintf("the goroutine serves only this call of %s and ends with %s, not with the call; each call leaves one until then", name, op.Expr),
		Related:  []rule.Related{{Func: starter, Pos: start.Pos(), Message: "started here"}},
		Scenario: sc,
		Fix: rule.Fix{Description: "look at the context where it matters, or end the goroutine with the call",
			Sketch: p.WordsAt(op.Func, op.Pos).Fill("if $ctx.Err() != nil {\n\t$leave\n}", "leave", p.WordsAt(op.Func, op.Pos).Return("nil"))},
	})
	return true
}

// callersContext tells whether done is of a context that the function was given, and that some caller is not seen to
// end with the call.
func callersContext(p *rule.Pass, done ssa.Value) bool {
	call, ok := done.(*ssa.Call)
	if !ok {
		return false
	}
	for _, o := range p.Effects.Contexts().Of(program.Receiver(call)) {
		ends := o.Bounded || o.Cancellable || o.Deferred != nil
		if !ends && o.Kind != effects.RequestContext && o.Kind != effects.TestContext {
			return true
		}
	}
	return false
}

// onlySetsVariables tells whether all that a goroutine does is to set variables of the call that started it, which
// nothing that outlives the call can read.
func onlySetsVariables(op *effects.ChannelOp, start *ssa.Go) bool {
	literal, ok := start.Call.Value.(*ssa.MakeClosure)
	if !ok || literal.Fn != op.Func {
		return false
	}
	sets := false
	for _, block := range op.Func.Blocks {
		for _, instr := range block.Instrs {
			switch x := instr.(type) {
			case *ssa.Store:
				if !ownVariable(x.Addr, literal) {
					return false
				}
				sets = true
			case ssa.CallInstruction:
				if ssa.Value(x.Value()) != op.Value {
					return false
				}
			case *ssa.Send, *ssa.MapUpdate, *ssa.Select, *ssa.Panic:
				return false
			}
		}
	}
	return sets
}

// ownVariable tells whether addr is a variable of the function that made the literal, and of nothing else.
func ownVariable(addr ssa.Value, literal *ssa.MakeClosure) bool {
	free, ok := addr.(*ssa.FreeVar)
	if !ok {
		return false
	}
	for i, v := range literal.Fn.(*ssa.Function).FreeVars {
		if v != free {
			continue
		}
		local, ok := literal.Bindings[i].(*ssa.Alloc)
		if !ok {
			return false
		}
		for _, ref := range *local.Referrers() {
			switch x := ref.(type) {
			case *ssa.Store:
				ok = ok && x.Addr == local
			case *ssa.UnOp, *ssa.DebugRef:
			case *ssa.MakeClosure:
				ok = ok && x == literal
			default:
				ok = false
			}
		}
		return ok
	}
	return false
}
