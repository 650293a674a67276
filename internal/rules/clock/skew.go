// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"cmp"
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
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
		if !(pair.SinceStart() || pass.Strict) {
			continue // an expiry: most controllers can live with seconds
		}
		r := pairReport(pass, pair)
		r.About = stored.Stored
		r.Severity, r.Reason = finding.Medium, "clocks of machines differ"
		r.Message = fmt.Sprintf("%s, written by another machine, is compared with the local clock without a tolerance; replicas whose clocks differ decide differently", stored.Stored)
		if pair.SinceStart() {
			r.Message = fmt.Sprintf("%s, which the API server wrote by its clock, tells old from new by an earlier reading of the local clock; what is made within the difference of the clocks falls on the wrong side", stored.Stored)
		}
		r.Related = []rule.Related{{Func: reading.Clock.Parent(), Pos: reading.Clock.Pos(), Message: "the reading of the clock"}}
		r.Scenario = skewScenario(r, pair, stored)
		r.Fix = rule.Fix{Description: "Allow for the difference of clocks, or measure from a local observation as client-go's leader election does.", Sketch: "const skew = 2 * time.Second // what clocks may differ by\n// and in the comparison: .Add(skew) on " + stored.Stored}
		if pair.SinceStart() {
			r.Fix = rule.Fix{Description: "Remember which objects were there at the start, by UID, and compare with these.", Sketch: pass.WordsAt(r.Func, r.Pos).Fill("known := map[types.UID]bool{} // filled from the first list\n// in place of $cond:\nif !known[obj.GetUID()] { // obj: the one that has the CreationTimestamp\n}", "cond", cmp.Or(pass.WordsAt(r.Func, r.Pos).Condition(), pass.WordsAt(r.Func, r.Pos).Line()))}
		}
		pass.Report(r)
	}
}

func skewScenario(r rule.Report, pair effects.TimePair, stored effects.Moment) *rule.Scenario {
	s := rule.NewScenario()
	runs := program.Name(pair.Func())
	if pair.SinceStart() {
		server, a := s.Actor("API server (2 s behind)", ""), s.Actor("this process", runs)
		a.Step(r.Related[0].Pos, "reads its clock", "12:00:02")
		server.Step(r.Pos, "makes an object a second later", stored.Stored+" = 12:00:01")
		a.Step(r.Pos, "compares the two", "the object counts as made before")
		s.Outcome("a new object is taken for an old one, and what should follow does not; with the clocks the other way round old ones count as new")
		return s
	}
	a, b := s.Actor("replica A (2 s ahead)", runs), s.Actor("replica B", runs)
	a.Step(r.Pos, "compares "+stored.Stored+" = 12:00:01 with its clock", "12:00:02: it is over")
	b.Step(r.Pos, "compares at the same instant", "12:00:00: it is not")
	s.Outcome("both act on their answer at once")
	return s
}
