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

// DroppedHandoff reports a non-blocking send on a channel without a buffer.
var DroppedHandoff = &rule.Rule{
	ID:        "channel/dropped-handoff",
	Title:     "non-blocking send on an unbuffered channel drops the value",
	Checklist: []string{"4.6"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "dropped_handoff.md"),
	Check:     droppedHandoff,
}

func droppedHandoff(p *rule.Pass) {
	for _, op := range p.Effects.Channels().Ops {
		if op.Kind != effects.ChannelSend || op.Select == nil || op.Select.Blocking || !p.Watched(op.Func) {
			continue
		}
		// The operand may be another channel, one with a buffer.
		if !op.Exact || len(op.Channels) != 1 || !op.Channels[0].Unbuffered() {
			continue
		}
		c := op.Channels[0]
		// Other code receives in its own way.
		if c.ForeignReceives {
			continue
		}
		// A sender that comes again with the next tick loses nothing that matters.
		if effects.InLoop(op.Instr) {
			continue
		}
		// The default case does something about the value: it returns it, counts it, stores it, tries another way.
		if handlesDefault(op) {
			continue
		}
		receive := firstReceive(p, c)
		// Without a receiver it is channel/never-ready's matter; one that polls beside the channel misses no signal.
		if receive == nil || polls(p, c) {
			continue
		}
		tellDropped(p, op, c, receive)
	}
}

// firstReceive returns the first receive of the channel that can wait, or nil.
func firstReceive(p *rule.Pass, c *effects.Channel) *effects.ChannelOp {
	for _, r := range c.Of(effects.ChannelReceive) {
		if r.Blocking() {
			return r
		}
	}
	return nil
}

// polls tells whether every receiver also wakes up by a clock.
func polls(p *rule.Pass, c *effects.Channel) bool {
	for _, r := range c.Of(effects.ChannelReceive) {
		clock := false
		for _, other := range p.Effects.Others(r) {
			clock = clock || p.Effects.Awaits(other.Value) == effects.AwaitTime && effects.InLoop(r.Instr)
		}
		if !clock {
			return false
		}
	}
	return true
}

// handlesDefault tells whether the default branch of the select does anything before it meets the other branch again.
func handlesDefault(op *effects.ChannelOp) bool {
	edge, ok := effects.CaseEdge(op.Select, op.Case)
	if !ok {
		return false
	}
	for _, other := range edge.From.Succs {
		if other == edge.To {
			continue
		}
		for _, instr := range other.Instrs {
			switch x := instr.(type) {
			case ssa.CallInstruction, *ssa.Store, *ssa.Send, *ssa.MapUpdate, *ssa.If, *ssa.Panic:
				return true
			case *ssa.Return:
				return len(x.Results) > 0
			case *ssa.Jump:
				// A value that says on which branch we came is an answer to the caller.
				for _, phi := range other.Succs[0].Instrs {
					if _, isPhi := phi.(*ssa.Phi); isPhi {
						return true
					}
				}
				return false
			}
		}
	}
	return false
}

func tellDropped(p *rule.Pass, op *effects.ChannelOp, c *effects.Channel, receive *effects.ChannelOp) {
	receiver := program.Name(receive.Func)
	sc := rule.NewScenario()
	s := sc.Actor(running(p, op.Func), "sends on "+op.Expr+" without waiting")
	r := sc.Actor(running(p, receive.Func)+" (receiver)", verb(receive))
	s.Step(op.Pos, "finds nobody waiting at "+op.Expr+" and takes the default case", "the value is gone")
	r.Step(receive.Pos, verb(receive), "waits for the value that was dropped")
	sc.Outcome("%s misses it: it was busy or not there yet for a moment", receiver)
	fix, ok := bufferFix(p, c, "a value that comes early is kept")
	if !ok {
		fix = rule.Fix{Description: "give the channel a buffer of one", Sketch: bufferSketch(p, c)}
	}
	finish(p, op, c.Name, rule.Report{
		Severity: finding.High,
		Message: fmt.Sprintf("non-blocking send on %s, which has no buffer; the value is lost unless %s waits at that moment",
			op.Expr, receiver),
		Related: []rule.Related{
			{Func: receive.Func, Pos: receive.Pos, Message: "received here"},
			{Func: c.Func(), Pos: c.Make.Pos(), Message: "made without a buffer"},
		},
		Scenario: sc, Fix: fix,
	})
}
