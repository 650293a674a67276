// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"fmt"
	"go/ast"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var lostForGood = &rule.Rule{
	ID:       "replica/lost-for-good",
	Title:    "a replica that loses the lease stays up and never stands for election again",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "lost_for_good.md"),
	Check:    checkLostForGood,
}

func checkLostForGood(pass *rule.Pass) {
	for _, lost := range pass.Effects.LostElections() {
		if pass.Reviewed(lost.Run.Parent()) {
			reportLost(pass, lost)
		}
	}
}

func reportLost(pass *rule.Pass, lost effects.LostElection) {
	fn, pos := lost.Run.Parent(), pass.Program.Start(lost.Run)
	where := pass.Where(fn)
	var related []rule.Related
	if lost.Started != lost.Run {
		related = append(related, rule.Related{Func: lost.Started.Parent(), Pos: lost.Started.Pos(), Message: "the goroutine that ends with it is started here"})
	}
	s := rule.NewScenario()
	a, b := s.Actor("replica A", "leads"), s.Actor("replica B", "waits for the lease")
	a.Step(pos, "cannot renew the lease in time: the API server does not answer for a while", "the call returns, and the goroutine ends")
	b.Step(pos, "takes the lease", "it leads now")
	b.Step(pos, "cannot renew it in time either, some other day", "its goroutine ends too")
	s.Outcome("both processes are up and healthy, and nobody leads until somebody restarts one")
	pass.Report(rule.Report{
		Func: fn, Pos: pos, Severity: finding.High, Reason: "an API server that does not answer in time is enough",
		Message: fmt.Sprintf("the election that %s runs is over when the lease is lost; it runs once, in a goroutine that then ends, and the process stays up: this replica never leads again",
			program.Name(fn)),
		About: "election in " + program.Name(fn), Domain: where.Domain, Proof: where.Proof,
		Related: related, Scenario: s,
		Fix: rule.Fix{
			Description: "Run the election again until the context is over; or end the process when the lease is lost.",
			Edits:       electAgain(pass, lost),
			Sketch:      pass.Words(lost.Run).Fill("for $ctx.Err() == nil {\n\t$call\n}"),
		},
	})
}

// electAgain runs the election again, in its goroutine, until its context is over; nil where the go statement does not start
// the election itself, or hands it more than variables, which another run could find changed.
func electAgain(pass *rule.Pass, lost effects.LostElection) []rule.Edit {
	_, ok := lost.Run.(*ssa.Go)
	call := pass.Program.CallExpr(lost.Run)
	if !ok || call == nil || len(call.Args) == 0 || slices.ContainsFunc(call.Args, func(arg ast.Expr) bool { _, plain := arg.(*ast.Ident); return !plain }) {
		return nil
	}
	return []rule.Edit{
		{Pos: call.Pos(), End: call.Pos(), New: fmt.Sprintf("func() {\nfor %s.Err() == nil {\n", call.Args[0].(*ast.Ident).Name)},
		{Pos: call.End(), End: call.End(), New: "\n}\n}()"},
	}
}
