// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var successAsFailure = &rule.Rule{
	ID:        "rmw/success-as-failure",
	Title:     "what is not a certain error counts as a failure, success included",
	Checklist: []string{"1.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "success_as_failure.md"),
	Check:     checkSuccessAsFailure,
}

func checkSuccessAsFailure(pass *rule.Pass) {
	for _, m := range pass.Effects.MisreadSuccesses() {
		if pass.Reviewed(m.Test.Parent()) {
			reportSuccessAsFailure(pass, m)
		}
	}
}

func reportSuccessAsFailure(pass *rule.Pass, m effects.Misread) {
	fn, asked := m.Test.Parent(), program.Target(m.Test).Name()
	where, called := pass.Where(fn), effects.Describe(m.Call)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(m.Call.Pos(), "calls "+called, "done, the error is nil")
	a.Step(m.Test.Pos(), "asks "+asked, "nil is not that error: false")
	a.Step(m.Made.Pos(), "makes a new error of nil", "not nil any more")
	s.Outcome("what was done counts as a failure: the caller gives up, or does it again")
	pass.Report(rule.Report{
		Func: fn, Pos: m.Test.Pos(), Severity: finding.High, Reason: "each success takes this way",
		Message: fmt.Sprintf("%s says no to nil as well: where %s has succeeded, a new error is made of nothing", asked, called),
		About:   asked + " of " + called, Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: fn, Pos: m.Call.Pos(), Message: "gives the error, or nil"},
			{Func: fn, Pos: m.Made.Pos(), Message: "makes an error also of nil"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Ask first whether there is an error.",
			Sketch:      pass.Words(m.Test).Fill("if $err != nil && !$call {\n\t$return\n}", "err", pass.Words(m.Test).Err()),
		},
	})
}
