// SPDX-License-Identifier: Apache-2.0

package context

import (
	"cmp"
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var ignoredCancel = &rule.Rule{
	ID:        "context/ignored-cancel",
	Title:     "Loop that waits and never looks at the context it has",
	Checklist: []string{"5.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "ignored_cancel.md"),
	Check:     checkIgnoredCancel,
}

func checkIgnoredCancel(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, loop := range pass.Effects.Goroutines().DeafLoops(fn) {
			if pass.Effects.Contexts().Endless(loop.Reach) || pass.Effects.ExitsFirst(loop.Reach) {
				continue // nobody could end it, or the process is gone by then
			}
			if loop.Fails != nil && !pass.Strict && (!running(pass, fn) || pass.Effects.OneShot(fn)) {
				continue // somebody looks on when it starts
			}
			reportIgnored(pass, fn, loop)
		}
		for _, wait := range pass.Effects.DeafWaits(fn) {
			if pass.Effects.Contexts().Endless(wait.Reach) {
				continue // nobody could end it
			}
			reportDeafWait(pass, fn, wait)
		}
	}
}

func reportDeafWait(pass *rule.Pass, fn *ssa.Function, wait effects.DeafWait) {
	where, at := pass.Where(fn), valid(wait.Receive.Pos, fn)
	s := rule.NewScenario()
	worker := s.Actor("goroutine of "+program.Name(fn), where.Runs())
	owner := s.Actor("owner of "+wait.Reach.Expr, "wants the work to end")
	worker.Step(at, "receives from "+wait.Receive.Expr, "nothing was sent yet")
	owner.Step(at, "cancels "+wait.Reach.Expr, wait.Reach.Expr+" is over")
	worker.Step(at, "still waits", "it looks at "+wait.Reach.Expr+" only after the first value")
	s.Outcome("%s never ends when %s is cancelled before the first value comes: shutdown waits for it, or it stays.", program.Name(fn), wait.Reach.Expr)
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: finding.Medium, Reason: "it takes an end before the first value",
		Message: fmt.Sprintf("%s waits for %s without a look at %s, which it ends with afterwards; cancelling it before the first value ends nothing.", program.Name(fn), wait.Receive.Expr, wait.Reach.From),
		About:   wait.Receive.Expr, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: fn, Pos: valid(wait.Heard.Pos, fn), Message: "it ends with the context here"}},
		Fix: rule.Fix{
			Description: "wait for the context as well",
			Sketch:      pass.WordsAt(fn, at).Fill("select {\ncase first := <-$channel:\n\t// as before\ncase <-$reach.Done():\n\t$leave\n}", "channel", wait.Receive.Expr, "reach", wait.Reach.Expr, "leave", pass.WordsAt(fn, at).Return(wait.Reach.Expr+".Err()")),
		},
	})
}

func reportIgnored(pass *rule.Pass, fn *ssa.Function, loop effects.DeafLoop) {
	where, at := pass.Where(fn), valid(loop.Wait.Pos(), fn)
	severity, reason := finding.High, "the loop has no other end"
	if !endsEarlier(pass, loop.Reach) {
		severity, reason = finding.Medium, loop.Reach.Expr+" ends with the process: what is lost is a quick shutdown"
	}
	message := fmt.Sprintf("the loop %s and never looks at %s; cancelling it does not end the loop.", loop.How, loop.Reach.From)
	again := loop.How + " again"
	var related []rule.Related
	if loop.Fails != nil {
		call := effects.Describe(loop.Fails)
		message = fmt.Sprintf("the loop %s and answers each failure of %s with the next round; when %s is over, it fails for good and the loop never ends.", loop.How, call, loop.Reach.From)
		again = call + " fails with \"context canceled\"; the loop " + again
		related = append(related, rule.Related{Func: fn, Pos: pass.Program.Start(loop.Fails), Message: call + " fails once the context is over"})
	}
	s := rule.NewScenario()
	looping := s.Actor("goroutine of "+program.Name(fn), where.Runs())
	owner := s.Actor("owner of "+loop.Reach.Expr, "wants the work to end")
	looping.Step(at, loop.How+" in a loop", "")
	owner.Step(at, "cancels "+loop.Reach.Expr, loop.Reach.Expr+" is over")
	looping.Step(at, again, "it did not look")
	s.Outcome("%s goes on after %s was cancelled: shutdown waits for it, or it works beside what took its place.", program.Name(fn), loop.Reach.Expr)
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: severity, Reason: reason,
		Message: message,
		About:   loop.How, Domain: where.Domain, Proof: where.Proof, Scenario: s, Related: related,
		Fix: rule.Fix{
			Description: "wait for the context as well",
			Sketch:      pass.WordsAt(fn, at).Fill("select {\ncase <-$reach.Done():\n\t$leave\ncase <-time.After($interval): // $interval: the pause between two rounds\n}", "reach", loop.Reach.Expr, "leave", pass.WordsAt(fn, at).Return(loop.Reach.Expr+".Err()"), "interval", cmp.Or(pass.WordsAt(fn, at).Only(), "interval")),
		},
	})
}
