// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// checkBlankGroups tells of groups of goroutines whose own context is thrown away.
func checkBlankGroups(pass *rule.Pass) {
	for _, g := range pass.Effects.LostGroups() {
		if fn := g.Made.Parent(); pass.Reviewed(fn) && (pass.Strict || pass.Effects.RunsOften(fn)) {
			reportBlankGroup(pass, g)
		}
	}
}

func reportBlankGroup(pass *rule.Pass, g effects.LostGroup) {
	p, fn := pass.Program, g.Made.Parent()
	where, start := pass.Where(fn), p.Start(g.Made)
	s := rule.NewScenario()
	caller := s.Actor(where.Actor(fn), where.Runs())
	one := s.Actor("one goroutine of the group", "fails")
	other := s.Actor("another one", "waits for an answer")
	caller.Step(start, "makes a group and throws its context away", "")
	other.Step(p.Start(g.Work), "waits in "+effects.Describe(g.Work), "")
	one.Step(start, "returns an error", "the context of the group is cancelled, nobody looks at it")
	caller.Step(p.Start(g.Wait), "waits for the group", "the error is known, and is not returned")
	s.Outcome("%s returns its first error only when the slowest goroutine has come to its end, and starts no fewer for it.", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, g.Made), Severity: finding.Medium, Reason: "it needs one goroutine to fail and another to be slow",
		Message: fmt.Sprintf("nothing uses the context of this group: its first error, and the end of the context that it is made of, stop none of its goroutines, which wait in %s.", effects.Describe(g.Work)),
		About:   "group of " + effects.Describe(g.Work), Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{
			{Func: g.Work.Parent(), Pos: p.Start(g.Work), Message: effects.Describe(g.Work) + " is called without the context"},
			{Func: fn, Pos: p.Start(g.Wait), Message: "the group is waited for here"},
		},
		Fix: rule.Fix{
			Description: "look at the group's context in its goroutines",
			Sketch:      pass.Words(g.Wait).Fill("$c.Go(func() error {\n\tif err := groupCtx.Err(); err != nil { // groupCtx: the second result of $made\n\t\treturn err\n\t}\n\t// what the goroutine does\n})", "made", pass.Words(g.Made).Call()),
		},
	})
}
