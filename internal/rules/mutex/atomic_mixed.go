// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// AtomicMixed reports a variable that is used by sync/atomic in one place and plainly in another.
var AtomicMixed = &rule.Rule{
	ID:       "mutex/atomic-mixed",
	Title:    "a variable is used atomically here and plainly there",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1",
	Doc:      rule.Page(pages, "atomic_mixed.md"),
	Check:    atomicMixed,
}

func atomicMixed(p *rule.Pass) {
	m := p.Effects.Memory()
	for _, mixed := range m.Mixed() {
		if !p.Watched(mixed.Plain.Func()) {
			continue
		}
		tellMixed(p, mixed)
	}
}

func tellMixed(p *rule.Pass, mixed memory.Mixed) {
	a := mixed.Plain
	name := mixed.Place.String()
	word := map[bool]string{true: "written", false: "read"}[a.Write]
	atomic := calleeName(mixed.Atomic)
	s := rule.NewScenario()
	nameA, nameB := mixed.Meeting.A.String(), mixed.Meeting.B.String()
	if nameA == nameB {
		nameA, nameB = nameA+" (1)", nameB+" (2)"
	}
	first, second := s.Actor(nameA, runs(mixed.Meeting.A, a)), s.Actor(nameB, "runs "+program.Name(mixed.Atomic.Parent()))
	second.Step(siteOf(mixed.Atomic), fmt.Sprintf("changes %s by atomic.%s", name, atomic), "")
	first.Step(siteOf(a.At), fmt.Sprintf("%s is %s plainly", name, word), "at the same time")
	s.Outcome("the plain access is not ordered with the atomic one: an old or half written %s is used, or a change is lost", name)

	where, proof := domain(p, a.At)
	p.Report(rule.Report{
		Func: a.Func(), Pos: siteOf(a.At), About: name,
		Severity: finding.High, Reason: "a data race: atomic access orders only what is accessed atomically everywhere",
		Message: fmt.Sprintf("%s is %s plainly, and by atomic.%s in %s; the plain access races",
			name, word, atomic, program.Name(mixed.Atomic.Parent())),
		Domain: where, Proof: proof,
		Related:  []rule.Related{{Func: mixed.Atomic.Parent(), Pos: siteOf(mixed.Atomic), Message: "atomic access here"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "use sync/atomic for every access, best by giving the variable an atomic type",
			Sketch:      fmt.Sprintf("// %s: atomic.Int64 instead of int64, then Load and Add", name),
		},
	})
}
