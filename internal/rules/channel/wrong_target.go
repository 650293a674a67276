// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// WrongTarget reports a select that waits for errors on one channel while the goroutine it waits for sends them to another.
var WrongTarget = &rule.Rule{
	ID:        "channel/wrong-target",
	Title:     "errors are sent to another channel than the one waited for",
	Checklist: []string{"4.5"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "wrong_target.md"),
	Check:     wrongTarget,
}

func wrongTarget(p *rule.Pass) {
	told := make(map[*effects.Channel]bool)
	for _, wait := range p.Effects.Channels().Ops {
		if wait.Kind != effects.ChannelReceive || wait.Select == nil || !carriesError(wait) || !p.Watched(wait.Func) {
			continue
		}
		// The operand may be another channel, or other code may send.
		if !wait.Exact || len(wait.Channels) != 1 || wait.Channels[0].ForeignSends || told[wait.Channels[0]] {
			continue
		}
		dead := wait.Channels[0]
		for _, beside := range p.Effects.Others(wait) {
			send := misdirected(p, dead, wait, beside)
			if send == nil {
				continue
			}
			told[dead] = true
			tellWrongTarget(p, wait, beside, send)
			break
		}
	}
}

func carriesError(op *effects.ChannelOp) bool {
	ch, ok := op.Value.Type().Underlying().(*types.Chan)
	return ok && types.Identical(ch.Elem(), types.Universe.Lookup("error").Type())
}

// misdirected returns a send of an error to a third channel by the goroutine that signals the case beside the dead one;
// nil unless that goroutine never signals the dead channel.
func misdirected(p *rule.Pass, dead *effects.Channel, wait, beside *effects.ChannelOp) *effects.ChannelOp {
	// The case beside must be the success of a goroutine of own code.
	if beside.Kind != effects.ChannelReceive || len(beside.Channels) != 1 || carriesError(beside) {
		return nil
	}
	for _, signal := range beside.Channels[0].Signals() {
		for _, g := range p.Effects.GoroutinesOf(signal.Func) {
			// The waiting side's own signals say nothing of the goroutine it waits for.
			if g.Start == nil || p.Effects.Reach(g.Func)[wait.Func] {
				continue
			}
			if send := errorElsewhere(p, g, dead, wait); send != nil {
				return send
			}
		}
	}
	return nil
}

// errorElsewhere returns the goroutine's send of an error to a channel that the select does not wait for, provided that
// nothing at all is sent to the dead one.
func errorElsewhere(p *rule.Pass, g effects.Goroutine, dead *effects.Channel, wait *effects.ChannelOp) *effects.ChannelOp {
	if len(dead.Signals()) > 0 {
		return nil
	}
	waited := map[*effects.Channel]bool{dead: true}
	for _, other := range p.Effects.Others(wait) {
		for _, c := range other.Channels {
			waited[c] = true
		}
	}
	reach := p.Effects.Reach(g.Func)
	for _, op := range p.Effects.Channels().Ops {
		if op.Kind != effects.ChannelSend || !reach[op.Func] || !carriesError(op) || len(op.Channels) == 0 {
			continue
		}
		if !waited[op.Channels[0]] {
			return op
		}
	}
	return nil
}

func tellWrongTarget(p *rule.Pass, wait, beside, send *effects.ChannelOp) {
	waiter := program.Name(wait.Func)
	sc := rule.NewScenario()
	g := sc.Actor(running(p, send.Func), verb(send))
	w := sc.Actor(waiter, fmt.Sprintf("waits for %s or %s", beside.Expr, wait.Expr))
	w.Step(wait.Pos, fmt.Sprintf("waits for %s or %s", beside.Expr, wait.Expr), "")
	g.Step(send.Pos, "fails and "+verb(send), wait.Expr+" stays empty: nothing sends to it")
	sc.Outcome("%s never learns of the failure: the case of %s is dead", waiter, wait.Expr)
	finish(p, wait, wait.Expr, rule.Report{
		Severity: finding.High,
		Message: fmt.Sprintf("nothing sends to %s, the goroutine behind %s sends its errors to %s; this case is dead",
			wait.Expr, beside.Expr, send.Expr),
		Related: []rule.Related{
			{Func: send.Func, Pos: send.Pos, Message: "the error goes here"},
			{Func: beside.Func, Pos: beside.Pos, Message: "the other case"},
		},
		Scenario: sc,
		Fix: rule.Fix{Description: "send the error to the channel that is waited for",
			Sketch: fmt.Sprintf("%s // instead of %s", strings.Replace(sending(p, send), send.Expr, field(wait.Expr), 1), send.Expr)},
	})
}
