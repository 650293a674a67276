// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var localMetav1 = &rule.Rule{
	ID:        "clock/local-metav1",
	Title:     "a field of an object holds local time in memory and UTC on the wire",
	Checklist: []string{"8.1"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Strict:    true,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "local_metav1.md"),
	Check:     checkLocalMetav1,
}

func checkLocalMetav1(pass *rule.Pass) {
	for _, st := range pass.Effects.NewStamps() {
		field := st.Addr.(*ssa.FieldAddr)
		name := fieldName(field)
		set := pass.Program.DomainAt(st)
		domain := set.Worst()
		r := rule.Report{
			Func: st.Parent(), Pos: storePos(st), About: name, Domain: domain, Proof: set.Proof(domain),
			Severity: finding.Medium, Reason: "it is UTC as soon as it is marshalled",
			Message: fmt.Sprintf("%s gets a time in the zone of the process; until it is stored and read back it prints and formats differently on other replicas", name),
			Fix:     rule.Fix{Description: "Take the time in UTC.", Sketch: "metav1.NewTime(time.Now().UTC())"},
		}
		s := rule.NewScenario()
		a := s.Actor("replica A (TZ=Europe/Berlin)", program.Name(st.Parent()))
		a.Step(r.Pos, "sets "+name, "14:00 +0200 in memory")
		a.Step(r.Pos, "sends the object", "12:00Z on the wire")
		s.Outcome("what formats the field before it is sent, and what formats it after, show different texts")
		r.Scenario = s
		pass.Report(r)
	}
}
