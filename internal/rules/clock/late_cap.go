// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var lateCap = &rule.Rule{
	ID:        "clock/late-cap",
	Title:     "a growing delay is capped only after it has overflowed",
	Checklist: []string{"8.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "late_cap.md"),
	Check:     checkLateCap,
}

func checkLateCap(pass *rule.Pass) {
	for _, late := range pass.Effects.LateCaps() {
		if pass.Reviewed(late.Grows.Parent()) {
			reportLateCap(pass, late)
		}
	}
}

func reportLateCap(pass *rule.Pass, late effects.LateCap) {
	fn, pos := late.Grows.Parent(), effects.Position(late.Grows)
	where := pass.Where(fn)
	sc := rule.NewScenario()
	a := sc.Actor(where.Actor(fn), where.Runs())
	a.Step(pos, "computes the delay for attempt 10", "within the maximum, or cut to it")
	a.Step(pos, "computes the delay for attempt 70", "2^70 does not fit into an int64: zero, or negative")
	a.Step(effects.Position(late.Cap), "compares it with the maximum", "it is smaller, and stays as it is")
	sc.Outcome("what has failed for long is tried again at once, without a pause, for as long as it fails")
	counter := "attempts"
	if token.IsIdentifier(late.Counter) {
		counter = late.Counter
	}
	pass.Report(rule.Report{
		Func: fn, Pos: pos, Severity: finding.High, Reason: "nothing in sight bounds " + late.Counter,
		Message: fmt.Sprintf("%s lets a delay grow by a power of %s in whole numbers and caps it afterwards: once the power no longer fits, the delay is zero or negative, which is below the cap",
			program.Name(fn), late.Counter),
		About: "cap of a power of " + late.Counter, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: late.Cap.Parent(), Pos: effects.Position(late.Cap), Message: "compared with the maximum here"}},
		Scenario: sc,
		Fix: rule.Fix{
			Description: "Compare as float64 and convert last, or bound the number of attempts that counts.",
			Sketch:      "delay := time.Duration(math.Min(float64(limit), float64(base)*math.Pow(2, float64(" + counter + ")))) // attempts: " + late.Counter + "; base: the first delay; limit: the longest",
		},
	})
}
