// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rule"
)

// checkElections tells of elections that are to release their lease when a context ends, and that run under one that does not.
func checkElections(pass *rule.Pass) {
	for _, run := range pass.Effects.UnreleasedElections() {
		fn := run.Parent()
		if !pass.Reviewed(fn) {
			continue
		}
		p, where, call := pass.Program, pass.Where(fn), effects.Describe(run)
		start := p.Start(run)
		s := rule.NewScenario()
		old := s.Actor("replica A", "leads")
		next := s.Actor("replica B", "waits for the lease")
		old.Step(start, "is told to stop", "the context of the election goes on")
		old.Step(start, "ends", "its lease is not released")
		next.Step(start, "waits until the lease runs out", "nobody leads")
		s.Outcome("Nobody leads for a whole lease duration with each restart and each roll-out, which ReleaseOnCancel was set to avoid.")
		pass.Report(rule.Report{
			Func: fn, Pos: start, End: endOf(p, run), Severity: finding.Medium, Reason: "it happens at each shutdown",
			Message: fmt.Sprintf("%s runs under a context that nothing ends, so that ReleaseOnCancel releases nothing; the next leader waits for the lease to run out.", call),
			About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
			Fix: rule.Fix{Description: "run the election under a context that a signal ends",
				Sketch: "ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)\ndefer stop()"},
		})
	}
}
