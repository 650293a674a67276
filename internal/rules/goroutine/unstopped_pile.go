// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// judgePile tells of a stop that is deferred in a loop: it comes when the function is left, for all rounds at once.
func judgePile(pass *rule.Pass, fn *ssa.Function, r effects.Resource) {
	stop := pass.Effects.Goroutines().PilesUp(r)
	if stop == nil {
		return // stopped on each path, in each round
	}
	p, where := pass.Program, pass.Where(fn)
	start, at := p.Start(r.Site), valid(stop.Pos(), fn)
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(start, fmt.Sprintf("opens the %s with %s", r.What, effects.Describe(r.Site)), "1 is open")
	actor.Step(at, "defers "+r.Stop, "it runs when "+program.Name(fn)+" returns")
	actor.Step(start, "waits and comes round again", "2 are open")
	s.Outcome("One more stays open with each round, until %s returns.", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, r.Site), Severity: finding.Medium, Reason: "it grows for as long as the loop runs",
		Message: fmt.Sprintf("%s of %s is %s by a defer in the loop that opens the next one; all stay open until %s returns.",
			r.What, effects.Describe(r.Site), ended(r), program.Name(fn)),
		About: r.What, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: fn, Pos: at, Message: "deferred here, in the loop"}},
		Fix: rule.Fix{Description: "give each round a function of its own",
			Sketch: "func() {\n\t" + pass.Words(r.Site).Line() + "\n\tdefer " + named(p, r) + "." + r.Stop + "()\n\t// the rest of the round\n}()"},
	})
}
