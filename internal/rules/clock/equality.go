// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var equality = &rule.Rule{
	ID:        "clock/equality",
	Title:     "times of different precision are compared for equality, or equal times left without an order",
	Checklist: []string{"8.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "equality.md"),
	Check:     checkEquality,
}

func checkEquality(pass *rule.Pass) {
	for _, pair := range pass.Effects.TimePairs() {
		if reading, stored, ok := pair.NeverEqual(); ok {
			if pass.Effects.OrderedToo(pair) {
				continue // equal or after: a moment later it is after
			}
			if pass.Effects.Renews(pair) && writeAfter(pass, pair) == nil {
				continue // a newer reading is to be kept: it would differ in whole seconds, too
			}
			reportNeverEqual(pass, pair, reading, stored)
		} else if pair.Orders() && (pass.Effects.AmongEquals(pair) && !pair.Heap() || pass.Strict) {
			reportOrder(pass, pair)
		}
	}
}

func pairReport(pass *rule.Pass, pair effects.TimePair) rule.Report {
	set := pass.Program.DomainAt(pair.At)
	domain := set.Worst()
	r := rule.Report{Func: pair.Func(), Pos: pair.At.Pos(), Domain: domain, Proof: set.Proof(domain)}
	return r
}

func reportNeverEqual(pass *rule.Pass, pair effects.TimePair, reading, stored effects.Moment) {
	r := pairReport(pass, pair)
	r.About = stored.Stored
	r.Severity, r.Reason = finding.Medium, "no write follows in this function"
	write := writeAfter(pass, pair)
	if write != nil {
		r.Severity, r.Reason = finding.High, "a write depends on it"
		r.Related = append(r.Related, rule.Related{Func: write.Func(), Pos: write.Pos(), Message: "written here, because the times differ"})
	}
	r.Message = fmt.Sprintf("%s is stored in whole seconds and compared with a reading of the clock that has a fraction; the two are never equal", stored.Stored)
	r.Related = append(r.Related, rule.Related{Func: reading.Clock.Parent(), Pos: reading.Clock.Pos(), Message: "the reading of the clock"})
	s := rule.NewScenario()
	a := s.Actor("goroutine of "+program.Name(pair.Func()), program.Name(pair.Func()))
	a.Step(reading.Clock.Pos(), "reads the clock", "12:00:00.734")
	a.Step(r.Pos, "compares it with "+stored.Stored+", which went over the wire", "12:00:00 is not 12:00:00.734")
	if write != nil {
		a.Step(write.Pos(), "writes, as if something had changed", "")
		s.Outcome("every pass finds a difference: the write that the test should save happens each time")
	} else {
		s.Outcome("the test is never true")
	}
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Cut the reading to the precision that is stored.", Sketch: pass.Words(reading.Clock).Call() + ".Truncate(time.Second) // where the clock is read"}
	pass.Report(r)
}

// writeAfter returns the first write to the API that the function can come to after the comparison.
func writeAfter(pass *rule.Pass, pair effects.TimePair) *effects.Event {
	for _, ev := range pass.Effects.Events(pair.Func()) {
		if ev.Kind == effects.Write && effects.MayPrecede(pair.At, ev.At) {
			return ev
		}
	}
	return nil
}

func reportOrder(pass *rule.Pass, pair effects.TimePair) {
	field := "a stored time"
	for _, m := range pair.A {
		if m.Stored != "" {
			field = m.Stored
			break
		}
	}
	r := pairReport(pass, pair)
	r.About = "order by " + field
	r.Severity, r.Reason = finding.Medium, "it needs two objects of one second"
	r.Message = fmt.Sprintf("the order hangs on %s alone, which has whole seconds; objects of the same second come in any order, another one each time", field)
	s := rule.NewScenario()
	runs := program.Name(pair.Func())
	a, b := s.Actor("first pass", runs), s.Actor("second pass", runs)
	a.Step(r.Pos, "compares x and y, both of 12:00:00", "x first, as the list came")
	b.Step(r.Pos, "compares y and x, as another list came", "y first")
	s.Outcome("the passes, and the replicas, choose different objects from the same state")
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Break ties by something that differs, such as the name or the UID.", Sketch: orderSketch(pass, pair)}
	pass.Report(r)
}

// orderSketch breaks ties of the comparison by name.
func orderSketch(pass *rule.Pass, pair effects.TimePair) string {
	w := pass.Words(pair.At)
	line := w.Line()
	return "// where the two times are equal, compare what differs, such as the names, before:\n" + line
}
