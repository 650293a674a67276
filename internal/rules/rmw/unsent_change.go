// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var unsentChange = &rule.Rule{
	ID:        "rmw/unsent-change",
	Title:     "an update sends the object as it was read, not the one that is wanted",
	Checklist: []string{"1.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "unsent_change.md"),
	Check:     checkUnsent,
}

func checkUnsent(pass *rule.Pass) {
	for _, u := range pass.Effects.UnsentChanges() {
		if pass.Reviewed(u.Func) {
			reportUnsent(pass, u)
		}
	}
}

func reportUnsent(pass *rule.Pass, u effects.Unsent) {
	kind := "object"
	if k, ok := kube.KindOf(u.Update.Type); ok && k.Name != "" {
		kind = k.Name
	}
	where := pass.Where(u.Func)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(u.Func), where.Runs())
	a.Step(u.Read.Pos(), "reads the "+kind, "stored: the old state")
	a.Step(u.Update.Pos(), "sends what it has read", "nothing differs")
	s.Outcome("the %s that is wanted is only ever created; a change of it is never stored, and the update reports success", kind)
	pass.Report(rule.Report{
		Func: u.Update.Func(), Pos: u.Update.Pos(), Severity: finding.High, Reason: "no change is ever stored",
		Message: fmt.Sprintf("the update sends the %s just as it was read; what is wanted is the one that would be created, and nothing of it is sent", kind),
		About:   kind + " update of " + program.Name(u.Func), Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: u.Read.Func(), Pos: u.Read.Pos(), Message: "the read; nothing changes the object after it"},
			{Func: u.Create.Func(), Pos: u.Create.Pos(), Message: "creates what is wanted"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Take over what is wanted, or send the wanted object with the version of what was read.",
			Sketch:      sendWanted(pass, u),
		},
	})
}

// sendWanted sends the object that would be created, with the version of the one that was read.
func sendWanted(pass *rule.Pass, u effects.Unsent) string {
	wanted := pass.Words(u.Create.Origin)
	update := pass.Words(u.Update.Origin)
	return update.Fill("$wanted.SetResourceVersion($obj.GetResourceVersion())\nif err := $c.Update($ctx, $ref); err != nil {\n\t$return\n}",
		"wanted", wanted.Object(), "ref", wanted.Ref())
}
