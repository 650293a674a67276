// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var lateResult = &rule.Rule{
	ID:        "goroutine/late-result",
	Title:     "Failure of a goroutine that is heard only when the process is told to stop",
	Checklist: []string{"6.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "late_result.md"),
	Check:     checkLateResult,
}

func checkLateResult(pass *rule.Pass) {
	for _, late := range pass.Effects.LateResults() {
		if pass.Reviewed(late.Start.Parent()) {
			reportLateResult(pass, late)
		}
	}
}

func reportLateResult(pass *rule.Pass, late effects.LateResult) {
	p, fn := pass.Program, late.Start.Parent()
	where, call := pass.Where(fn), effects.Describe(late.Failing)
	start, stop := valid(late.Start.Pos(), fn), valid(late.Stop.Pos, fn)
	s := rule.NewScenario()
	starter := s.Actor(where.Actor(fn), where.Runs())
	worker := s.Actor("goroutine of "+program.Name(fn), "runs "+call)
	starter.Step(start, "starts the goroutine", "")
	starter.Step(stop, "waits for "+late.Stop.Expr, "")
	worker.Step(p.Start(late.Failing), call+" fails", "it does not run any more")
	worker.Step(valid(late.Send.Pos, late.Send.Func), "hands the error to "+late.Send.Expr, "nobody listens")
	starter.Step(stop, "still waits for "+late.Stop.Expr, "it believes that all is well")
	s.Outcome("%s goes on without what it has started, and nobody is told, until %s ends.", program.Name(fn), late.Stop.Expr)
	report := rule.Report{
		Func: fn, Pos: stop, Severity: finding.High, Reason: "nothing else tells of the failure",
		Message: fmt.Sprintf("%s waits for %s alone; when %s fails earlier, its error in %s is not heard before that.", program.Name(fn), late.Stop.Expr, call, late.Send.Expr),
		About:   call, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: late.Send.Func, Pos: valid(late.Send.Pos, late.Send.Func), Message: "the error is handed over here"}},
		Fix: rule.Fix{Description: "wait for both",
			Sketch: pass.WordsAt(late.Stop.Func, late.Stop.Pos).Fill("select {\ncase <-$stop:\ncase err := <-$result:\n\t$return\n}", "stop", late.Stop.Expr, "result", late.Send.Expr)},
	}
	if late.Receive != nil {
		report.Related = append(report.Related, rule.Related{Func: fn, Pos: valid(late.Receive.Pos, fn), Message: "and heard here"})
	}
	pass.Report(report)
}
