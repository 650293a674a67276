// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var unawaitedExit = &rule.Rule{
	ID:        "goroutine/unawaited-exit",
	Title:     "The process ends while a goroutine still works",
	Checklist: []string{"6.1"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "unawaited_exit.md"),
	Check:     checkUnawaitedExit,
}

func checkUnawaitedExit(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, spawn := range pass.Effects.Goroutines().Spawns {
		fn := spawn.Site.Parent()
		entry := pass.Program.EntryAt(fn)
		if entry == nil || entry.Kind != program.EntryMain || strings.HasPrefix(fn.Name(), "init#") || !pass.Reviewed(fn) || told[spawn.Site] {
			continue // only the end of main, or of a command, ends the process
		}
		if !works(pass, spawn) {
			continue // nothing is lost when it is cut off
		}
		exit := effects.ReturnsAtOnce(spawn.Site)
		if exit == nil {
			continue // something between the start and the end can wait
		}
		told[spawn.Site] = true
		reportUnawaited(pass, spawn, exit)
	}
	judgeCleanups(pass, told)
}

// works tells whether a goroutine does more than a moment's work in memory: it calls other machines, never ends, or is
// given what tells it when to end and runs code that is not seen with it.
func works(pass *rule.Pass, spawn effects.Spawn) bool {
	return pass.Effects.Work().Reach(spawn.Body) != nil || effects.Loops(spawn.Body) || runsUntilTold(spawn.Body)
}

// runsUntilTold tells whether a function passes a context that it is given, or its Done channel, to a Run or Start of
// other code: that is a loop by its contract.
func runsUntilTold(body *ssa.Function) bool {
	for _, param := range body.Params {
		if !program.IsNamed(param.Type(), "context", "Context") {
			continue
		}
		for site := range program.Sites(body) {
			target := program.Target(site)
			if target == nil || target.Name() != "Run" && target.Name() != "Start" {
				continue
			}
			for _, arg := range site.Common().Args {
				if arg == param || isDoneOf(arg, param) {
					return true
				}
			}
		}
	}
	return false
}

// isDoneOf tells whether v is the Done channel of a context.
func isDoneOf(v, ctx ssa.Value) bool {
	done, ok := v.(*ssa.Call)
	return ok && done.Call.IsInvoke() && done.Call.Method.Name() == "Done" && done.Call.Value == ctx
}

func reportUnawaited(pass *rule.Pass, spawn effects.Spawn, exit ssa.Instruction) {
	fn := spawn.Site.Parent()
	where := pass.Where(fn)
	start, out := startOf(pass.Program, spawn.Site), valid(exit.Pos(), fn)
	s := rule.NewScenario()
	main := s.Actor(where.Actor(fn), "ends the process when it returns")
	worker := s.Actor("goroutine of "+program.Name(fn), "runs "+program.Name(spawn.Body))
	main.Step(start, "starts the goroutine", "")
	worker.Step(valid(spawn.Body.Pos(), fn), "begins its work", "under way")
	main.Step(out, "returns without waiting for it", "the process ends")
	s.Outcome("The process ends at once: %s is cut off wherever it is, and its deferred calls do not run.", program.Name(spawn.Body))
	pass.Report(rule.Report{
		Func: fn, Pos: start, Severity: finding.Medium, Reason: "the process ends with " + program.Name(fn),
		Message: fmt.Sprintf("%s returns right after it started %s; the process ends before the goroutine has done anything.", program.Name(fn), program.Name(spawn.Body)),
		About:   program.Name(spawn.Body), Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: fn, Pos: out, Message: "returns here"}},
		Fix: rule.Fix{
			Description: "wait for the goroutine, or call the function directly",
			Sketch:      "done := make(chan struct{})\ngo func() {\n\tdefer close(done)\n\t// what the goroutine does\n}()\n// and before the process ends:\n<-done",
		},
	})
}
