// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var alreadyOver = &rule.Rule{
	ID:        "context/already-over",
	Title:     "Call under a context that has ended by then",
	Checklist: []string{"5.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "already_over.md"),
	Check:     checkAlreadyOver,
}

func checkAlreadyOver(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, over := range pass.Effects.UsesOver() {
		// One cause is one finding: what ends the context too early.
		if told[over.By] || !pass.Reviewed(over.Site.Parent()) {
			continue
		}
		told[over.By] = true
		reportOver(pass, over)
	}
}

func reportOver(pass *rule.Pass, over effects.Over) {
	if over.Made == nil {
		reportHeard(pass, over)
		return
	}
	p, fn := pass.Program, over.Site.Parent()
	where, call := pass.Where(fn), effects.Describe(over.Site)
	start, made, by := p.Start(over.Site), p.Start(over.Made), valid(over.By.Pos(), over.By.Parent())
	why, fix := wordsOver(pass, over)
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(made, "derives a context with "+effects.Describe(over.Made), "it lives")
	if over.Way == effects.OverReturned {
		actor.Step(start, "opens something with "+call+" and returns it", "")
		actor.Step(by, "runs the deferred cancel", "the context is over")
		s.Outcome("The caller reads \"context canceled\" instead of what %s opened, at once or in the middle.", call)
	} else {
		actor.Step(by, why, "the context is over")
		actor.Step(start, "calls "+call, "context canceled")
		s.Outcome("%s fails with \"context canceled\" each time it gets here; what it should have done is not done.", call)
	}
	pass.Report(rule.Report{
		Func: fn, Pos: start, End: endOf(p, over.Site), Severity: finding.High, Reason: "it happens each time",
		Message: messageOver(p, over, why),
		About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s, Fix: fix,
		Related: []rule.Related{
			{Func: over.Made.Parent(), Pos: made, Message: "the context is derived here"},
			{Func: over.By.Parent(), Pos: by, Message: "it is ended here"},
		},
	})
}

func messageOver(p *program.Program, over effects.Over, why string) string {
	call := effects.Describe(over.Site)
	_, line, _ := p.Position(valid(over.By.Pos(), over.By.Parent()))
	if over.Way == effects.OverReturned {
		return fmt.Sprintf("what %s opens is returned, but its context is cancelled by the defer at line %d before the caller can use it.", call, line)
	}
	return fmt.Sprintf("%s gets a context that is over: %s (line %d); it fails with \"context canceled\".", call, why, line)
}

// wordsOver says in a sentence why the context is over, and what to do.
func wordsOver(pass *rule.Pass, over effects.Over) (why string, fix rule.Fix) {
	made, use := pass.Words(over.Made), pass.Words(over.Site)
	switch over.Way {
	case effects.OverWaited:
		return "its group was waited for, which cancels it", rule.Fix{
			Description: "give the group's context a name of its own",
			Sketch:      made.Fill("$group, groupCtx := $call\n// the goroutines get groupCtx; behind Wait: $late", "group", pass.Words(over.By).Client(), "late", use.WithContext(made.Ctx())),
		}
	case effects.OverDeferred:
		return "its cancel was deferred after this closure, and runs before it", rule.Fix{
			Description: "derive the context under another name, or before the closure is deferred",
			Sketch:      made.Fill("callCtx, cancel := $call\ndefer cancel()\n// and in the deferred closure: $late", "late", use.WithContext(made.Ctx())),
		}
	case effects.OverReturned:
		return "its cancel is deferred", rule.Fix{
			Description: "cancel the context when the result is closed",
			Sketch:      use.Fill("$open // read it to its end here, or return cancel with it", "open", use.Line()),
		}
	}
	return "its cancel function was called", rule.Fix{
		Description: "cancel the context after its last use",
		Sketch:      made.Fill("$made\ndefer $over", "made", made.Line(), "over", pass.Words(over.By).Call()),
	}
}
