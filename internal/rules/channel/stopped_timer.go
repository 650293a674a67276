// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// stoppedTimer tells of a goroutine that waits for a timer alone, while its starter hands the timer out to those who stop
// it: a stopped timer sends nothing and closes nothing.
func stoppedTimer(p *rule.Pass, op *effects.ChannelOp) bool {
	for _, g := range p.Effects.GoroutinesOf(op.Func) {
		if g.Start == nil || g.Func != op.Func {
			continue // it does not wait in a goroutine of its own
		}
		stop := p.Effects.StoppedByHolder(op, g)
		if stop == nil {
			continue // nobody else has the timer, or nobody stops it
		}
		starter := program.Name(g.Start.Parent())
		sc := rule.NewScenario()
		m := sc.Actor(starter, "makes a timer and hands it out")
		a := sc.Actor(running(p, op.Func), "waits for "+op.Expr)
		s := sc.Actor(program.Name(stop.Parent()), "stops the timer")
		m.Step(g.Start.Pos(), "starts the goroutine", "1 goroutine more")
		s.Step(stop.Pos(), "calls Stop", "the timer will not fire; its channel stays open")
		a.Step(op.Pos, verb(op), "nothing will come")
		sc.Outcome("each timer that is stopped leaves a goroutine behind")
		finish(p, op, op.Expr, rule.Report{
			Severity: finding.High, Reason: often(p, stop.Parent()),
			Message:  fmt.Sprintf("Stop of the timer neither sends on %s nor closes it; the goroutine that %s starts then waits for ever", op.Expr, starter),
			Related:  []rule.Related{{Func: stop.Parent(), Pos: stop.Pos(), Message: "stopped here"}, {Func: g.Start.Parent(), Pos: g.Start.Pos(), Message: "started here"}},
			Scenario: sc,
			Fix: rule.Fix{Description: "let time.AfterFunc run it, or wait for the stop as well",
				Sketch: p.WordsAt(op.Func, op.Pos).Fill("select {\ncase <-$channel:\n\t// what follows the wait\n$ended\n\t$leave\n}", "channel", op.Expr, "leave", p.WordsAt(op.Func, op.Pos).Return("nil"))},
		})
		return true
	}
	return false
}
