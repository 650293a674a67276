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

var noShutdown = &rule.Rule{
	ID:        "goroutine/no-shutdown",
	Title:     "Goroutine that nothing can end",
	Checklist: []string{"6.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "no_shutdown.md"),
	Check:     checkNoShutdown,
}

func checkNoShutdown(pass *rule.Pass) {
	goroutines := pass.Effects.Goroutines()
	told := make(map[ssa.Instruction]bool)
	for _, spawn := range goroutines.Spawns {
		fn := spawn.Site.Parent()
		if !pass.Reviewed(fn) || told[spawn.Site] {
			continue
		}
		endless := goroutines.EndlessIn(spawn.Body)
		if endless == nil && !mainOnly(pass, fn) {
			endless = goroutines.WaitsForNothing(spawn)
		}
		if endless == nil || told[endless.At] {
			continue // it can end; or the same loop was told of where it is started first
		}
		where := pass.Where(fn)
		startUp := where.Domain == program.StartUp || pass.Program.FewTimes(spawn.Site)
		if startUp && !leftByConstructor(pass, spawn) && (!pass.Strict || pass.Effects.Work().Reach(spawn.Body) == nil) {
			continue // lives as long as the process; what it leaves half done outside of it is told under -strict
		}
		if !pass.Strict && pass.Program.Unreached(fn) {
			continue // how often it is called, and by whom, is not in sight
		}
		told[spawn.Site], told[endless.At] = true, true
		reportNoShutdown(pass, spawn, endless, where)
	}
}

func reportNoShutdown(pass *rule.Pass, spawn effects.Spawn, endless *effects.Endless, where rule.Where) {
	p, fn := pass.Program, spawn.Site.Parent()
	severity, reason := finding.High, "each call of "+program.Name(fn)+" adds a goroutine that stays"
	switch {
	case where.Repeats():
		reason = fmt.Sprintf("one more stays for each call of %s", where.Actor(fn))
	case where.Domain == program.StartUp:
		severity, reason = finding.Medium, "it is started once, by main"
	case p.FewTimes(spawn.Site):
		severity, reason = finding.Medium, "it is started a few times in the life of the process"
	}
	start, loop := startOf(p, spawn.Site), valid(endless.At.Pos(), endless.In)
	s := rule.NewScenario()
	starter := s.Actor(where.Actor(fn), where.Runs())
	worker := s.Actor("goroutine of "+program.Name(fn), "runs "+program.Name(spawn.Body))
	starter.Step(start, "starts the goroutine", "1 goroutine more")
	worker.Step(loop, "is in "+endless.Why, "no context, no stop channel and no closed input ends it")
	starter.Step(start, fmt.Sprintf("%s returns, or the process is told to stop", program.Name(fn)), "the goroutine goes on")
	s.Outcome("The goroutine of %s and all it holds stay until the process is killed, in the middle of whatever it does.", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, Severity: severity, Reason: reason,
		Message: fmt.Sprintf("goroutine %s is in %s; nothing ends it before the process does.", program.Name(spawn.Body), endless.Why),
		About:   program.Name(spawn.Body), Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: endless.In, Pos: loop, Message: endless.Why}},
		Fix: rule.Fix{
			Description: "give the goroutine a context and leave the loop when it ends",
			Sketch:      loopSketch(pass, endless.In),
		},
	})
}
