// SPDX-License-Identifier: Apache-2.0

package rmw

import (
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
		if pass.Reviewed(late.Func) {
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
				"cond", pass.WordsAt(fn, asked).Condition(), "line", fmt.Sprint(line), "add", pass.Words(late.Added.At).Statement()),
		},
	})
}
