// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// lateStops tells of servers whose stop is deferred behind the wait for the group that they serve in.
func lateStops(p *rule.Pass, fn *ssa.Function) {
	for _, late := range p.Effects.LateStops(fn) {
		name, stop := program.Name(fn), effects.Describe(late.Stop)
		sc := rule.NewScenario()
		a := sc.Actor(name, "waits for the group")
		s := sc.Actor("goroutine of the group", "serves until the server is stopped")
		a.Step(late.Stop.Pos(), "defers "+stop, "it runs when "+name+" returns")
		s.Step(late.Serve.Pos(), "serves", "it ends with "+stop)
		a.Step(late.Wait.Pos(), "waits for the group", "each waits for the other")
		sc.Outcome("%s never returns, and the process has to be killed", name)
		set := p.Program.DomainOf(fn)
		p.Report(rule.Report{
			Func: fn, Pos: late.Wait.Pos(), About: "wait for a server", Severity: finding.High, Domain: set.Worst(), Proof: set.Proof(set.Worst()),
			Message:  fmt.Sprintf("%s waits for a group in which a server serves, and %s is deferred until behind the wait; it never returns", name, stop),
			Related:  []rule.Related{{Func: fn, Pos: late.Stop.Pos(), Message: "deferred here"}, {Func: fn, Pos: late.Serve.Pos(), Message: "it serves here"}},
			Scenario: sc,
			Fix:      rule.Fix{Description: "stop the server before the wait", Sketch: p.Words(late.Wait).Fill("$over\n$stop // before the wait, not deferred\n$wait", "stop", p.Words(late.Stop).Call(), "wait", p.Words(late.Wait).Line())},
		})
	}
}
