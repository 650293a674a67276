// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// tellArmed tells of a wait for a channel that a call before it has left in a field when it failed, before it started who
// signals it.
func tellArmed(p *rule.Pass, a *effects.Armed) {
	wait, fn := a.Wait, a.Put.Parent()
	maker, waiter := program.Name(fn), program.Name(wait.Func)
	pos := leaving(a.Exit)
	sc := rule.NewScenario()
	first := sc.Actor(maker, "is called, and fails")
	next := sc.Actor(waiter, "is called after that")
	first.Step(a.Put.Pos(), "puts a new channel in "+wait.Expr, "who will signal it is not started yet")
	first.Step(pos, "returns an error", "nobody was started")
	next.Step(wait.Pos, verb(wait), "waits; nobody signals it")
	sc.Outcome("one failure, and no later call gets past %s", at(p, wait.Pos))
	sev, why := finding.High, "it takes one failure before it"
	finish(p, wait, wait.Channels[0].Name, rule.Report{
		Severity: sev, Reason: why,
		Message: fmt.Sprintf("%s can fail at %s with a new channel in %s that nobody will signal; the next %s then waits for ever",
			maker, at(p, pos), wait.Expr, waiter),
		Related: append([]rule.Related{{Func: fn, Pos: a.Put.Pos(), Message: "the channel is put here, before the steps that can fail"},
			{Func: fn, Pos: pos, Message: "leaves without anybody who signals"}}, related(a.Signals)...),
		Scenario: sc,
		Fix:      rule.Fix{Description: "make the channel behind the last step that can fail", Sketch: fmt.Sprintf("%s = make(%s) // behind the last step that can fail, before the go statement", wait.Expr, p.Words(wait.Instr).Type(wait.Value.Type().Underlying()))},
	})
}
