// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"
	"go/ast"
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var remaining = &rule.Rule{
	ID:        "clock/remaining",
	Title:     "a remaining time that can be zero or negative",
	Checklist: []string{"8.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "remaining.md"),
	Check:     checkRemaining,
}

func checkRemaining(pass *rule.Pass) {
	told := make(map[ssa.Value]bool)
	for _, w := range pass.Effects.Waits() {
		if told[w.Difference] {
			continue // told
		}
		if w.Test != nil && !pass.Strict {
			continue // it was above zero a moment ago
		}
		if w.Looked && w.Kind == effects.Requeue && !pass.Strict {
			continue // the way here knows of the time: that nothing comes back for it may be meant
		}
		told[w.Difference] = true
		reportRemaining(pass, w)
	}
}

// atOnce tells whether the second reading of the clock follows the tested one with nothing in sight to wait for in between.
func atOnce(pass *rule.Pass, w effects.Wait) bool {
	return w.Test != nil && (w.Earlier.Parent() != w.Difference.Parent() || !pass.Effects.WorksBetween(w.Earlier, w.Difference.(ssa.Instruction)))
}

// meaning is what zero or less does.
var meaning = map[effects.WaitKind]string{
	effects.Requeue: "zero or less is no requeue at all, and the object is not looked at again",
	effects.Grace:   "zero or less deletes at once, or is refused",
	effects.Tick:    "zero or less panics",
}

func reportRemaining(pass *rule.Pass, w effects.Wait) {
	p := pass.Program
	fn := w.Use.Parent()
	set := p.DomainOf(fn)
	domain := set.Worst()
	at := instructionPos(w.Difference)
	r := rule.Report{
		Func: w.Difference.(ssa.Instruction).Parent(), Pos: at, About: string(w.Kind),
		Severity: finding.High, Reason: meaning[w.Kind],
		Domain: domain, Proof: set.Proof(domain),
	}
	if pos := w.Use.Pos(); pos.IsValid() {
		r.Related = append(r.Related, rule.Related{Func: fn, Pos: pos, Message: "used here as " + string(w.Kind)})
	}
	s := rule.NewScenario()
	a := s.Actor("goroutine of "+program.Name(fn), program.Name(r.Func))
	if w.Test != nil {
		r.Severity, r.Reason = finding.Medium, "the time must run out during the calls between the two readings"
		if atOnce(pass, w) {
			r.Reason = "the two readings follow close upon each other"
		}
		r.Message = fmt.Sprintf("%s is computed from a second reading of the clock, after the test at %s; %s", w.Kind, p.At(testPos(w.Test)), meaning[w.Kind])
		r.Related = append(r.Related, rule.Related{Func: w.Test.Parent(), Pos: testPos(w.Test), Message: "the time is tested here with an earlier reading"})
		a.Step(testPos(w.Test), "reads the clock and tests the time", "1 ms left")
		a.Step(at, "reads the clock again", "-1 ms left")
	} else {
		r.Message = fmt.Sprintf("%s is the time left until a stored time, which nothing keeps above zero; %s", w.Kind, meaning[w.Kind])
		a.Step(fn.Pos(), "starts late: a restart, a long queue", "the time passed 1 s ago")
		a.Step(at, "computes what is left", "-1 s")
	}
	s.Outcome("%s is negative: %s", w.Kind, meaning[w.Kind])
	r.Scenario = s
	r.Fix = clampFix(pass, w)
	pass.Report(r)
}

func testPos(branch *ssa.If) token.Pos {
	if pos := branch.Cond.Pos(); pos.IsValid() {
		return pos
	}
	return branch.Parent().Pos()
}

func instructionPos(v ssa.Value) token.Pos {
	if v.Pos().IsValid() {
		return v.Pos()
	}
	return v.Parent().Pos()
}

// clampFix puts max(…, time.Second) around the value of a RequeueAfter that is written out.
func clampFix(pass *rule.Pass, w effects.Wait) rule.Fix {
	fix := rule.Fix{Description: "Read the clock once and keep the result above zero.", Sketch: "max(" + differenceText(pass, w) + ", time.Second)"}
	if w.Kind != effects.Requeue || !importsTime(pass.Program, w.Use.Pos()) {
		return fix
	}
	for _, n := range pass.Program.Enclosing(w.Difference.Pos()) {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "RequeueAfter" {
				fix.Sketch = ""
				fix.Edits = []rule.Edit{
					{Pos: kv.Value.Pos(), End: kv.Value.Pos(), New: "max("},
					{Pos: kv.Value.End(), End: kv.Value.End(), New: ", time.Second)"},
				}
			}
			return fix
		}
	}
	return fix
}

// importsTime tells whether the file around pos imports package time under its own name.
func importsTime(p *program.Program, pos token.Pos) bool {
	file := p.File(pos)
	if file == nil {
		return false
	}
	for _, spec := range file.Syntax.Imports {
		if spec.Path.Value == `"time"` && spec.Name == nil {
			return true
		}
	}
	return false
}

// differenceText is the difference as the code has it.
func differenceText(pass *rule.Pass, w effects.Wait) string {
	if at, ok := w.Difference.(ssa.Instruction); ok {
		if w := pass.Words(at); w.Results() > 0 {
			return w.Call()
		}
	}
	return "remaining"
}
