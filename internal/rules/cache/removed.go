// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// checkRemoved tells of files that are removed because a cache does not have an object: no later event brings them back
// before somebody misses them.
func checkRemoved(pass *rule.Pass) {
	for _, r := range pass.Effects.Removals() {
		fn := r.Remove.Parent()
		where := pass.Where(fn)
		if !pass.Reviewed(fn) || where.Domain == program.Test {
			continue
		}
		kind := r.Kind.Name
		s := rule.NewScenario()
		a := s.Actor(where.Actor(fn), where.Runs())
		a.Step(r.Read.Pos(), "reads the "+kind+" from its cache", "NotFound: the watch has been lost, or has not told of it yet")
		a.Step(r.Remove.Pos(), "removes what was stored for it", "the "+kind+" exists")
		s.Outcome("whoever uses the files stands without them until the cache has caught up and somebody writes them again")
		pass.Report(rule.Report{
			Func: fn, Pos: pass.Program.Start(r.Remove), Severity: finding.High, Reason: "what is in use is gone",
			Message: fmt.Sprintf("%s removes files because the cache does not have the %s (%s); it may exist all the same, and the API server is not asked", program.Name(fn), kind, r.Because),
			About:   "removal " + kind,
			Domain:  where.Domain, Proof: where.Proof,
			Related:  []rule.Related{{Func: r.Read.Func(), Pos: r.Read.Pos(), Message: "the cache is asked here"}},
			Scenario: s,
			Fix: rule.Fix{
				Description: "ask the API server before removing",
				Sketch:      liveRead(pass, r.Read) + "\n// remove only when this is NotFound too",
			},
		})
	}
}
