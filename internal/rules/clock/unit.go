// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var unit = &rule.Rule{
	ID:        "clock/unit",
	Title:     "a duration is taken for a number, or a number for a duration",
	Checklist: []string{"5.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "unit.md"),
	Check:     checkUnit,
}

func checkUnit(pass *rule.Pass) {
	for _, s := range pass.Effects.SquaredDurations() {
		if pass.Reviewed(s.Product.Parent()) {
			reportSquared(pass, s)
		}
	}
	for _, n := range pass.Effects.BareNumbers() {
		if pass.Reviewed(n.Convert.Parent()) {
			reportBare(pass, n)
		}
	}
	for _, n := range pass.Effects.TinyDurations() {
		if pass.Reviewed(n.At.Parent()) {
			reportTiny(pass, n)
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

// units are the units of package time by what names of numbers end in.
var units = map[string]string{
	"milliseconds": "time.Millisecond", "millis": "time.Millisecond", "seconds": "time.Second", "secs": "time.Second",
	"minutes": "time.Minute", "mins": "time.Minute", "hours": "time.Hour", "days": "24 * time.Hour",
}

func reportBare(pass *rule.Pass, n effects.BareNumber) {
	fn := n.Convert.Parent()
	where := pass.Where(fn)
	pos := effects.Position(n.Convert)
	sc := rule.NewScenario()
	a := sc.Actor(where.Actor(fn), where.Runs())
	a.Step(pos, "makes a duration of "+n.Of+" = 30", "30 ns")
	a.Step(effects.Position(n.Use), "uses it", "30 ns are over at once")
	sc.Outcome("what should take %s is over at once", n.Unit)
	pass.Report(rule.Report{
		Func: fn, Pos: pos, Severity: finding.High, Reason: "each run computes it so",
		Message: fmt.Sprintf("%s makes a duration of %s without a unit: it counts nanoseconds, not %s", program.Name(fn), n.Of, n.Unit),
		About:   "unit of " + n.Of, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: n.Use.Parent(), Pos: effects.Position(n.Use), Message: "used as a duration here"}},
		Scenario: sc,
		Fix:      rule.Fix{Description: "Multiply the number by its unit.", Sketch: "time.Duration(" + n.Of + ") * " + units[n.Unit]},
	})
}

func reportTiny(pass *rule.Pass, n effects.TinyDuration) {
	fn := n.At.Parent()
	where := pass.Where(fn)
	pos, number := effects.Position(n.At), fmt.Sprint(n.Value.Nanoseconds())
	sc := rule.NewScenario()
	a := sc.Actor(where.Actor(fn), where.Runs())
	a.Step(pos, "gives "+number+" as a duration", n.Value.String())
	a.Step(effects.Position(n.Use), "uses it", n.Value.String()+" are over at once, and no second")
	sc.Outcome("what should take %s of some unit takes no time", number)
	pass.Report(rule.Report{
		Func: fn, Pos: pos, Severity: finding.High, Reason: "each run computes it so",
		Message: fmt.Sprintf("%s gives %s as a duration without a unit: that is %s, over at once", program.Name(fn), number, n.Value),
		About:   "unit of " + number, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: n.Use.Parent(), Pos: effects.Position(n.Use), Message: "used as a duration here"}},
		Scenario: sc,
		Fix:      rule.Fix{Description: "Multiply the number by its unit.", Sketch: number + " * time.Second"},
	})
}
