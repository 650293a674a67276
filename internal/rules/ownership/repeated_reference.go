// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var repeatedReference = &rule.Rule{
	ID:        "ownership/repeated-reference",
	Title:     "an owner reference is added without a look at those that are there",
	Checklist: []string{"7.1"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "repeated_reference.md"),
	Check:     checkRepeatedReference,
}

func checkRepeatedReference(pass *rule.Pass) {
	for _, r := range pass.Effects.RepeatedReferences() {
		where := pass.Where(r.Story.Func)
		if !pass.Reviewed(r.Add.Func()) || !pass.Reviewed(r.Story.Func) || where.Domain != program.EveryReplica && where.Domain != program.LeaderOnly {
			continue // commands and tests run once
		}
		reportRepeated(pass, r, where)
	}
}

func reportRepeated(pass *rule.Pass, r effects.Repeated, where rule.Where) {
	kind := "object"
	if k, ok := r.Story.Kind(); ok {
		kind = k.Name
	}
	s := rule.NewScenario()
	a := s.Actor(where.Actor(r.Story.Func), where.Runs())
	a.Step(r.Add.Pos(), "adds the owner to the "+kind, "ownerReferences: [owner]")
	a.Step(r.Story.Write.Pos(), "sends it, and fails later or is run again", "stored: [owner]")
	a.Step(r.Add.Pos(), "adds the owner once more", "ownerReferences: [owner, owner]")
	a.Step(r.Story.Write.Pos(), "sends it", "stored: [owner, owner]")
	s.Outcome("each run adds an entry; whoever takes one of them out leaves the others, and the list differs at every comparison")
	pass.Report(rule.Report{
		Func: r.Add.Func(), Pos: r.Add.Pos(), Severity: finding.Medium, Reason: "a second run adds it a second time",
		Message: fmt.Sprintf("an owner reference is appended to those of a stored %s, and nothing looks whether it is there; each further run adds it again", kind),
		About:   kind, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: r.Story.Write.Func(), Pos: r.Story.Write.Pos(), Message: "the list is sent here"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Look for the owner first, or let controllerutil.SetOwnerReference do both.",
			Sketch:      pass.Words(r.Add.Origin).Fill("if !slices.ContainsFunc($obj.OwnerReferences, func(o $metav1.OwnerReference) bool { return o.UID == owner.UID }) { // owner: the reference\n\t$stmt\n}", "obj", pass.Holder(r.Add)),
		},
	})
}
