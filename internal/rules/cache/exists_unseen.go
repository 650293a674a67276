// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var existsUnseen = &rule.Rule{
	ID:        "cache/exists-unseen",
	Title:     "what a create has found to exist is read from the cache that does not have it yet",
	Checklist: []string{"3.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Strict:    true, // the name is most often one that the cache has given, and the caller runs the work again
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "exists_unseen.md"),
	Check:     checkExistsUnseen,
}

func checkExistsUnseen(pass *rule.Pass) {
	for _, u := range pass.Effects.UnseenReads() {
		if pass.Reviewed(u.Create.Parent()) {
			reportExistsUnseen(pass, u)
		}
	}
}

func reportExistsUnseen(pass *rule.Pass, u effects.Unseen) {
	fn, kind := u.Create.Parent(), readKind(u.Read)
	where := pass.Where(fn)
	end := effects.Position(u.Fate.At)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(u.Create.Pos(), "creates the "+kind+", as the run before did", "409 AlreadyExists; the watch has not told the cache yet")
	a.Step(u.Read.Pos(), "reads it from the cache", "NotFound")
	a.Step(end, "takes that for a failure", "")
	s.Outcome("the %s that is there counts as one that could not be made, and nothing runs the work again for it", kind)
	pass.Report(rule.Report{
		Func: fn, Pos: u.Read.Pos(), Severity: finding.High, Reason: "the cache that led to the create is the one that is asked again",
		Message: fmt.Sprintf("after the create has found that the %s exists, it is read from the cache (client: %s), which may not have it yet; NotFound counts as a failure in %s",
			kind, u.Because, program.Name(u.Fate.Func)),
		About: "existing " + kind, Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: fn, Pos: u.Create.Pos(), Message: "finds that it exists"},
			{Func: u.Fate.Func, Pos: end, Message: "the error ends here"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "ask the API server for what the cache does not have",
			Sketch:      liveRead(pass, u.Read),
		},
	})
}
