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

var pilesUp = &rule.Rule{
	ID:        "context/piles-up",
	Title:     "Context that each round of a loop derives and none ends",
	Checklist: []string{"5.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "piles_up.md"),
	Check:     checkPilesUp,
}

func checkPilesUp(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, pile := range effects.ContextPiles(fn) {
			reportPile(pass, fn, pile)
		}
	}
}

func reportPile(pass *rule.Pass, fn *ssa.Function, pile effects.ContextPile) {
	p, where := pass.Program, pass.Where(fn)
	start, at, call := p.Start(pile.Made), valid(pile.Defer.Pos(), fn), effects.Describe(pile.Made)
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(start, "derives a context with "+call, "1 lives")
	actor.Step(at, "defers its cancel", "it runs when "+program.Name(fn)+" returns")
	actor.Step(start, "waits and comes round again", "2 live")
	s.Outcome("One more context, its timer and its place in the parent stay with each round, until %s returns.", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, pile.Made), Severity: finding.Medium, Reason: "it grows for as long as the loop runs",
		Message: fmt.Sprintf("the context of %s is cancelled by a defer in the loop that derives the next one; all stay until %s returns.", call, program.Name(fn)),
		About:   "context", Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: fn, Pos: at, Message: "deferred here, in the loop"}},
		Fix: rule.Fix{Description: "cancel it at the end of the round, or give each round a function of its own",
			Sketch: pass.Words(pile.Defer).Fill("func() {\n\t$made\n\tdefer $call\n\t// the rest of the round\n}()", "made", pass.Words(pile.Made).Line())},
	})
}
