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

// judgeCleanups tells of what goroutines do last, when the process is already on its way out.
func judgeCleanups(pass *rule.Pass, told map[ssa.Instruction]bool) {
	for _, late := range pass.Effects.UnawaitedCleanups() {
		if fn := late.Spawn.Site.Parent(); !told[late.Spawn.Site] && pass.Reviewed(fn) && pass.Reviewed(late.Spawn.Body) {
			told[late.Spawn.Site] = true
			reportCleanup(pass, late)
		}
	}
}

func reportCleanup(pass *rule.Pass, late effects.UnawaitedCleanup) {
	p, fn := pass.Program, late.Spawn.Site.Parent()
	where := pass.Where(fn)
	start, heard, site := startOf(p, late.Spawn.Site), valid(late.Heard.Pos(), late.Spawn.Body), p.Start(late.Site)
	call := effects.Describe(late.Site)
	s := rule.NewScenario()
	starter := s.Actor(where.Actor(fn), where.Runs())
	worker := s.Actor("goroutine of "+program.Name(fn), "runs "+program.Name(late.Spawn.Body))
	node := s.Actor("kubelet", "stops the pod")
	starter.Step(start, "starts the goroutine", "nobody waits for it")
	node.Step(heard, "sends SIGTERM", "the process is told to stop")
	worker.Step(heard, "hears of it", "")
	starter.Step(start, "is done, and so is main", "the process ends")
	worker.Step(site, "calls "+call, "cut off")
	s.Outcome("%s is most often not done when the process ends: what it should have changed stays as it was.", call)
	pass.Report(rule.Report{
		Func: fn, Pos: start, Severity: finding.Medium, Reason: "it is a race with the end of the process",
		Message: fmt.Sprintf("the goroutine calls %s once the process is told to stop, and nobody waits for it; main may return first.", call),
		About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: late.Spawn.Body, Pos: heard, Message: "it waits here for the end"}, {Func: late.Site.Parent(), Pos: site, Message: call + " is called then"}},
		Fix: rule.Fix{
			Description: "let the one who stops wait for the goroutine, or do the work there",
			Sketch:      pass.WordsIn(late.Spawn.Body).Fill("done := make(chan struct{})\ngo func() {\n\tdefer close(done)\n\t// what the goroutine does, with $call at its end\n}()\n// and last of all in main:\n<-done", "call", call),
		},
	})
}
