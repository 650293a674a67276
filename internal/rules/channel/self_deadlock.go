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

// SelfDeadlock reports an operation that only the goroutine which is stuck in it could answer.
var SelfDeadlock = &rule.Rule{
	ID:        "channel/self-deadlock",
	Title:     "goroutine waits for itself",
	Checklist: []string{"4.3"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "self_deadlock.md"),
	Check:     selfDeadlock,
}

func selfDeadlock(p *rule.Pass) {
	for _, op := range p.Effects.Channels().Ops {
		// A case of a select has others beside it; an operand that may be another channel is not surely this one.
		if !op.Alone() || !op.Exact || len(op.Channels) != 1 || !p.Watched(op.Func) {
			continue
		}
		if beforeShared(p, op) {
			continue
		}
		waitsForOwnEnd(p, op)
	}
}

// beforeShared tells of an operation by the channel's maker before anybody else can know the channel.
func beforeShared(p *rule.Pass, op *effects.ChannelOp) bool {
	c := op.Channels[0]
	if c.Func() != op.Func || op.Kind == effects.ChannelSend && !c.Unbuffered() {
		return false
	}
	// What it finds was made by an earlier call, and is known to others since.
	if !effects.After(c.Make, op.Instr) {
		return false
	}
	for _, use := range sharing(op.Func, c.Make) {
		if effects.After(use, op.Instr) {
			return false
		}
	}
	for _, other := range c.Ops {
		// Its own close or buffered send comes first.
		if other != op && other.Func == op.Func && op.Kind == effects.ChannelReceive && effects.After(other.Instr, op.Instr) {
			return false
		}
	}
	name := program.Name(op.Func)
	// Blocking for ever on purpose keeps the process alive.
	if op.Kind == effects.ChannelReceive && c.Name == "the channel" || isMain(op) || p.Effects.BlocksOnPurpose(op) {
		return false
	}
	sc := rule.NewScenario()
	a := sc.Actor(name, verb(op))
	a.Step(c.Make.Pos(), "makes "+op.Expr, "nobody else knows it yet")
	a.Step(op.Pos, verb(op), "waits for another party")
	sc.Outcome("%s never gets past %s", name, at(p, op.Pos))
	fix, ok := rule.Fix{}, false
	if op.Kind == effects.ChannelSend && !effects.InLoop(op.Instr) {
		fix, ok = bufferFix(p, c, "the send then never waits")
	}
	if !ok {
		fix = rule.Fix{Description: "start the other party first",
			Sketch: fmt.Sprintf("go func() { %s }()", p.WordsAt(op.Func, op.Pos).Line())}
	}
	finish(p, op, c.Name, rule.Report{
		Severity: finding.Critical, Reason: "no other goroutine has the channel",
		Message:  fmt.Sprintf("%s uses %s before anybody else has it; the goroutine waits for itself", name, op.Expr),
		Related:  []rule.Related{{Func: c.Func(), Pos: c.Make.Pos(), Message: "made here"}},
		Scenario: sc, Fix: fix,
	})
	return true
}

// sharing returns the instructions of fn that hand the channel to others: calls, closures, stores outside of local
// variables, values put into interfaces or containers.
func sharing(fn *ssa.Function, m *ssa.MakeChan) []ssa.Instruction {
	var out []ssa.Instruction
	seen := make(map[ssa.Value]bool)
	var follow func(v ssa.Value)
	follow = func(v ssa.Value) {
		if seen[v] || v.Referrers() == nil {
			return
		}
		seen[v] = true
		for _, ref := range *v.Referrers() {
			switch x := ref.(type) {
			case *ssa.Store:
				if cell, ok := x.Addr.(*ssa.Alloc); ok && x.Val == v {
					follow(cell)
				} else if x.Addr != v {
					out = append(out, x)
				}
			case *ssa.UnOp:
				follow(x)
			case *ssa.Phi:
				follow(x)
			case *ssa.ChangeType:
				follow(x)
			case *ssa.Send:
				if x.X == v {
					out = append(out, x)
				}
			case ssa.CallInstruction:
				if _, builtin := x.Common().Value.(*ssa.Builtin); !builtin {
					out = append(out, x)
				}
			case *ssa.MakeClosure, *ssa.MakeInterface, *ssa.MapUpdate:
				out = append(out, ref)
			}
		}
	}
	follow(m)
	return out
}

