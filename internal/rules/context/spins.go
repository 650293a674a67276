// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var spins = &rule.Rule{
	ID:        "context/spins",
	Title:     "Loop that goes round without a pause once its context or its input is over",
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
		for _, spin := range pass.Effects.LastingSpins(fn) {
			reportLastingSpin(pass, fn, spin)
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
			Sketch:      overSketch(pass.Words(spin.Wait)),
		},
	})
}

func reportLastingSpin(pass *rule.Pass, fn *ssa.Function, spin effects.Spin) {
	where, at := pass.Where(fn), valid(spin.Wait.Pos(), fn)
	words := pass.Words(spin.Wait)
	what, again := "the receive", "comes back at once"
	sketch := words.Return("nil") + " // where the channel is closed"
	if site, ok := spin.Wait.(ssa.CallInstruction); ok {
		what, again = effects.Describe(site), "fails at once"
		at = pass.Program.Start(site)
		sketch = words.Fill("if $err != nil {\n\t$leave\n}", "leave", words.Return(words.Err()))
	}
	s := rule.NewScenario()
	looping := s.Actor(where.Actor(fn), where.Runs())
	looping.Step(at, what+" "+again, spin.Lasting)
	looping.Step(valid(last(spin.Back.From).Pos(), fn), "goes round, and neither leaves nor waits", "")
	looping.Step(at, what+" "+again+" again", "and so on")
	s.Outcome("%s stays in the loop for as long as that lasts, and tries as often as it can.", program.Name(fn))
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: finding.High, Reason: "it happens each time",
		Message: fmt.Sprintf("the loop answers each failure of %s with the next try, without a pause or an end; when %s, %s spins.", what, spin.Lasting, program.Name(fn)),
		About:   what, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Fix: rule.Fix{
			Description: "leave the loop when the failure lasts, and wait before the next try",
			Sketch:      sketch,
		},
	})
}

func last(b *ssa.BasicBlock) ssa.Instruction { return b.Instrs[len(b.Instrs)-1] }

// overSketch leaves a function when its context is over.
func overSketch(w *rule.Words) string {
	if done := w.Done(); !strings.HasSuffix(done, ".Done()") {
		return w.Fill("select {\ncase <-$done:\n\t$leave\ndefault:\n}", "leave", w.Return("nil"))
	}
	return w.Fill("if $ctx.Err() != nil {\n\t$leave\n}", "leave", w.Return(w.Ctx()+".Err()"))
}
