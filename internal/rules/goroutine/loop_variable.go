// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var loopVariable = &rule.Rule{
	ID:        "goroutine/loop-variable",
	Title:     "the one variable of a loop is used by what outlives a round of it",
	Checklist: []string{"6.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "loop_variable.md"),
	Check:     checkLoopVariable,
}

func checkLoopVariable(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, shared := range pass.Effects.SharedRounds(fn) {
			reportLoopVariable(pass, fn, shared)
		}
	}
}

func reportLoopVariable(pass *rule.Pass, fn *ssa.Function, shared effects.SharedRound) {
	where, at, name := pass.Where(fn), valid(shared.At.Pos(), fn), shared.Var.Comment
	given, later := "a pointer to "+name+" is kept", "every pointer that was kept is to the value of the last round"
	if shared.Started {
		given, later = "a goroutine that uses "+name+" is started", "the goroutine finds the value of another round, or half of it"
	}
	s := rule.NewScenario()
	looping := s.Actor(where.Actor(fn), where.Runs())
	looping.Step(at, given, name+" has the value of this round")
	looping.Step(valid(shared.Var.Pos(), fn), "sets "+name+" to the value of the next round", "it is the same variable")
	s.Outcome("%s", later)
	related := []rule.Related{{Func: fn, Pos: valid(shared.Var.Pos(), fn), Message: name + " is declared here, once for all rounds"}}
	if shared.Inside != nil {
		helper := shared.Inside.Parent()
		related = append(related, rule.Related{Func: helper, Pos: valid(shared.Inside.Pos(), helper), Message: "the goroutine uses it here"})
	}
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: finding.High, Reason: "it happens in each round but the last",
		Message: fmt.Sprintf("%s in each round of the loop in %s, and all rounds have one %s before Go 1.22; %s", given, program.Name(fn), name, later),
		About:   name, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: related,
		Fix:     rule.Fix{Description: "give each round a variable of its own", Sketch: fmt.Sprintf("%s := %s // or go 1.22 in go.mod", name, name)},
	})
}
