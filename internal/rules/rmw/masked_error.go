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

var maskedError = &rule.Rule{
	ID:        "rmw/masked-error",
	Title:     "a deferred write that succeeds turns the failure of the reconcile into a success",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "masked_error.md"),
	Check:     checkMaskedError,
}

func checkMaskedError(pass *rule.Pass) {
	told := make(map[*ssa.Store]bool)
	for _, m := range pass.Effects.MaskedErrors() {
		if !pass.Reviewed(m.Func) || told[m.Store] {
			continue // one place, one finding
		}
		if en := reconcileAbove(pass, m.Func); en != nil { // nothing else is run again because of an error
			told[m.Store] = true
			reportMasked(pass, m)
		}
	}
}

func reportMasked(pass *rule.Pass, m effects.Masked) {
	where := pass.Where(m.Func)
	name := program.Name(m.Func)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(m.Func), where.Runs())
	a.Step(effects.Position(m.Lost), "fails, a conflict for instance, and returns the error", "")
	a.Step(m.Call.Pos(), "makes the deferred request", "it succeeds: error = nil")
	a.Step(effects.Position(m.Store), "puts that error in the place of the other", name+" returns nil")
	s.Outcome("the failed reconcile counts as done: nothing runs it again, and nobody sees the error")
	pass.Report(rule.Report{
		Func: m.Store.Parent(), Pos: m.Call.Pos(), Severity: finding.High, Reason: "every failure behind the defer is lost as long as the request succeeds",
		Message: fmt.Sprintf("the error of the deferred request replaces the one that %s returns, also when it is nil: a failed reconcile reports success and is not run again", name),
		About:   "masked error of " + name, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: m.Func, Pos: effects.Position(m.Lost), Message: "an error that is lost is returned here"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Keep both errors.",
			Sketch:      pass.Words(m.Call).Fill("if failed := $call; failed != nil {\n\t$result = errors.Join($result, failed)\n}", "result", resultName(m.Func)),
		},
	})
}