// waitsForOwnEnd tells of a receive, reached through calls from the function whose end signals it.
func waitsForOwnEnd(p *rule.Pass, op *effects.ChannelOp) {
	if op.Kind != effects.ChannelReceive || op.Channels[0].ForeignSends {
		return
	}
	// A channel made anew for each call is another one further down the calls; only one kept in a field is the same.
	if !inField(op.Value) {
		return
	}
	signals := op.Channels[0].Signals()
	if len(signals) == 0 {
		return
	}
	end := signals[0]
	for _, s := range signals {
		// Somebody else signals as well.
		if s.Func != end.Func || !s.Deferred {
			return
		}
	}
	// Another goroutine may run the function as well, only then is the wait its own for certain: it must be started once.
	path := callPath(p, end.Func, op.Func)
	if len(path) == 0 || len(path) > 6 {
		return
	}
	for _, site := range path {
		// Passed before the close is deferred: the signal does not depend on this call.
		if site.Parent() == end.Func && !effects.After(end.Instr, site) {
			return
		}
	}
	name := program.Name(end.Func)
	sc := rule.NewScenario()
	a := sc.Actor(running(p, end.Func)+" ("+name+")", "closes "+end.Expr+" when it returns")
	a.Step(path[0].Pos(), "calls out of "+name, end.Expr+" is closed only when "+name+" returns")
	a.Step(op.Pos, verb(op)+" in "+program.Name(op.Func), "waits for its own end")
	sc.Outcome("%s never returns, and whoever waits for it waits for ever", name)
	var rel []rule.Related
	for _, site := range path {
		rel = append(rel, rule.Related{Func: site.Parent(), Pos: site.Pos(), Message: "calls on"})
	}
	finish(p, op, op.Expr, rule.Report{
		Severity: finding.Critical, Reason: "the wait is reached from the goroutine whose end it waits for",
		Message: fmt.Sprintf("%s waits for %s, which %s closes when it returns, and %s calls it; the goroutine waits for itself",
			program.Name(op.Func), op.Expr, name, name),
		Related:  append(rel, rule.Related{Func: end.Func, Pos: end.Pos, Message: "closed only at the end of " + name}),
		Scenario: sc,
		Fix: rule.Fix{Description: "do not wait in the goroutine itself",
			Sketch: fmt.Sprintf("go func() {\n\t<-%s\n\t// what follows the wait\n}()", op.Expr)},
	})
}

// inField tells whether a channel operand is read from a field.
func inField(v ssa.Value) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return false
	}
	_, ok = load.X.(*ssa.FieldAddr)
	return ok
}

// callPath returns the shortest chain of plain calls from one function to another, or nil.
func callPath(p *rule.Pass, from, to *ssa.Function) []ssa.CallInstruction {
	type step struct {
		fn   *ssa.Function
		site ssa.CallInstruction
		prev *step
	}
	seen := map[*ssa.Function]bool{from: true}
	for queue := []*step{{fn: from}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, e := range p.Program.CallsFrom(at.fn) {
			if e.How == program.Starts || seen[e.Callee] {
				continue
			}
			next := &step{e.Callee, e.Site, at}
			if e.Callee == to {
				var path []ssa.CallInstruction
				for s := next; s.prev != nil; s = s.prev {
					path = append([]ssa.CallInstruction{s.site}, path...)
				}
				return path
			}
			seen[e.Callee] = true
			queue = append(queue, next)
		}
	}
	return nil
}
