// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// reportUntimedClient tells of a client of another cluster that nothing bounds.
func reportUntimedClient(pass *rule.Pass, u effects.UntimedClient) {
	p, fn, request := pass.Program, u.Made.Parent(), u.Requests[0]
	where, start := pass.Where(fn), p.Start(u.Made)
	s := rule.NewScenario()
	worker := s.Actor(pass.Where(request.Parent()).Actor(request.Parent()), pass.Where(request.Parent()).Runs())
	other := s.Actor("API server of the other cluster", "its connection is lost without a word")
	worker.Step(start, "makes a client of the kubeconfig", "no Timeout")
	worker.Step(p.Start(request), "calls "+effects.Describe(request), "its context has no deadline")
	other.Step(p.Start(request), "does not answer", "")
	s.Outcome("the worker waits until the connection is given up; a few such clusters hold all workers, and those that are well are not looked after")
	related := []rule.Related{{Func: u.Config.Parent(), Pos: p.Start(u.Config), Message: "the configuration is made here"}}
	for _, site := range u.Requests[:min(len(u.Requests), 8)] {
		related = append(related, rule.Related{Func: site.Parent(), Pos: p.Start(site), Message: effects.Describe(site) + " has no deadline"})
	}
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, u.Made), Severity: finding.Medium, Reason: "it needs the other cluster to hang",
		Message: fmt.Sprintf("a client is made of a kubeconfig without a Timeout, and %s in %s gives it no deadline: a cluster that does not answer holds the worker.",
			effects.Describe(request), program.Name(request.Parent())),
		About: "client of a kubeconfig", Domain: where.Domain, Proof: where.Proof, Related: related, Scenario: s,
		Fix: rule.Fix{
			Description: "give the configuration a Timeout before the client is made",
			Sketch:      pass.Words(u.Made).Fill("$cfg.Timeout = 30 * time.Second // bounds each request but no watch: use another configuration for informers", "cfg", configWord(pass, u)),
		},
	})
}

// configWord is the configuration as the code that makes the client calls it.
func configWord(pass *rule.Pass, u effects.UntimedClient) string {
	if call := pass.Program.CallExpr(u.Made); call != nil {
		for _, arg := range call.Args {
			if t := pass.Program.TypeOf(arg); t != nil && program.IsNamed(t, "k8s.io/client-go/rest", "Config") {
				return pass.Program.Source(arg)
			}
		}
	}
	return "config"
}
