// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// reportSwappedPoll tells of a wait whose interval and timeout changed places.
func reportSwappedPoll(pass *rule.Pass, s effects.SwappedPoll) {
	fn := s.Call.Parent()
	where := pass.Where(fn)
	sc := rule.NewScenario()
	a := sc.Actor(where.Actor(fn), where.Runs())
	a.Step(s.Call.Pos(), fmt.Sprintf("calls %s: look every %s, give up after %s", s.Callee, s.Interval, s.Timeout), "")
	a.Step(s.Call.Pos(), "what it waits for is not there yet", "the time is over before the next look")
	sc.Outcome("%s gives up although what it waits for comes a moment later", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(s.Call), Severity: finding.High, Reason: "each run waits so",
		Message: fmt.Sprintf("%s gives %s as the interval and %s as the timeout of %s; the wait is over before the second look", program.Name(fn), s.Interval, s.Timeout, s.Callee),
		About:   "interval and timeout of " + s.Callee, Domain: where.Domain, Proof: where.Proof,
		Scenario: sc,
		Fix:      rule.Fix{Description: "Give the interval first.", Sketch: fmt.Sprintf("%s(…, %s, %s, …)", s.Callee, s.Timeout, s.Interval)},
	})
}
