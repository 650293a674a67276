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

var lostLeadership = &rule.Rule{
	ID:        "context/lost-leadership",
	Title:     "Work that begins with the leadership and goes on without it",
	Checklist: []string{"5.2"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "lost_leadership.md"),
	Check:     checkLostLeadership,
}

func checkLostLeadership(pass *rule.Pass) {
	type cause struct {
		gate ssa.Instruction
		in   *ssa.Function
	}
	told := make(map[cause]bool)
	for _, stay := range pass.Effects.Overstays() {
		at := cause{stay.Gate, stay.Use.Parent()}
		if told[at] || !pass.Reviewed(at.in) {
			continue
		}
		told[at] = true
		reportOverstay(pass, stay)
	}
}

func reportOverstay(pass *rule.Pass, stay effects.Overstay) {
	p, fn := pass.Program, stay.Use.Parent()
	where := pass.Where(fn)
	gate, use := valid(stay.Gate.Pos(), stay.Gate.Parent()), p.Start(stay.Use)
	s := rule.NewScenario()
	old := s.Actor("replica A", "leads, and runs "+program.Name(fn))
	next := s.Actor("replica B", "waits for the lease")
	old.Step(gate, "gets past the leader gate", "A leads")
	old.Step(gate, "fails to renew the lease", "A leads no more; the context of its loop still lives")
	next.Step(gate, "takes the lease and gets past the gate", "B leads")
	old.Step(use, "goes on with "+effects.Describe(stay.Use), "two replicas do the leader's work")
	s.Outcome("From the first lost lease on A works beside B, until A is restarted: two leaders.")
	report := rule.Report{
		Func: fn, Pos: use, End: endOf(p, stay.Use), Severity: finding.Critical, Reason: "two replicas do the work of one",
		Message: fmt.Sprintf("%s begins with the leadership and runs under a context that does not end with it; after a lost lease two replicas do the leader's work.", program.Name(fn)),
		About:   program.Name(fn), Domain: program.LeaderOnly, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: stay.Gate.Parent(), Pos: gate, Message: "the work begins here, when the replica leads"}},
		Fix: rule.Fix{
			Description: "start the work in OnStartedLeading, with its context",
			Sketch:      pass.Words(stay.Use).Fill("OnStartedLeading: func(leading context.Context) {\n\t$work // ends with the leadership\n},", "work", pass.Words(stay.Use).WithContext("leading")),
		},
	}
	for _, e := range p.Callers(fn) {
		if !p.InTest(e.Caller()) {
			report.Related = append(report.Related, rule.Related{Func: e.Caller(), Pos: p.Start(e.Site), Message: "it is given its context here"})
		}
	}
	pass.Report(report)
}
