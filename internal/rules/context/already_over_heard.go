// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// reportHeard tells of a call under a context of which its function has heard that it is over.
func reportHeard(pass *rule.Pass, over effects.Over) {
	p, fn := pass.Program, over.Site.Parent()
	where, call := pass.Where(fn), effects.Describe(over.Site)
	start, by := p.Start(over.Site), valid(over.By.Pos(), over.By.Parent())
	_, line, _ := p.Position(by)
	message := fmt.Sprintf("%s gets a context whose end %s has just seen (line %d); it fails with \"context canceled\".", call, program.Name(over.By.Parent()), line)
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(over.By.Parent()), where.Runs())
	if over.Way == effects.OverLeft {
		message = fmt.Sprintf("%s is deferred under the context whose end makes %s return (line %d); it fails with \"context canceled\" then.", call, program.Name(over.By.Parent()), line)
		actor.Step(start, "defers "+call, "")
	}
	actor.Step(by, "hears that the context is over", "it ends its work")
	actor.Step(start, "calls "+call, "context canceled")
	s.Outcome("%s fails each time the context ends; what it should have done is not done.", call)
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, over.Site), Severity: finding.High, Reason: "it happens each time",
		Message: message,
		About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: over.By.Parent(), Pos: by, Message: "the context is known to be over here"}},
		Fix: rule.Fix{
			Description: "give the last work a context of its own, with a deadline",
			Sketch:      pass.Words(over.Site).Fill("lastCtx, cancel := context.WithTimeout(context.WithoutCancel($parent), 10*time.Second)\ndefer cancel()\n$last", "last", pass.Words(over.Site).WithContext("lastCtx")),
		},
	})
}
