// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var bufferLoss = &rule.Rule{
	ID:        "monotonic/buffer-loss",
	Title:     "a buffer is emptied before it is written, and a failed write is not put back",
	Checklist: []string{"2.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "buffer_loss.md"),
	Check:     checkBufferLoss,
}

func checkBufferLoss(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for _, t := range pass.Effects.Takeouts(fn) {
			reportLoss(pass, fn, t)
		}
	}
}

func reportLoss(pass *rule.Pass, fn *ssa.Function, t effects.Takeout) {
	w := pass.Where(fn)
	sc := rule.NewScenario()
	a := sc.Actor(w.Actor(fn), w.Runs())
	a.Step(t.Emptied.Pos(), "takes what "+t.Field.String()+" holds and empties it", "it is in a local variable only")
	a.Step(t.Write.Pos(), "writes it", "the API server does not answer, or the context ends")
	a.Step(t.Write.Pos(), "goes on", t.Field.String()+" is empty")
	sc.Outcome("what was in %s is neither stored nor in memory: the next run has nothing to write", t.Field)
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(t.Write), Severity: finding.High, Reason: "one failed request loses what was buffered",
		Message: fmt.Sprintf("%s is emptied before what it held is written, and nothing puts it back when %s fails; it is lost", t.Field, effects.Describe(t.Write)),
		About:   "buffer " + t.Field.String(),
		Domain:  w.Domain, Proof: w.Proof,
		Related:  []rule.Related{{Func: fn, Pos: t.Emptied.Pos(), Message: "emptied here, in " + program.Name(fn)}},
		Scenario: sc,
		Fix: rule.Fix{
			Description: "merge what could not be written back into the buffer: sums are added, times take the later",
			Sketch:      pass.Words(t.Write).Fill("if err := $call; err != nil {\n\t// merge it back into $field, with the lock that guards it\n}", "field", t.Field.String()),
		},
	})
}
