// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var transitionReset = &rule.Rule{
	ID:        "monotonic/transition-reset",
	Title:     "conditions are rebuilt with the current time",
	Checklist: []string{"2.1"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "transition_reset.md"),
	Check:     checkTransitionReset,
}

func checkTransitionReset(pass *rule.Pass) {
	checkTransitionHelpers(pass)
	checkTransitionStamps(pass)
	told := make(once)
	for _, s := range pass.Effects.Stories() {
		w := where(pass, s)
		if w.Domain == program.Unknown && !pass.Strict {
			continue // nothing shows that it runs again
		}
		if !reviewed(pass, s) || w.Domain == program.Test || s.Write.Call.Effect == kube.Create {
			continue // a new object has no conditions to compare with
		}
		for _, ch := range s.Sent() {
			if effects.ClassAt(s.Type(), ch.Path) != kube.Conditions || ch.Call != nil || !ch.Deps().Now || ch.Deps().Append {
				continue // no list of conditions, a library that compares, or one that extends it
			}
			if s.FromOld(ch) || tested(ch, ch.Path) || tested(s.Write, ch.Path) || effects.ComparesConditions(ch.Func()) || told.again(ch.Origin) {
				continue // compared with the stored conditions
			}
			if settles(s, ch) {
				continue // made anew once for each new value of what stands beside them
			}
			reportReset(pass, s, ch, w)
		}
	}
}

// settles tells whether a change is made behind a test of a field that the same write stores: the next run finds it stored.
func settles(s *effects.Story, ch *effects.Event) bool {
	for _, sent := range s.Sent() {
		if sent != ch && sent.Path != "" && tested(ch, sent.Path) {
			return true
		}
	}
	return false
}

func reportReset(pass *rule.Pass, s *effects.Story, ch *effects.Event, w rule.Where) {
	kind := kindName(s)
	sc := rule.NewScenario()
	a := sc.Actor(w.Actor(s.Func), w.Runs())
	a.Step(ch.Pos(), "makes the conditions anew", "lastTransitionTime = 10:00:00")
	a.Step(s.Write.Pos(), "stores them", "")
	a.Step(ch.Pos(), "makes the same conditions anew, later", "lastTransitionTime = 10:05:00, all else as before")
	a.Step(s.Write.Pos(), "stores them", "a write and an event for a change that is none")
	sc.Outcome("nobody can tell since when the condition holds; every run writes, and each write wakes whoever watches the %s", kind)
	pass.Report(rule.Report{
		Func: ch.Func(), Pos: ch.Pos(), Severity: finding.Medium, Reason: "each run claims a transition and writes",
		Message: fmt.Sprintf("%s of the %s is rebuilt with the current time and not compared with the stored conditions; each run claims a transition and sends a write", ch.Path, kind),
		About:   kind + " " + ch.Path,
		Domain:  w.Domain, Proof: w.Proof,
		Related:  []rule.Related{{Func: s.Write.Func(), Pos: s.Write.Pos(), Message: "the conditions are sent here"}},
		Scenario: sc,
		Fix: rule.Fix{
			Description: "set the condition with a helper that keeps the time as long as the status stays",
			Sketch:      pass.Words(ch.Origin).Fill("$meta.SetStatusCondition(&$obj.$path, condition) // condition: each of the new ones, without LastTransitionTime", "obj", pass.Holder(ch), "path", ch.Path),
		},
	})
}
