// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"cmp"
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var lateFinalizer = &rule.Rule{
	ID:        "rmw/late-finalizer",
	Title:     "a finalizer is added before it is asked whether the object is being deleted",
	Checklist: []string{"1.3"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "late_finalizer.md"),
	Check:     checkLateFinalizer,
}

func checkLateFinalizer(pass *rule.Pass) {
	for _, late := range pass.Effects.LateFinalizers() {
		if d := pass.Where(late.Func).Domain; d != program.EveryReplica && d != program.LeaderOnly {
			continue // tests, commands, and what nobody calls
		}
		switch {
		case !pass.Reviewed(late.Func):
		case late.Removed != nil:
			reportReturnedFinalizer(pass, late)
		default:
			reportLateFinalizer(pass, late)
		}
	}
}

func reportLateFinalizer(pass *rule.Pass, late effects.LateFinalizer) {
	fn, at, asked := late.Func, effects.Position(late.Added.At), effects.Position(late.Asked)
	_, line, _ := pass.Program.Position(asked)
	where := pass.Where(fn)
	related := []rule.Related{{Func: fn, Pos: asked, Message: "it is asked here whether the object is being deleted"}}
	if late.Added.Origin != late.Added.At {
		related = append(related, rule.Related{Func: late.Added.Func(), Pos: late.Added.Pos(), Message: "the finalizer is added here"})
	}
	s := rule.NewScenario()
	user := s.Actor("whoever deletes it", "a user, or the garbage collector")
	a := s.Actor(where.Actor(fn), where.Runs())
	user.Step(asked, "deletes an object that another finalizer holds, such as foregroundDeletion", "deletionTimestamp is set; this finalizer is not on it, or no longer")
	a.Step(at, "adds its finalizer and sends the object", "422: no new finalizers can be added if the object is being deleted")
	a.Step(at, "is run again, and again", "the same answer each time; what is done for a deletion is not reached")
	s.Outcome("the runs fail until the other finalizer is gone, and nothing is cleaned up meanwhile")
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: finding.Medium, Reason: "it takes a deletion while another finalizer holds the object",
		Message: fmt.Sprintf("%s adds a finalizer before it asks whether the object is being deleted (line %d): the API server refuses new finalizers on such an object, so the branch for deletions is not reached",
			program.Name(fn), line),
		About: "finalizer in " + program.Name(fn), Domain: where.Domain, Proof: where.Proof,
		Related: related, Scenario: s,
		Fix: rule.Fix{
			Description: "Ask first, and add the finalizer only to an object that is not being deleted.",
			Sketch: pass.WordsAt(fn, asked).Fill("if $cond {\n\t// as it stands at line $line, but before the finalizer is added\n}\n$add",
				"cond", cmp.Or(pass.WordsAt(fn, asked).Condition(), "!"+pass.Words(late.Added.At).Object()+".GetDeletionTimestamp().IsZero()"), "line", fmt.Sprint(line), "add", pass.Words(late.Added.At).Statement()),
		},
	})
}

// reportReturnedFinalizer tells of a finalizer that is put on again after it was taken off for a deletion.
func reportReturnedFinalizer(pass *rule.Pass, late effects.LateFinalizer) {
	fn, at, removed := late.Func, effects.Position(late.Added.At), late.Removed.Pos()
	_, line, _ := pass.Program.Position(removed)
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(effects.Position(late.Asked), "finds that the object is being deleted", "deletionTimestamp is set")
	a.Step(removed, "takes its finalizer off and sends the object", "it was the last one: the object is gone")
	a.Step(at, "goes on, puts the finalizer on again and sends the object", "404; or 422 where another finalizer holds the object: no new ones are taken")
	s.Outcome("each deletion ends in an error, and is tried again where another finalizer holds the object")
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: finding.Medium, Reason: "it takes a deletion",
		Message: fmt.Sprintf("%s removes the finalizer of an object that is being deleted (line %d), goes on, and adds it again: the API server refuses it", program.Name(fn), line),
		About:   "finalizer put back in " + program.Name(fn), Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: fn, Pos: effects.Position(late.Asked), Message: "the object is found to be deleted here"},
			{Func: fn, Pos: removed, Message: "its finalizer is removed here"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "End the run once the finalizer is off.",
			Sketch:      "return ctrl.Result{}, nil // behind the update that removes the finalizer",
		},
	})
}
