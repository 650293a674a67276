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

var spins = &rule.Rule{
	ID:        "context/spins",
	Title:     "Loop that goes round without a pause once its context is over",
	Checklist: []string{"5.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "spins.md"),
	Check:     checkSpins,
}

func checkSpins(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, spin := range pass.Effects.Spins(fn) {
			reportSpin(pass, fn, spin)
		}
	}
}

func reportSpin(pass *rule.Pass, fn *ssa.Function, spin effects.Spin) {
	where, at := pass.Where(fn), valid(spin.Wait.Pos(), fn)
	what := "the select"
	if site, ok := spin.Wait.(ssa.CallInstruction); ok {
		what = effects.Describe(site)
		at = pass.Program.Start(site)
	}
	severity, reason := finding.High, "it happens each time the context ends"
	if spin.Latent {
		severity, reason = finding.Medium, "no context that it is given by now ever ends"
	}
	s := rule.NewScenario()
	looping := s.Actor("goroutine of "+program.Name(fn), where.Runs())
	owner := s.Actor("owner of the context", "wants the work to end")
	looping.Step(at, "waits in "+what, "")
	owner.Step(at, "ends the context", "it is over, for good")
	looping.Step(at, what+" returns at once", "it goes round, and neither leaves nor waits")
	looping.Step(at, what+" returns at once again", "and so on")
	s.Outcome("%s never returns, and takes a processor for itself, until the process ends.", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s returns at once when its context is over, and the loop goes round without a pause; %s never ends then.", what, program.Name(fn)),
		About:   what, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Fix: rule.Fix{
			Description: "leave the loop when the context is over",
			Sketch:      "if ctx.Err() != nil {\n\treturn\n}",
		},
	})
}
