// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"
	"go/ast"
	"go/types"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var swapped = &rule.Rule{
	ID:        "clock/swapped",
	Title:     "two times change places: the later one is subtracted, or a timeout is given as the interval",
	Checklist: []string{"8.2"},
	Severity:  finding.High,
	Needs:     rule.Function,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "swapped.md"),
	Check:     checkSwapped,
}

func checkSwapped(pass *rule.Pass) {
	for _, b := range pass.Effects.BackwardsDurations() {
		if pass.Reviewed(b.Call.Parent()) {
			reportSwapped(pass, b)
		}
	}
	for _, s := range pass.Effects.SwappedPolls() {
		if pass.Reviewed(s.Call.Parent()) {
			reportSwappedPoll(pass, s)
		}
	}
}

func reportSwapped(pass *rule.Pass, b effects.Backwards) {
	fn := b.Call.Parent()
	where := pass.Where(fn)
	later := b.Later
	if later == "" {
		later = "now"
	}
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(b.Call.Pos(), fmt.Sprintf("takes %s from %s", later, b.Earlier), "12:00 - 13:00 = -1 h")
	a.Step(effects.Position(b.Use), "uses the difference as if it were positive", "every threshold is above it")
	s.Outcome("what waits for the duration to pass never happens, or what is to be over with it is over at once")
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(b.Call), Severity: finding.High, Reason: "each run computes it so",
		Message: fmt.Sprintf("%s takes %s from %s, which comes first: the duration is negative, and is used as if it were not", program.Name(fn), later, b.Earlier),
		About:   b.Earlier + " minus " + later, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: b.Use.Parent(), Pos: effects.Position(b.Use), Message: "used here"}},
		Scenario: s,
		Fix:      swapFix(pass, b),
	})
}

// swapFix exchanges the two times of a difference, where both are plain names.
func swapFix(pass *rule.Pass, b effects.Backwards) rule.Fix {
	fix := rule.Fix{Description: "Take the earlier time from the later one."}
	call := pass.Program.CallExpr(b.Call)
	if call == nil || len(call.Args) != 1 {
		fix.Sketch = "elapsed := later.Sub(earlier) // earlier: " + b.Earlier + ", later: the other one"
		return fix
	}
	w := pass.Words(b.Call)
	sel, ok := call.Fun.(*ast.SelectorExpr)
	switch {
	case ok && sel.Sel.Name == "Until" && w.Client() == w.Import("time", "time"):
		fix.Edits = []rule.Edit{{Pos: sel.Sel.Pos(), End: sel.Sel.End(), New: "Since"}}
	case ok && sel.Sel.Name == "Since" && w.Client() == w.Import("time", "time"):
		fix.Edits = []rule.Edit{{Pos: sel.Sel.Pos(), End: sel.Sel.End(), New: "Until"}}
	case ok && sel.Sel.Name == "Sub" && types.Identical(pass.Program.TypeOf(sel.X), pass.Program.TypeOf(call.Args[0])) && named(sel.X) && named(call.Args[0]):
		fix.Edits = []rule.Edit{{Pos: sel.X.Pos(), End: sel.X.End(), New: w.Only()}, {Pos: call.Args[0].Pos(), End: call.Args[0].End(), New: w.Client()}}
	default:
		fix.Sketch = w.Only() + ".Sub(" + w.Client() + ")"
	}
	return fix
}

// named tells whether an expression is a variable or a field.
func named(e ast.Expr) bool {
	for {
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			break
		}
		e = sel.X
	}
	_, ok := e.(*ast.Ident)
	return ok
}
