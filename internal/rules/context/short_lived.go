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

var shortLived = &rule.Rule{
	ID:        "context/short-lived",
	Title:     "Context cancelled on return, given to what lives longer",
	Checklist: []string{"5.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "short_lived.md"),
	Check:     checkShortLived,
}

func checkShortLived(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, escape := range pass.Effects.Escapes() {
		if escape.Origin.Deferred == nil || told[escape.Spawn.Site] || !pass.Reviewed(escape.Spawn.Body) {
			continue
		}
		told[escape.Spawn.Site] = true
		reportShortLived(pass, escape)
	}
}

func reportShortLived(pass *rule.Pass, escape effects.Escape) {
	p, fn := pass.Program, escape.Spawn.Site.Parent()
	where := pass.Where(fn)
	start, use, made := valid(escape.Spawn.Site.Pos(), fn), p.Start(escape.Use), p.Start(escape.Origin.Deferred)
	s := rule.NewScenario()
	starter := s.Actor(where.Actor(fn), where.Runs())
	worker := s.Actor("goroutine of "+program.Name(fn), "runs "+program.Name(escape.Spawn.Body))
	starter.Step(made, "derives a context and defers its cancel", "")
	starter.Step(start, "starts the goroutine and returns", "the deferred cancel runs")
	worker.Step(use, "calls "+effects.Describe(escape.Use), "context canceled")
	s.Outcome("%s ends, or fails, as soon as %s has returned, which is before it did its work.", effects.Describe(escape.Use), program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, Severity: finding.High, Reason: "nobody waits for the goroutine",
		Message: fmt.Sprintf("the goroutine calls %s under a context that %s cancels when it returns; the work is cut off.", effects.Describe(escape.Use), program.Name(fn)),
		About:   effects.Describe(escape.Use), Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: fn, Pos: made, Message: "the context is derived here, and its cancel deferred"}, {Func: escape.Use.Parent(), Pos: use, Message: "it is used here"}},
		Fix: rule.Fix{
			Description: "cancel the context where the work ends",
			Sketch:      pass.Words(escape.Use).Fill("go func() {\n\tdefer cancel() // and no more where the context is derived\n\t$call\n}()"),
		},
	})
}
