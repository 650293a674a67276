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

var lateCleanup = &rule.Rule{
	ID:        "context/late-cleanup",
	Title:     "Cleanup under the context whose end it cleans up after",
	Checklist: []string{"5.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "late_cleanup.md"),
	Check:     checkLateCleanup,
}

func checkLateCleanup(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, late := range pass.Effects.LateCleanups(fn) {
			reportLateCleanup(pass, fn, late)
		}
	}
}

func reportLateCleanup(pass *rule.Pass, fn *ssa.Function, late effects.LateCleanup) {
	p, where := pass.Program, pass.Where(fn)
	start, work, call := p.Start(late.Site), p.Start(late.Work), effects.Describe(late.Site)
	end, over := "the deadline", "context deadline exceeded"
	if !late.Origin.Bounded {
		end, over = "the end of the request", "context canceled"
	}
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(start, "defers "+call, "")
	actor.Step(work, "waits in "+effects.Describe(late.Work), "the context ends")
	actor.Step(work, "gets \""+over+"\" and returns", "")
	actor.Step(start, "runs the deferred "+call, over)
	s.Outcome("What %s should have taken back stays, whenever %s ends %s.", call, end, program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, late.Site), Severity: finding.Medium, Reason: "it takes " + end + " while the function works",
		Message: fmt.Sprintf("%s is deferred under the context that %s works under; when %s ends the work, the cleanup fails as well.", call, program.Name(fn), end),
		About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: fn, Pos: work, Message: effects.Describe(late.Work) + " waits under the same context"}},
		Fix: rule.Fix{
			Description: "give the cleanup a context of its own, with a deadline",
			Sketch:      pass.Words(late.Site).Fill("defer func() {\n\tlastCtx, cancel := context.WithTimeout(context.WithoutCancel($parent), 10*time.Second)\n\tdefer cancel()\n\t$last\n}()", "last", pass.Words(late.Site).WithContext("lastCtx")),
		},
	})
}
