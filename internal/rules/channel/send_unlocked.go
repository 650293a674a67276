// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// sendUnlocked tells of channels that are looked up under a lock and sent to after its release, and are closed under it.
func sendUnlocked(p *rule.Pass, told map[*effects.ChannelOp]bool) {
	for _, u := range p.Effects.UnlockedSends() {
		if told[u.Send] || !p.Watched(u.Send.Func) || p.Program.InTest(u.Close.Func) {
			continue // told as a close that does not wait for its sender
		}
		tellUnlocked(p, u)
	}
}

func tellUnlocked(p *rule.Pass, u effects.UnlockedSend) {
	closer, sender := program.Name(u.Close.Func), program.Name(u.Send.Func)
	lock := u.Lock.Place.String()
	taken := takenAt(u)
	sc := rule.NewScenario()
	s := sc.Actor(running(p, u.Send.Func), verb(u.Send))
	k := sc.Actor(closer, verb(u.Close))
	s.Step(taken, "looks the channel up under "+lock, "and lets go of "+lock)
	k.Step(u.Close.Pos, fmt.Sprintf("takes %s, %s", lock, verb(u.Close)), "closed")
	s.Step(u.Send.Pos, verb(u.Send), "panic: send on closed channel")
	sc.Outcome("the process goes down")
	finish(p, u.Send, u.Send.Expr, rule.Report{
		Severity: finding.Critical, Reason: "the process panics",
		Message: fmt.Sprintf("%s looks up %s under %s and sends after it lets go of it; %s closes it under %s (%s): a send after that panics",
			sender, u.Send.Expr, lock, closer, lock, at(p, u.Close.Pos)),
		Related: []rule.Related{
			{Func: u.Take.Parent(), Pos: taken, Message: "looked up here, under " + lock},
			{Func: u.Close.Func, Pos: u.Close.Pos, Message: "closed here, under " + lock},
		},
		Scenario: sc,
		Fix: rule.Fix{Description: "send under the lock without waiting, or leave the channel open and close one beside it that only says that the receiver is gone",
			Sketch: fmt.Sprintf("select {\ncase %s: // with %s held\ndefault:\n}", sending(p, u.Send), lock)},
	})
}

// takenAt returns where a channel is looked up; an element that a range gives has the place of its function's send.
func takenAt(u effects.UnlockedSend) token.Pos {
	if u.Take.Pos().IsValid() {
		return u.Take.Pos()
	}
	for _, instr := range u.Take.Block().Instrs {
		if instr.Pos().IsValid() {
			return instr.Pos()
		}
	}
	return u.Take.Parent().Pos()
}
