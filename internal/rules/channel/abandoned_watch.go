// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// abandonedWatch tells of sends to those who watch: they stop receiving when they have called Stop.
func abandonedWatch(p *rule.Pass, told map[*effects.Channel]bool) {
	for _, w := range p.Effects.WatchSends() {
		c := w.Send.Channels[0]
		if told[c] {
			continue // the same channel, and the same cause
		}
		told[c] = true
		send, results := w.Send, program.Name(w.Results)
		sc := rule.NewScenario()
		r := sc.Actor("who watches", "receives from "+results)
		s := sc.Actor(running(p, send.Func), verb(send))
		r.Step(w.Results.Pos(), "calls Stop, and receives no more", "the watch is over")
		s.Step(send.Pos, verb(send), "waits for a receiver")
		sc.Outcome("the sender and all that it holds stay; each watch that is started again adds one")
		related := []rule.Related{{Func: w.Results, Pos: w.Results.Pos(), Message: "the channel is handed out here"}}
		for _, other := range c.Of(effects.ChannelSend) {
			if other != send && other.Alone() {
				related = append(related, rule.Related{Func: other.Func, Pos: other.Pos, Message: verb(other) + " as well"})
			}
		}
		finish(p, send, c.Name, rule.Report{
			Severity: finding.High, Reason: "an informer stops and starts its watches again and again",
			Message: fmt.Sprintf("%s hands out %s, and who watches receives from it no more after Stop; this send then waits for ever", results, send.Expr),
			Related: related, Scenario: sc,
			Fix: rule.Fix{Description: "let the sender leave when the watch is stopped",
				Sketch: leaveSketch(p, send)},
		})
	}
}
