// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// ElectedReceiver reports a send that waits on every replica, where only the leader receives.
var ElectedReceiver = &rule.Rule{
	ID:        "channel/elected-receiver",
	Title:     "every replica sends, and only the leader receives",
	Checklist: []string{"4.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "elected_receiver.md"),
	Check:     electedReceiver,
}

func electedReceiver(p *rule.Pass) {
	for _, r := range p.Effects.ElectedReceivers() {
		if !p.Watched(r.Send.Func) || !p.Watched(r.Receive.Parent()) {
			continue
		}
		tellElected(p, r)
	}
}

func tellElected(p *rule.Pass, r effects.ElectedReceiver) {
	receiver, by := program.Name(r.Receive.Parent()), ""
	if r.Leader != nil && r.Leader.Entry != nil {
		by = r.Leader.Entry.String()
	}
	room := "no room"
	if r.Channel.Known && r.Channel.Capacity > 0 {
		room = fmt.Sprintf("room for %d", r.Channel.Capacity)
	}
	sc := rule.NewScenario()
	leader := sc.Actor("the leader", by)
	other := sc.Actor("any other replica", r.Every.Entry.String())
	leader.Step(leaving(r.Receive), "receives from "+r.Send.Expr, "")
	other.Step(r.Send.Pos, verb(r.Send), room+", and nobody receives here")
	sc.Outcome("%s waits for ever on each replica that is not the leader", program.Name(r.Send.Func))
	finish(p, r.Send, r.Channel.Name, rule.Report{
		Severity: finding.High, Reason: often(p, r.Send.Func),
		Message: fmt.Sprintf("%s sends on %s on every replica and waits, but only the leader receives (%s): on the others it waits for ever, with %s",
			program.Name(r.Send.Func), r.Send.Expr, receiver, room),
		Related: []rule.Related{
			{Func: r.Receive.Parent(), Pos: leaving(r.Receive), Message: "received on the leader only"},
			{Func: r.Channel.Func(), Pos: r.Channel.Make.Pos(), Message: "made here, with " + room},
		},
		Scenario: sc,
		Fix: rule.Fix{Description: "drop the value where nobody receives, or run the receiver on every replica",
			Sketch: fmt.Sprintf("select {\ncase %s:\ndefault: // not the leader\n}", sending(p, r.Send))},
	})
}
