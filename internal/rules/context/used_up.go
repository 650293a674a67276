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

var usedUp = &rule.Rule{
	ID:        "context/used-up",
	Title:     "Deadline that a wait for something else may use up",
	Checklist: []string{"5.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "used_up.md"),
	Check:     checkUsedUp,
}

func checkUsedUp(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, spent := range pass.Effects.UsedUps(fn) {
			reportUsedUp(pass, fn, spent)
		}
	}
}

func reportUsedUp(pass *rule.Pass, fn *ssa.Function, spent effects.UsedUp) {
	p, where := pass.Program, pass.Where(fn)
	made, wait, start := p.Start(spent.Made), p.Start(spent.Wait), p.Start(spent.Site)
	call, other := effects.Describe(spent.Site), effects.Describe(spent.Wait)
	_, line, _ := p.Position(made)
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(made, "sets a deadline", "the time runs")
	actor.Step(wait, "waits in "+other, "the other side takes its time; the deadline passes")
	actor.Step(start, "calls "+call, "context deadline exceeded")
	s.Outcome("%s fails at once, although nothing is wrong with what it asks for: %s fails when the other side was slow to come.", call, program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, spent.Site), Severity: finding.Medium, Reason: "it takes a wait that is longer than the deadline",
		Message: fmt.Sprintf("%s runs under the deadline of line %d, behind %s, which waits for as long as it takes; nothing may be left of it.", call, line, other),
		About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{
			{Func: fn, Pos: made, Message: "the deadline is set here"},
			{Func: fn, Pos: wait, Message: other + " does not end with it"},
		},
		Fix: rule.Fix{
			Description: "set the deadline for each request, where it is sent",
			Sketch: pass.Words(spent.Made).Fill("callCtx, cancel := context.WithTimeout($parent, 30*time.Second) // $parent: the one that $made is derived from\ndefer cancel()\n$bound",
				"made", pass.Words(spent.Made).Call(), "bound", pass.Words(spent.Site).WithContext("callCtx")),
		},
	})
}
