// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// judgeDeadStops tells of stops that stand behind a flag which nothing sets: they never run.
func judgeDeadStops(pass *rule.Pass, fn *ssa.Function) {
	for _, dead := range effects.DeadStops(fn) {
		where, start := pass.Where(fn), pass.Program.Start(dead.Stop)
		call, test := effects.Describe(dead.Stop), valid(dead.Test.Cond.Pos(), fn)
		s := rule.NewScenario()
		actor := s.Actor(where.Actor(fn), where.Runs())
		actor.Step(test, "tests "+dead.Flag, "it is false whatever happened before")
		actor.Step(start, "never gets to "+call, "what it should have ended goes on")
		s.Outcome("%s never runs; what each call of %s replaces stays, with its goroutines and connections.", call, program.Name(fn))
		pass.Report(rule.Report{
			Func: fn, Pos: start, End: endOf(pass.Program, dead.Stop), Severity: finding.High, Reason: "the branch is never taken",
			Message: fmt.Sprintf("%s stands behind %s, which nothing sets to true; it never runs.", call, dead.Flag),
			About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
			Related: []rule.Related{{Func: fn, Pos: test, Message: dead.Flag + " is tested here"}},
			Fix:     rule.Fix{Description: "set the flag where the old one is found", Sketch: dead.Flag + " = true"},
		})
	}
}

// judgeHalfMade tells of what a constructor has started and leaves running when it fails.
func judgeHalfMade(pass *rule.Pass, fn *ssa.Function) {
	half := pass.Effects.HalfMadeIn(fn)
	if half == nil || mainOnly(pass, fn) || pass.Program.FewTimes(half.Start) {
		return // nothing is left, or the process ends with the failure
	}
	p, where := pass.Program, pass.Where(fn)
	start, exit, call := startOf(p, half.Start), valid(half.Exit.Pos(), fn), effects.Describe(half.Start)
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(start, "starts goroutines with "+call, "they end when "+half.Stop.Name+" is closed")
	actor.Step(exit, "fails and returns an error", half.Stop.Name+" is open, and nobody has it any more")
	s.Outcome("What was started goes on until the process ends; each further try of %s adds to it.", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, half.Start), Severity: finding.Medium, Reason: "it takes a failure after the start",
		Message: fmt.Sprintf("%s leaves what %s started running when it fails at line %d: nobody can close %s any more.", program.Name(fn), call, lineOf(p, exit), half.Stop.Name),
		About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: fn, Pos: exit, Message: "left here with an error"}},
		Fix:     rule.Fix{Description: "stop it before the error is returned", Sketch: pass.Words(half.Exit).Fill("close($stop)\n$exit", "stop", half.Stop.Name, "exit", cmp.Or(pass.WordsAt(fn, exit).Statement(), "return"))},
	})
}

// judgeNeverSet tells of fields that say whether something runs, and that nothing sets.
func judgeNeverSet(pass *rule.Pass) {
	for _, flag := range pass.Effects.NeverSets() {
		var at ssa.CallInstruction = flag.Stop
		if flag.Start != nil {
			at = flag.Start
		}
		fn := at.Parent()
		if !pass.Reviewed(fn) {
			continue
		}
		where, test := pass.Where(fn), valid(flag.Test.Cond.Pos(), flag.Test.Parent())
		start := startOf(pass.Program, at)
		s := rule.NewScenario()
		actor := s.Actor(where.Actor(fn), where.Runs())
		actor.Step(test, "asks "+flag.Name, "it is false whatever happened before")
		message := fmt.Sprintf("the stop stands behind %s, which nothing sets to true; it never runs.", flag.Name)
		if flag.Start != nil {
			message = fmt.Sprintf("%s is asked before the goroutine is started, and nothing sets it; each call of %s starts one more.", flag.Name, program.Name(fn))
			actor.Step(start, "starts one more goroutine", "the former one goes on")
			s.Outcome("Each call of %s adds a goroutine.", program.Name(fn))
		} else {
			actor.Step(start, "never gets to the stop", "the branch is never taken")
			s.Outcome("What %s should have ended goes on until the process ends.", program.Name(fn))
		}
		report := rule.Report{
			Func: fn, Pos: start, Severity: finding.High, Reason: "it happens each time", Message: message,
			About: flag.Name, Domain: where.Domain, Proof: where.Proof, Scenario: s,
			Related: []rule.Related{{Func: flag.Test.Parent(), Pos: test, Message: flag.Name + " is asked here"}},
			Fix:     rule.Fix{Description: "set the field where the goroutine is started, and clear it where it is ended", Sketch: setFlag(pass, flag)},
		}
		if flag.Start != nil && flag.Stop != nil {
			report.Related = append(report.Related, rule.Related{Func: flag.Stop.Parent(), Pos: pass.Program.Start(flag.Stop), Message: "and this never runs"})
		}
		pass.Report(report)
	}
}

// setFlag sets the field that is asked, where the goroutine is started.
func setFlag(pass *rule.Pass, flag effects.NeverSet) string {
	field := flag.Name[strings.LastIndexByte(flag.Name, '.')+1:]
	asked := pass.WordsAt(flag.Test.Parent(), valid(flag.Test.Cond.Pos(), flag.Test.Parent())).Selected(field)
	return asked + " = true // where the goroutine is started, and false where it is ended"
}
