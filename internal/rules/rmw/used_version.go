// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var usedVersion = &rule.Rule{
	ID:        "rmw/used-version",
	Title:     "a second write sends the version that the first one has used up",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "used_version.md"),
	Check:     checkUsedVersion,
}

func checkUsedVersion(pass *rule.Pass) {
	for _, u := range pass.Effects.SecondSends() {
		if pass.Reviewed(u.Func) {
			reportUsedVersion(pass, u)
		}
	}
}

func reportUsedVersion(pass *rule.Pass, u effects.SecondSend) {
	kind := "object"
	if k, ok := kube.KindOf(u.Bump.Type); ok && k.Name != "" {
		kind = k.Name
	}
	where := pass.Where(u.Func)
	severity, reason := finding.Medium, "the first write must have changed something"
	if site, ok := u.Send.Origin.(ssa.CallInstruction); ok && dropped(pass, site) {
		severity, reason = finding.High, "the error of the second write is dropped, and what it was to store is lost"
	}
	s := rule.NewScenario()
	a := s.Actor(where.Actor(u.Func), where.Runs())
	a.Step(u.First.Pos(), "sends the "+verb(u.Bump)+" of the "+kind, "stored: resourceVersion 42; the answer goes to another object")
	a.Step(u.Second.Pos(), "sends the "+verb(u.Send)+" of the object that was read before", "resourceVersion 41: 409 Conflict")
	s.Outcome("the %s conflicts with the own write before it, without any other writer", verb(u.Send))
	pass.Report(rule.Report{
		Func: u.Func, Pos: u.Second.Pos(), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("the %s of %s sends the resourceVersion from before the %s in %s, whose answer went to another object; it conflicts with the own write",
			verb(u.Send), kind, verb(u.Bump), program.Name(u.Bump.Func())),
		About: kind + " " + verb(u.Send) + " after " + verb(u.Bump), Domain: where.Domain, Proof: where.Proof,
		Related:  usedRelated(u, kind),
		Scenario: s,
		Fix: rule.Fix{
			Description: "Go on with the object that the first write gave back.",
			Sketch:      pass.Words(u.Bump.Origin).Fill("$obj, err = $call // and write this $obj from here on"),
		},
	})
}

func usedRelated(u effects.SecondSend, kind string) []rule.Related {
	out := []rule.Related{{Func: u.Bump.Func(), Pos: u.Bump.Pos(), Message: "stores the " + kind + " in a new version"}}
	if u.First != u.Bump.Origin {
		out = append(out, rule.Related{Func: u.Func, Pos: u.First.Pos(), Message: "leads there"})
	}
	if u.Second != u.Send.Origin {
		out = append(out, rule.Related{Func: u.Send.Func(), Pos: u.Send.Pos(), Message: "sends the old version"})
	}
	return out
}

// dropped tells whether the error of a write always ends where nobody tries again.
func dropped(pass *rule.Pass, site ssa.CallInstruction) bool {
	fates := pass.Effects.ErrorFates(site)
	return len(fates) > 0 && !slices.ContainsFunc(fates, func(f effects.ErrorFate) bool { return f.Kind != effects.ErrorDropped })
}
