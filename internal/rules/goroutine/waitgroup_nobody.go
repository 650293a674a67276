// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// waitForNobody tells of Wait on a group that was counted up and that nothing counts down.
func waitForNobody(p *rule.Pass, wait effects.GroupCall) {
	// Somebody else may have the group; or nothing is to come behind it, and the wait is what the process stays alive with.
	if p.Program.InTest(wait.Func) || !p.Effects.NeverDone(wait) || !effects.WorksBehind(wait.Site) {
		return
	}
	for _, add := range p.Effects.GroupCalls(wait.Func) {
		// Added in another place, or behind the wait: the count may be 0 when it is asked.
		if add.Place != wait.Place || add.Method != "Add" || !effects.Before(add.Site, wait.Site) {
			continue
		}
		name := program.Name(wait.Func)
		sc := rule.NewScenario()
		a := sc.Actor(name, "counts and waits")
		a.Step(add.Site.Pos(), "calls Add", "nothing calls Done, now or later")
		a.Step(wait.Site.Pos(), "calls Wait", "the count never gets to 0")
		sc.Outcome("%s never returns, and nothing that stands behind Wait is done, also at the end of the process", name)
		tell(p, wait, add.Func, add.Site, rule.Report{
			Message:  fmt.Sprintf("%s waits for a group that it adds to and that nothing calls Done on; it never goes on", name),
			Scenario: sc,
			Fix:      rule.Fix{Description: "call Done in what is waited for, or wait for the end of the context instead", Sketch: p.Words(wait.Site).Fill("defer $c.Done() // first statement of each of those that $call waits for")},
		})
		return
	}
}
