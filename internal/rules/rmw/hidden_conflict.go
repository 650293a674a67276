// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var hiddenConflict = &rule.Rule{
	ID:        "rmw/hidden-conflict",
	Title:     "a retry on conflict gets the conflict as text only",
	Checklist: []string{"1.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "hidden_conflict.md"),
	Check:     checkHiddenConflict,
}

func checkHiddenConflict(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, h := range pass.Effects.HiddenConflicts() {
		if !pass.Reviewed(h.Made.Parent()) || told[h.Made] {
			continue // one error that is made of another is one finding
		}
		told[h.Made] = true
		reportHidden(pass, h)
	}
}

func reportHidden(pass *rule.Pass, h effects.Hidden) {
	fn := h.Made.Parent()
	kind := kindSent(h.Write)
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	b := s.Actor("another writer", "anybody who writes the same "+kind)
	b.Step(h.Write.Pos(), "writes the "+kind, "stored: resourceVersion 42")
	a.Step(h.Write.Pos(), "sends the "+kind+" with resourceVersion 41", "409 Conflict")
	a.Step(h.Made.Pos(), "makes another error of the text", "apierrors.IsConflict(err) = false")
	a.Step(h.Repeat.Pos(), "asks whether it is a conflict", "no: not tried again")
	s.Outcome("the first conflict ends the retry, and the change is not made")
	pass.Report(rule.Report{
		Func: fn, Pos: h.Made.Pos(), Severity: finding.High, Reason: "the first conflict ends the retry",
		Message: fmt.Sprintf("the conflict of the write of %s becomes a new error here; %s at %s does not know it for a conflict and never tries again", kind, program.Target(h.Repeat).Name(), pass.Program.At(h.Repeat.Pos())),
		About:   "conflict of " + kind + " in " + program.Name(fn), Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: h.Write.Parent(), Pos: h.Write.Pos(), Message: "the write that gives the conflict"},
			{Func: h.Repeat.Parent(), Pos: h.Repeat.Pos(), Message: "the retry"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Return the error itself, or one that wraps it.",
			Sketch:      pass.Words(h.Made).Return(fmt.Sprintf("fmt.Errorf(\"writing the %s: %%w\", %s)", kind, pass.Words(h.Made).Err())),
		},
	})
}
