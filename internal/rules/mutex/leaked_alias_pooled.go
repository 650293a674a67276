// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/token"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// tellPooled tells of a library's object that a map keeps for many, and that one of them changes.
func tellPooled(p *rule.Pass, pooled memory.PooledChange) {
	fn, pool := pooled.Change.Parent(), pooled.Pool.String()
	object := program.Named(pooled.Got.Type()).Obj()
	kind := object.Pkg().Name() + "." + object.Name()
	s := rule.NewScenario()
	actor, runs := runner(p, fn)
	first := s.Actor(actor, runs)
	second := s.Actor("next caller of "+program.Name(pooled.Found.Parent()), "asks for the same entry")
	first.Step(siteOf(pooled.Found), fmt.Sprintf("gets the %s that %s holds", kind, pool), "a pointer, no copy")
	first.Step(siteOf(pooled.Change), "sets "+pooled.Field+" of it, for itself", "it is set in the pool")
	second.Step(siteOf(pooled.Found), fmt.Sprintf("gets the same %s", kind), "with "+pooled.Field+" as the first one has set it")
	s.Outcome("whoever comes next works with %s of somebody else; two at the same time race", pooled.Field)
	where, proof := domain(p, pooled.Change)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(pooled.Change), About: pool,
		Severity: finding.High, Reason: "each later use of the entry gets the change",
		Message: fmt.Sprintf("%s sets %s of the %s that %s keeps for all who ask for it, and not of a copy: the others get that value too",
			program.Name(fn), pooled.Field, kind, pool),
		Domain: where, Proof: proof,
		Related:  []rule.Related{{Func: pooled.Found.Parent(), Pos: siteOf(pooled.Found), Message: "it is taken from " + pool + " here, without a copy"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "change a copy",
			Sketch:      copySketch(p, pooled),
		},
	})
}

// copySketch copies an object before the statement that changes it.
func copySketch(p *rule.Pass, pooled memory.PooledChange) string {
	words := p.WordsAt(pooled.Change.Parent(), siteOf(pooled.Change))
	holder := words.Holder(pooled.Field)
	switch {
	case !token.IsIdentifier(holder):
		return words.Line() + " // of a copy"
	case program.IsNamed(pooled.Got.Type(), "k8s.io/client-go/rest", "Config"):
		return words.Fill("$holder = $rest.CopyConfig($holder)\n$line", "holder", holder, "rest", words.Import("k8s.io/client-go/rest", "rest"), "line", words.Line())
	}
	return words.Fill("copied := *$holder\n$holder = &copied\n$line", "holder", holder, "line", words.Line())
}
