// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var squared = &rule.Rule{
	ID:        "clock/squared",
	Title:     "a duration is multiplied by a unit of time",
	Checklist: []string{"5.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "squared.md"),
	Check:     checkSquared,
}

func checkSquared(pass *rule.Pass) {
	for _, s := range pass.Effects.SquaredDurations() {
		if pass.Reviewed(s.Product.Parent()) {
			reportSquared(pass, s)
		}
	}
}

func reportSquared(pass *rule.Pass, s effects.Squared) {
	fn := s.Product.Parent()
	where := pass.Where(fn)
	of := s.Of
	if of == "" {
		of = "a duration"
	}
	pos := effects.Position(s.Product)
	sc := rule.NewScenario()
	a := sc.Actor(where.Actor(fn), where.Runs())
	a.Step(pos, fmt.Sprintf("multiplies %s by %s", of, s.Unit), fmt.Sprintf("both count nanoseconds: it is %d times as long as it was", s.Unit.Nanoseconds()))
	a.Step(pos, "waits, or lets others work, for that long", "as long as the process lives")
	sc.Outcome("what was to end after %s does not end for years, or the product overflows and it ends at once", of)
	pass.Report(rule.Report{
		Func: fn, Pos: pos, Severity: finding.High, Reason: "each run computes it so",
		Message: fmt.Sprintf("%s multiplies %s by %s, but it is a duration already (%s): the product is %d times as long", program.Name(fn), of, s.Unit, s.Why, s.Unit.Nanoseconds()),
		About:   of + " times " + s.Unit.String(), Domain: where.Domain, Proof: where.Proof,
		Scenario: sc,
		Fix:      rule.Fix{Description: "Use the duration as it is.", Sketch: of},
	})
}
