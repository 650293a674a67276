// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var skew = &rule.Rule{
	ID:        "clock/skew",
	Title:     "a time of another machine is compared with the local clock",
	Checklist: []string{"8.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Strict:    true,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "skew.md"),
	Check:     checkSkew,
}

func checkSkew(pass *rule.Pass) {
	for _, pair := range pass.Effects.TimePairs() {
		stored, reading, ok := pair.Against()
		if !ok || pair.Op == "Equal" {
			continue // equality has a rule of its own
		}
		r := pairReport(pass, pair)
		r.About = stored.Stored
		r.Severity, r.Reason = finding.Medium, "clocks of machines differ"
		r.Message = fmt.Sprintf("%s, written by another machine, is compared with the local clock without a tolerance; replicas whose clocks differ decide differently", stored.Stored)
		r.Related = []rule.Related{{Func: reading.Clock.Parent(), Pos: reading.Clock.Pos(), Message: "the reading of the clock"}}
		s := rule.NewScenario()
		a := s.Actor("replica A (2 s ahead)", program.Name(pair.Func()))
		b := s.Actor("replica B", program.Name(pair.Func()))
		a.Step(r.Pos, "compares "+stored.Stored+" = 12:00:01 with its clock", "12:00:02: it is over")
		b.Step(r.Pos, "compares at the same instant", "12:00:00: it is not")
		s.Outcome("both act on their answer at once")
		r.Scenario = s
		r.Fix = rule.Fix{Description: "Allow for the difference of clocks, or measure from a local observation as client-go's leader election does.", Sketch: "now.After(stored.Add(skew))"}
		pass.Report(r)
	}
}
