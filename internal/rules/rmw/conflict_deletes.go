// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var conflictDeletes = &rule.Rule{
	ID:        "rmw/conflict-deletes",
	Title:     "a conflict of a write makes the object be deleted",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "conflict_deletes.md"),
	Check:     checkConflictDeletes,
}

func checkConflictDeletes(pass *rule.Pass) {
	for _, d := range pass.Effects.DeletesOnConflict() {
		if pass.Reviewed(d.Test.Parent()) {
			reportConflictDeletes(pass, d)
		}
	}
}

func reportConflictDeletes(pass *rule.Pass, d effects.DeletedOnConflict) {
	fn := d.Test.Parent()
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	b := s.Actor("another writer", "anybody who writes the same object: its status, a label")
	b.Step(d.Write.Pos(), "writes the object", "stored: resourceVersion 42")
	a.Step(d.Write.Pos(), "writes it with resourceVersion 41", "409 Conflict")
	a.Step(d.Test.Pos(), "asks whether it is a conflict", "yes")
	a.Step(d.Delete.Pos(), "deletes the object", "all of it is gone, what others wrote and what belongs to it too")
	s.Outcome("an object that only had to be read again is deleted")
	pass.Report(rule.Report{
		Func: fn, Pos: d.Delete.Pos(), Severity: finding.High, Reason: "any other write of the object in between is enough",
		Message: fmt.Sprintf("the object is deleted because a write of it at %s met a conflict; a conflict only says that somebody else wrote it since it was read", pass.Program.At(d.Write.Pos())),
		About:   "delete after a conflict in " + program.Name(fn), Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: fn, Pos: d.Write.Pos(), Message: "the write that meets the conflict"},
			{Func: fn, Pos: d.Test.Pos(), Message: "asked for here"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Read the object again after a conflict; delete it only where the server refuses the change itself (Invalid).",
			Sketch:      pass.Words(d.Write).Fill("if err := $call; $apierrors.IsConflict(err) {\n\t$return // the next run reads again\n}"),
		},
	})
}
