// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"
	"go/ast"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// reportSwappedPoll tells of a wait whose interval and timeout changed places.
func reportSwappedPoll(pass *rule.Pass, s effects.SwappedPoll) {
	fn := s.Call.Parent()
	where := pass.Where(fn)
	sc := rule.NewScenario()
	a := sc.Actor(where.Actor(fn), where.Runs())
	a.Step(s.Call.Pos(), fmt.Sprintf("calls %s: look every %s, give up after %s", s.Callee, s.Interval, s.Timeout), "")
	a.Step(s.Call.Pos(), "what it waits for is not there yet", "the time is over before the next look")
	sc.Outcome("%s gives up although what it waits for comes a moment later", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(s.Call), Severity: finding.High, Reason: "each run waits so",
		Message: fmt.Sprintf("%s gives %s as the interval and %s as the timeout of %s; the wait is over before the second look", program.Name(fn), s.Interval, s.Timeout, s.Callee),
		About:   "interval and timeout of " + s.Callee, Domain: where.Domain, Proof: where.Proof,
		Scenario: sc,
		Fix:      exchange(pass, s),
	})
}

// exchange gives the interval and the timeout in the other order: they are the two durations among the arguments.
func exchange(pass *rule.Pass, s effects.SwappedPoll) rule.Fix {
	fix := rule.Fix{Description: "Give the interval first."}
	var durations []ast.Expr
	if call := pass.Program.CallExpr(s.Call); call != nil {
		for _, arg := range call.Args {
			if t := pass.Program.TypeOf(arg); t != nil && program.IsNamed(t, "time", "Duration") {
				durations = append(durations, arg)
			}
		}
	}
	if len(durations) != 2 {
		fix.Sketch = "// the interval, " + s.Timeout + ", comes before the timeout, " + s.Interval + ":\n" + pass.Words(s.Call).Call()
		return fix
	}
	first, second := durations[0], durations[1]
	fix.Edits = []rule.Edit{
		{Pos: first.Pos(), End: first.End(), New: pass.Program.Source(second)},
		{Pos: second.Pos(), End: second.End(), New: pass.Program.Source(first)},
	}
	return fix
}
