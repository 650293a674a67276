// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// NeverReady reports an operation that waits for a counterpart which the program does not have.
var NeverReady = &rule.Rule{
	ID:        "channel/never-ready",
	Title:     "channel operation without a counterpart anywhere in the program",
	Checklist: []string{"4.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "never_ready.md"),
	Check:     neverReady,
}

func neverReady(p *rule.Pass) {
	for _, c := range p.Effects.Channels().All {
		// A channel of a test helper's generator is not ours to judge.
		if !p.Watched(c.Func()) {
			continue
		}
		receiveForEver(p, c)
		sendForEver(p, c)
	}
	late := make(map[program.FieldKey]bool)
	for _, op := range p.Effects.Channels().Ops {
		nilForEver(p, op)
		madeLate(p, op, late)
	}
}

// receiveForEver tells of receives from a channel that nothing sends to or closes.
func receiveForEver(p *rule.Pass, c *effects.Channel) {
	// Somebody signals it, or other code may.
	if len(c.Signals()) > 0 || c.ForeignSends {
		return
	}
	var stuck []*effects.ChannelOp
	for _, op := range c.Of(effects.ChannelReceive) {
		// A case of a select has others beside it; an operand that may be another channel is not surely this one.
		if !op.Alone() || !op.Exact || len(op.Channels) != 1 {
			continue
		}
		// <-make(chan struct{}) and a last receive in main block on purpose: they keep the process alive.
		if c.Name == "the channel" || isMain(op) || keepsAlive(p, op) || p.Effects.BlocksOnPurpose(op) || p.Effects.NothingToSay(op) {
			continue
		}
		// Nobody is stuck in code that nobody runs.
		if !p.Strict && p.Program.Uncalled(op.Func) {
			continue
		}
		stuck = append(stuck, op)
	}
	if len(stuck) == 0 {
		return
	}
	op := stuck[0]
	sev, why := lower(p, op.Func)
	sc := rule.NewScenario()
	maker := sc.Actor(program.Name(c.Func()), "makes "+c.Name)
	waiter := sc.Actor(running(p, op.Func), verb(op))
	maker.Step(c.Make.Pos(), "makes "+c.Name, "no send and no close of it exists")
	waiter.Step(op.Pos, verb(op), "waits")
	sc.Outcome("%s never gets past %s", program.Name(op.Func), at(p, op.Pos))
	finish(p, op, c.Name, rule.Report{
		Severity: sev, Reason: why,
		Message:  fmt.Sprintf("nothing sends to or closes %s; %s waits for ever", op.Expr, program.Name(op.Func)),
		Related:  append(related(stuck[1:]), rule.Related{Func: c.Func(), Pos: c.Make.Pos(), Message: "made here"}),
		Scenario: sc,
		Fix: rule.Fix{Description: "close it where what is waited for has happened",
			Sketch: fmt.Sprintf("defer close(%s) // in the function whose end is waited for", op.Expr)},
	})
}

// isMain tells whether an operation stands in the program's main function.
func isMain(op *effects.ChannelOp) bool {
	return op.Func.Name() == "main" && op.Func.Parent() == nil && op.Func.Signature.Recv() == nil
}

// keepsAlive tells whether a command has started its servers and waits for the end of the process, like a last receive in
// main.
func keepsAlive(p *rule.Pass, op *effects.ChannelOp) bool {
	entries := slices.DeleteFunc(slices.Clone(p.Program.EntriesOf(op.Func)), func(e *program.Entry) bool { return e.Kind == program.EntryTest })
	if len(entries) == 0 || slices.ContainsFunc(entries, func(e *program.Entry) bool { return e.Kind != program.EntryMain }) {
		return false
	}
	if slices.ContainsFunc(p.Effects.GoroutinesOf(op.Func), func(g effects.Goroutine) bool { return g.Start != nil }) {
		return false
	}
	for site := range program.Sites(op.Func) {
		if _, starts := site.(*ssa.Go); starts && (effects.Before(site, op.Instr) || effects.InLoop(site) && effects.After(site, op.Instr)) {
			return true
		}
	}
	return false
}

// sendForEver tells of sends on an unbuffered channel that nothing receives from.
func sendForEver(p *rule.Pass, c *effects.Channel) {
	// Somebody receives, other code may, or there may be room in the buffer.
	if len(c.Of(effects.ChannelReceive)) > 0 || c.ForeignReceives || !c.Unbuffered() {
		return
	}
	var stuck []*effects.ChannelOp
	for _, op := range c.Of(effects.ChannelSend) {
		// A case of a select has others beside it; an operand that may be another channel is not surely this one.
		if !op.Alone() || !op.Exact || len(op.Channels) != 1 {
			continue
		}
		// The maker's own send before anybody else knows the channel is channel/self-deadlock.
		if op.Func == c.Func() {
			continue
		}
		stuck = append(stuck, op)
	}
	if len(stuck) == 0 {
		return
	}
	op := stuck[0]
	sev, why := lower(p, op.Func)
	sc := rule.NewScenario()
	maker := sc.Actor(program.Name(c.Func()), "makes "+c.Name)
	sender := sc.Actor(running(p, op.Func), verb(op))
	maker.Step(c.Make.Pos(), "makes "+c.Name+" without a buffer", "no receive from it exists")
	sender.Step(op.Pos, verb(op), "waits for a receiver")
	sc.Outcome("%s never gets past %s", program.Name(op.Func), at(p, op.Pos))
	finish(p, op, c.Name, rule.Report{
		Severity: sev, Reason: why,
		Message:  fmt.Sprintf("nothing receives from %s and it has no buffer; %s waits for ever", op.Expr, program.Name(op.Func)),
		Related:  append(related(stuck[1:]), rule.Related{Func: c.Func(), Pos: c.Make.Pos(), Message: "made here"}),
		Scenario: sc,
		Fix: rule.Fix{Description: "let the sender leave when nobody wants the value",
			Sketch: leaveSketch(p, op)},
	})
}

// neverStop tells whether an operand is a stop channel of which its function has nothing but the receiving end.
func neverStop(op *effects.ChannelOp) bool {
	ch, ok := op.Value.Type().Underlying().(*types.Chan)
	if !ok || ch.Dir() != types.RecvOnly {
		return false
	}
	word, ok := ch.Elem().Underlying().(*types.Struct)
	return ok && word.NumFields() == 0
}

// nilForEver tells of lone operations on channels that are never made.
func nilForEver(p *rule.Pass, op *effects.ChannelOp) {
	if !op.Alone() || !p.Watched(op.Func) {
		return
	}
	key, isField := p.Effects.NilField(op.Value)
	// A nil case of a select is switched off on purpose; only a lone operation waits for ever.
	if !op.Nil && !isField {
		return
	}
	if op.Nil && neverStop(op) && !p.Strict {
		return // var stop <-chan struct{}: nobody could ever close it, and that is what it is for
	}
	if p.Effects.TestedNonNil(op.Value, op.Instr) {
		return // who leaves it nil does not get here; others may set it from outside
	}
	what := op.Expr
	if isField {
		what = key.String()
	}
	sc := rule.NewScenario()
	a := sc.Actor(running(p, op.Func), verb(op))
	a.Step(op.Func.Pos(), "runs "+program.Name(op.Func), what+" is nil: no assignment of it exists")
	a.Step(op.Pos, verb(op), "waits")
	sc.Outcome("an operation on a nil channel never returns")
	finish(p, op, what, rule.Report{
		Severity: finding.High,
		Message:  fmt.Sprintf("%s is never made; an operation on a nil channel waits for ever", what),
		Scenario: sc,
		Fix: rule.Fix{Description: "make the channel before it is used",
			Sketch: fmt.Sprintf("%s = make(%s)", op.Expr, p.Words(op.Instr).Type(op.Value.Type().Underlying()))},
	})
}
