// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var raisedInRetry = &rule.Rule{
	ID:        "rmw/raised-in-retry",
	Title:     "the body of a retry counts up a variable of around",
	Checklist: []string{"1.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "raised_in_retry.md"),
	Check:     checkRaisedInRetry,
}

func checkRaisedInRetry(pass *rule.Pass) {
	for _, r := range pass.Effects.RaisedInRetries() {
		if pass.Reviewed(r.At.Parent()) {
			reportRaised(pass, r)
		}
	}
}

func reportRaised(pass *rule.Pass, r effects.Raised) {
	fn := r.At.Parent()
	where := pass.Where(fn)
	does, first, second := "counts "+r.Name+" up", r.Name+" = 1", r.Name+" = 2"
	if r.Appends {
		does, first, second = "appends to "+r.Name, "one element", "the same element twice"
	}
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(effects.Position(r.At), does, first)
	a.Step(r.Write.Pos(), "sends the write", "409 Conflict")
	a.Step(r.Repeat.Pos(), "runs the body again", "")
	a.Step(effects.Position(r.At), does, second)
	s.Outcome("one change counts as often as it was tried")
	pass.Report(rule.Report{
		Func: fn, Pos: effects.Position(r.At), Severity: finding.Medium, Reason: "a conflict is enough",
		Message: fmt.Sprintf("the body of %s at %s %s although its write may fail, and each conflict runs it again; %s says more than was done", program.Target(r.Repeat).Name(), pass.Program.At(r.Repeat.Pos()), does, r.Name),
		About:   r.Name + " in " + program.Name(fn), Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: r.Repeat.Parent(), Pos: r.Repeat.Pos(), Message: "the retry"},
			{Func: fn, Pos: r.Write.Pos(), Message: "the write whose conflict runs the body again"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Do it once the retry has succeeded, or start each attempt with a value of its own.",
			Sketch:      pass.Words(r.Repeat).Fill("if err := $call; err != nil {\n\t$return\n}\n$once // once, behind the retry", "once", pass.Words(r.At).Statement()),
		},
	})
}
