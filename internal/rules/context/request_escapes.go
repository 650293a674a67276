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

var requestEscapes = &rule.Rule{
	ID:        "context/request-escapes",
	Title:     "Goroutine that outlives a request and uses its context",
	Checklist: []string{"5.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "request_escapes.md"),
	Check:     checkRequestEscapes,
}

func checkRequestEscapes(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, escape := range pass.Effects.Escapes() {
		if escape.Origin.Kind != effects.RequestContext || escape.Origin.Deferred != nil || told[escape.Spawn.Site] || !pass.Reviewed(escape.Spawn.Body) {
			continue // a context whose cancel function is deferred is context/short-lived's
		}
		told[escape.Spawn.Site] = true
		reportEscape(pass, escape)
	}
}

func reportEscape(pass *rule.Pass, escape effects.Escape) {
	p, fn := pass.Program, escape.Spawn.Site.Parent()
	where := pass.Where(fn)
	start, use := valid(escape.Spawn.Site.Pos(), fn), p.Start(escape.Use)
	s := rule.NewScenario()
	handler := s.Actor(where.Actor(fn), where.Runs())
	worker := s.Actor("goroutine of "+program.Name(fn), "runs "+program.Name(escape.Spawn.Body))
	handler.Step(start, "starts the goroutine", "")
	handler.Step(start, "answers and returns", "the server cancels the request's context")
	worker.Step(use, "calls "+effects.Describe(escape.Use), "context canceled")
	s.Outcome("%s fails with \"context canceled\" whenever the answer is faster than the goroutine; what it should have done is not done.", effects.Describe(escape.Use))
	pass.Report(rule.Report{
		Func: fn, Pos: start, Severity: finding.High, Reason: "the context ends when the handler returns",
		Message: fmt.Sprintf("the goroutine goes on after the request and calls %s with the request's context; the call is cancelled when the handler returns.", effects.Describe(escape.Use)),
		About:   effects.Describe(escape.Use), Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: escape.Use.Parent(), Pos: use, Message: effects.Describe(escape.Use) + " is given the request's context"}},
		Fix: rule.Fix{
			Description: "give the goroutine a context of its own, with a deadline",
			Sketch:      pass.Words(escape.Use).Fill("ownCtx, cancel := context.WithTimeout(context.WithoutCancel($parent), 30*time.Second)\ngo func() {\n\tdefer cancel()\n\t$work\n}()", "work", pass.Words(escape.Use).WithContext("ownCtx")),
		},
	})
}
