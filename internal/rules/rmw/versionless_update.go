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

var versionlessUpdate = &rule.Rule{
	ID:        "rmw/versionless-update",
	Title:     "an update sends an object that has no resourceVersion",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "versionless_update.md"),
	Check:     checkVersionless,
}

func checkVersionless(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, v := range pass.Effects.VersionlessUpdates() {
		if !pass.Reviewed(v.Func) || told[v.Update.Origin] {
			continue // one update, one finding
		}
		told[v.Update.Origin] = true
		reportVersionless(pass, v)
	}
}

func reportVersionless(pass *rule.Pass, v effects.Versionless) {
	kind := "object"
	if k, ok := kube.KindOf(v.Update.Type); ok && k.Name != "" {
		kind = k.Name
	}
	where := pass.Where(v.Func)
	severity, reason := finding.High, "the server takes no update of a custom resource without a version"
	message := fmt.Sprintf("the update sends the %s that would be created, which has no resourceVersion; the server refuses it for custom resources", kind)
	outcome := "once the object exists, it is never updated"
	if v.Merged != nil {
		severity, reason = finding.Medium, "another writer must come between the read and the update"
		message = fmt.Sprintf("the update sends %s that it took over from the stored %s, without the resourceVersion of that read; a change of them since is overwritten and nobody gets a conflict", v.Merged.Path, kind)
		outcome = "what was added to " + v.Merged.Path + " in between is gone"
	}
	s := rule.NewScenario()
	a := s.Actor(where.Actor(v.Func), where.Runs())
	var related []rule.Related
	if v.Look != nil {
		a.Step(v.Look.Pos(), "looks at the stored "+kind, "resourceVersion 41")
		related = append(related, rule.Related{Func: v.Look.Func(), Pos: v.Look.Pos(), Message: "the version of this read is not taken over"})
	}
	a.Step(v.Create.Pos(), "would create the object that was made here, if there were none", "")
	if v.Merged != nil {
		s.Actor("another writer", "of the same "+kind).Step(v.Merged.Pos(), "adds to "+v.Merged.Path, "stored: resourceVersion 42")
	}
	a.Step(v.Update.Pos(), "sends that object", "no resourceVersion")
	s.Outcome("%s", outcome)
	related = append(related, rule.Related{Func: v.Create.Func(), Pos: v.Create.Pos(), Message: "the same object is created here, so it has no version"})
	pass.Report(rule.Report{
		Func: v.Update.Func(), Pos: v.Update.Pos(), Severity: severity, Reason: reason, Message: message,
		About: kind + " update of " + program.Name(v.Func), Domain: where.Domain, Proof: where.Proof,
		Related: related, Scenario: s,
		Fix: rule.Fix{Description: "Take over the version of what was read.", Sketch: takeVersion(pass, v)},
	})
}

// takeVersion gives the object the version of the read; where none is, it reads first.
func takeVersion(pass *rule.Pass, v effects.Versionless) string {
	update := pass.Words(v.Update.Origin)
	if v.Look != nil {
		return update.Fill("$obj.SetResourceVersion($existing.GetResourceVersion())\nif err := $call; err != nil {\n\t$return\n}", "existing", pass.Words(v.Look.Origin).Object())
	}
	return update.Fill("existing := $obj.DeepCopy()\nif err := $c.Get($ctx, $key, existing); err != nil {\n\t$return\n}\n$obj.SetResourceVersion(existing.GetResourceVersion())\nif err := $call; err != nil {\n\t$return\n}")
}
