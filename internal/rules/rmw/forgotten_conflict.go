// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var forgottenConflict = &rule.Rule{
	ID:        "rmw/forgotten-conflict",
	Title:     "an attempt that meets a conflict reads again and ends as a success",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "forgotten_conflict.md"),
	Check:     checkForgottenConflict,
}

func checkForgottenConflict(pass *rule.Pass) {
	told := make(map[*ssa.Call]bool)
	for _, f := range pass.Effects.ForgottenConflicts() {
		if !pass.Reviewed(f.Write.Parent()) || told[f.Write] {
			continue // one write, one finding
		}
		told[f.Write] = true
		reportForgotten(pass, f)
	}
}

func reportForgotten(pass *rule.Pass, f effects.Forgotten) {
	fn := f.Write.Parent()
	kind := kindSent(f.Write)
	where := pass.Where(fn)
	repeats, ends := "the loop", "after the last attempt "+program.Name(fn)+" returns the error of that read"
	if f.Repeat != nil {
		repeats, ends = program.Target(f.Repeat).Name(), "the attempt returns the error of that read"
	}
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	b := s.Actor("another writer", "anybody who writes the same "+kind)
	b.Step(f.Write.Pos(), "writes the "+kind, "stored: resourceVersion 42")
	a.Step(f.Write.Pos(), "sends the "+kind+" with resourceVersion 41", "409 Conflict")
	a.Step(f.Read.Pos(), "reads it again", "error = nil")
	a.Step(effects.Position(f.End), "returns nil", "to "+repeats+", which takes it for a success")
	s.Outcome("the change is not made, and nobody gets an error")
	pass.Report(rule.Report{
		Func: fn, Pos: f.Write.Pos(), Severity: finding.High, Reason: "one conflict is enough, and it looks like a success",
		Message: fmt.Sprintf("after a conflict of the write of %s it is read again, and %s, which is nil: %s ends without an error and the change is not made", kind, ends, repeats),
		About:   "conflict of " + kind + " in " + program.Name(fn), Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: fn, Pos: f.Read.Pos(), Message: "the error of this read takes the place of the conflict"},
			{Func: fn, Pos: effects.Position(f.End), Message: "and is returned here"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Keep the two errors apart, and return the conflict.",
			Sketch: pass.Words(f.Write).Fill("err := $call\nif $apierrors.IsConflict(err) {\n\tif getErr := $read; getErr != nil {\n\t\t$fail\n\t}\n\t// change $obj again\n}\n$return",
				"read", pass.Words(f.Read).Call(), "fail", pass.Words(f.Write).Return("getErr")),
		},
	})
}

// kindSent names the kind of the object that a write, or a function around one, is given.
func kindSent(write *ssa.Call) string {
	var args []ssa.Value
	if row := program.Model(write); row != nil {
		args = append(args, program.Argument(write, row.Object))
	}
	for _, arg := range append(args, write.Call.Args...) {
		if arg == nil {
			continue
		}
		if made, ok := arg.(*ssa.MakeInterface); ok {
			arg = made.X
		}
		if k, ok := kube.KindOf(arg.Type()); ok && k.Name != "" {
			return k.Name
		}
	}
	return "the object"
}
