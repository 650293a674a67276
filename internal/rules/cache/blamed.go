// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// checkBlamed tells of writes whose conflict, which says no more than that the read was old, has an object deleted.
func checkBlamed(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, b := range pass.Effects.BlamedWrites() {
		fn := b.Try.Parent()
		where := pass.Where(fn)
		if told[b.Try] || !pass.Reviewed(fn) || where.Domain != program.EveryReplica && where.Domain != program.LeaderOnly {
			continue // one write, one finding; and not in commands or tests
		}
		told[b.Try] = true
		kind := b.Kind.Name
		s := rule.NewScenario()
		other, a := s.Actor("another writer", "of the same "+kind), s.Actor(where.Actor(fn), where.Runs())
		other.Step(b.Try.Pos(), "writes the "+kind, "version 2 is stored")
		a.Step(b.Try.Pos(), "writes the "+kind+" as it was read", "409 Conflict: it was version 1")
		a.Step(b.Branch.Cond.Pos(), "takes the conflict for a failure", "")
		a.Step(b.Then.Pos(), "deletes the "+kind, "")
		s.Outcome("a healthy %s is gone because somebody else changed it", kind)
		pass.Report(rule.Report{
			Func: fn, Pos: pass.Program.Start(b.Try), Severity: finding.High, Reason: "a conflict is an everyday event",
			Message: fmt.Sprintf("when the write of the %s fails, for whatever reason, %s deletes a %s; a conflict says only that what was read is old", kind, program.Name(b.Then.Parent()), kind),
			About:   "blamed " + kind,
			Domain:  where.Domain, Proof: where.Proof,
			Related: []rule.Related{
				{Func: b.Then.Parent(), Pos: b.Then.Pos(), Message: "the failure leads here"},
				{Func: b.Delete.Parent(), Pos: b.Delete.Pos(), Message: "deletes the " + kind},
			},
			Scenario: s,
			Fix: rule.Fix{
				Description: "return the conflict, so that the next run reads again",
				Sketch:      pass.Words(b.Try).Fill("if err := $call; $apierrors.IsConflict(err) {\n\t$return // the next run reads again\n}"),
			},
		})
	}
}
