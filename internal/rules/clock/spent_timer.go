// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"cmp"
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var spentTimer = &rule.Rule{
	ID:        "clock/spent-timer",
	Title:     "a loop waits again and again for a timer that fires once",
	Checklist: []string{"8.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "spent_timer.md"),
	Check:     checkSpentTimer,
}

func checkSpentTimer(pass *rule.Pass) {
	for _, t := range pass.Effects.SpentTimers() {
		if pass.Reviewed(t.Made.Parent()) {
			reportSpentTimer(pass, t)
		}
	}
}

func reportSpentTimer(pass *rule.Pass, t effects.SpentTimer) {
	fn, wait := t.Made.Parent(), effects.Position(t.Wait)
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(t.Made.Pos(), "makes the timer, before the loop", "")
	a.Step(wait, "first round: the timer fires", "its one value is taken")
	a.Step(t.Works.Pos(), "does its work", "")
	a.Step(wait, "second round: waits for the timer", "nothing will ever come")
	s.Outcome("the work of %s is done once and never again; the goroutine lives on and looks healthy", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: t.Made.Pos(), Severity: finding.High, Reason: "it is so from the second round on",
		Message: fmt.Sprintf("%s makes a timer before the loop that waits for it in each round, and never sets it again: it fires once, after that the loop waits for ever", program.Name(fn)),
		About:   "spent timer", Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: fn, Pos: wait, Message: "each round waits for it here"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Set the timer again in each round, or use a ticker.",
			Sketch:      pass.Words(t.Made).Fill("$timer.Reset($interval) // after the work, in each round", "timer", cmp.Or(pass.Words(t.Made).Defined(), "timer"), "interval", cmp.Or(pass.Words(t.Made).Only(), "interval")),
		},
	})
}
