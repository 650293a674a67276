// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var discarded = &rule.Rule{
	ID:        "context/discarded",
	Title:     "Derived context that nobody uses",
	Checklist: []string{"5.1", "5.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "discarded.md"),
	Check:     checkDiscarded,
}

func checkDiscarded(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, lost := range pass.Effects.DiscardedContexts(fn) {
			reportDiscarded(pass, fn, lost)
		}
	}
}

func reportDiscarded(pass *rule.Pass, fn *ssa.Function, lost effects.DiscardedContext) {
	p, where := pass.Program, pass.Where(fn)
	start, call := p.Start(lost.Made), effects.Describe(lost.Made)
	message := fmt.Sprintf("nothing uses the context that %s returns; what it was to carry is in no other.", call)
	outcome := "Whoever is given the first context by %s finds nothing of it there."
	second := [2]string{"calls on with the context that it had", "it carries nothing new"}
	if lost.Deadline {
		message = fmt.Sprintf("nothing uses the context that %s returns; its deadline bounds no call.", call)
		outcome = "%s waits for as long as the other side keeps it waiting, whatever the deadline says."
		second = [2]string{"calls on without it", "the deadline passes, nothing happens"}
	}
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(start, "derives a context with "+call, "it is thrown away")
	actor.Step(start, second[0], second[1])
	s.Outcome(outcome, program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, lost.Made), Severity: finding.Medium, Reason: "it happens each time",
		Message: message, Cause: call + " for nothing",
		About: call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Fix: rule.Fix{Description: "keep the context, and hand it on", Sketch: sketchKeep(pass, lost)},
	})
}

func sketchKeep(pass *rule.Pass, lost effects.DiscardedContext) string {
	w := pass.Words(lost.Made)
	if lost.Deadline {
		return w.Fill("boundCtx, cancel := $call\ndefer cancel()\n// and boundCtx to what is called behind it")
	}
	return w.Fill("$ctx = $call")
}
