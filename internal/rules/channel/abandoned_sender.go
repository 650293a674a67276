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

// AbandonedSender reports a send without a buffer whose only receiver may leave before it.
var AbandonedSender = &rule.Rule{
	ID:        "channel/abandoned-sender",
	Title:     "goroutine sends to a receiver that may already have left",
	Checklist: []string{"4.6", "6.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "abandoned_sender.md"),
	Check:     abandonedSender,
}

func abandonedSender(p *rule.Pass) {
	told := make(map[*effects.Channel]bool)
	ways := make(map[way]bool)
	abandonedWatch(p, told)
	for _, op := range p.Effects.Channels().Ops {
		if op.Kind != effects.ChannelSend || !p.Watched(op.Func) || len(op.Channels) != 1 || told[op.Channels[0]] {
			continue
		}
		if droppedResult(p, op) {
			told[op.Channels[0]] = true
			continue
		}
		l := p.Effects.LeftAlone(op)
		if l == nil {
			continue
		}
		// Many goroutines for one receive are channel/short-buffer.
		if l.Local && effects.InLoop(l.Sender.Start) && !effects.InLoop(l.Channel.Make) {
			continue
		}
		// When the receiver's end is the end of the process, nothing is left behind.
		if p.Effects.OncePerProcess(l.Receiver) {
			continue
		}
		// Both sides leave at the same word: it must come while the sender is about to send.
		if p.Effects.HearsToo(l) && !p.Strict {
			continue
		}
		// Nothing leads to the receiver, so that its end may well be the end of the process.
		if l.Once && l.Local && l.Instead != nil && outOfSight(p, l) && !p.Strict {
			continue
		}
		told[l.Channel] = true
		// Two results of one goroutine and one way past both are one cause.
		past := way{l.Sender.Start, l.Exit}
		if past.start != nil && ways[past] {
			continue
		}
		ways[past] = true
		tellAbandoned(p, l)
	}
}

// outOfSight tells whether a receiver leaves with a context of which nothing is known, in code that nothing leads to.
func outOfSight(p *rule.Pass, l *effects.Leaving) bool {
	if p.Program.DomainOf(l.Receiver).Worst() != program.Unknown {
		return false
	}
	ctx := effects.DoneOf(l.Instead.Value)
	if ctx == nil {
		return false
	}
	for _, o := range p.Effects.Contexts().Of(ctx) {
		if o.Bounded || o.Cancellable || o.Kind != effects.UnknownContext {
			return false
		}
	}
	return true
}

// way is how a receiver leaves a goroutine behind.
type way struct {
	start ssa.CallInstruction
	exit  ssa.Instruction
}

func tellAbandoned(p *rule.Pass, l *effects.Leaving) {
	way := fmt.Sprintf("returns at %s", at(p, leaving(l.Exit)))
	pos := leaving(l.Exit)
	if l.Instead != nil {
		way = fmt.Sprintf("%s at %s and returns", verb(l.Instead), at(p, l.Instead.Pos))
		pos = l.Instead.Pos
	}
	receiver := program.Name(l.Receiver)
	sc := rule.NewScenario()
	r := sc.Actor(receiver, "receives from "+l.Channel.Name)
	s := sc.Actor(running(p, l.Send.Func), verb(l.Send))
	if l.Sender.Start != nil {
		starter := r
		if l.Sender.Start.Parent() != l.Receiver {
			starter = sc.Actor(program.Name(l.Sender.Start.Parent()), "starts the sender")
		}
		starter.Step(l.Sender.Start.Pos(), "starts "+program.Name(l.Sender.Func), "")
	}
	r.Step(pos, receiver+" "+way, "nobody receives from "+l.Channel.Name+" any more")
	s.Step(l.Send.Pos, verb(l.Send), "waits for a receiver")
	sc.Outcome("the goroutine and all that it holds stay until the process ends")
	fix, ok := rule.Fix{}, false
	if l.Once && l.Local {
		fix, ok = bufferFix(p, l.Channel, "its only send then never waits")
	}
	if !ok {
		fix = rule.Fix{Description: "let the sender leave as well",
			Sketch: leaveSketch(p, l.Send)}
	}
	finish(p, l.Send, l.Channel.Name, rule.Report{
		Severity: finding.High, Reason: often(p, l.Receiver),
		Message: fmt.Sprintf("%s has no buffer and its receiver %s may leave first (%s); the send waits for ever",
			l.Send.Expr, receiver, way),
		Related: []rule.Related{
			{Func: l.Receiver, Pos: pos, Message: "the receiver leaves here"},
			{Func: l.Channel.Func(), Pos: l.Channel.Make.Pos(), Message: "made without a buffer"},
		},
		Scenario: sc, Fix: fix,
	})
}

// droppedResult tells of a goroutine that sends on the channel its starter returns, where a caller drops that result.
func droppedResult(p *rule.Pass, op *effects.ChannelOp) bool {
	c := op.Channels[0]
	maker := c.Func()
	if !op.Alone() || !op.Exact || !c.Unbuffered() || len(c.Of(effects.ChannelReceive)) > 0 {
		return false
	}
	start := startIn(p, op.Func, maker)
	index := resultOf(p, maker, c)
	if start == nil || index < 0 {
		return false
	}
	for _, edge := range p.Program.Callers(maker) {
		call, ok := edge.Site.(*ssa.Call)
		if !ok || edge.Arg >= 0 || !dropped(call, index, maker.Signature.Results().Len()) {
			continue
		}
		sc := rule.NewScenario()
		caller := sc.Actor(program.Name(call.Parent()), "calls "+program.Name(maker))
		s := sc.Actor(running(p, op.Func), verb(op))
		caller.Step(call.Pos(), "calls "+program.Name(maker)+" and drops the channel that it returns", "nobody can receive")
		s.Step(op.Pos, verb(op), "waits for a receiver")
		sc.Outcome("each such call leaves a goroutine behind")
		fix, ok := bufferFix(p, c, "the send then never waits")
		if !ok {
			fix = rule.Fix{Description: "give the channel a buffer", Sketch: bufferSketch(p, c)}
		}
		finish(p, op, c.Name, rule.Report{
			Severity: finding.High, Reason: often(p, call.Parent()),
			Message: fmt.Sprintf("%s has no buffer and %s drops it (%s); the send waits for ever",
				op.Expr, program.Name(call.Parent()), at(p, call.Pos())),
			Related:  []rule.Related{{Func: call.Parent(), Pos: call.Pos(), Message: "the channel is dropped here"}},
			Scenario: sc, Fix: fix,
		})
		return true
	}
	return false
}

// startIn returns the statement in starter that starts the goroutine fn runs in, or nil.
func startIn(p *rule.Pass, fn, starter *ssa.Function) ssa.CallInstruction {
	for _, g := range p.Effects.GoroutinesOf(fn) {
		if g.Start != nil && g.Start.Parent() == starter {
			return g.Start
		}
	}
	return nil
}

// resultOf returns the index of the result in which fn hands out the channel, or -1.
func resultOf(p *rule.Pass, fn *ssa.Function, c *effects.Channel) int {
	for _, b := range fn.Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok {
			continue
		}
		for i, res := range ret.Results {
			for _, src := range p.Program.Sources(res).Values {
				if src == c.Make {
					return i
				}
			}
		}
	}
	return -1
}

// dropped tells whether nothing uses the result at index of a call.
func dropped(call *ssa.Call, index, results int) bool {
	refs := *call.Referrers()
	if results == 1 {
		return len(refs) == 0
	}
	for _, ref := range refs {
		if x, ok := ref.(*ssa.Extract); ok && x.Index == index && len(*x.Referrers()) > 0 {
			return false
		}
	}
	return true
}
