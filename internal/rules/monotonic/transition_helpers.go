// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"cmp"
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// checkTransitionHelpers tells of helpers that lose the time of a transition, and of those that are given nothing to compare.
func checkTransitionHelpers(pass *rule.Pass) {
	for _, u := range pass.Effects.UnsetTransitions() {
		if pass.Reviewed(u.Copy.Parent()) {
			reportUnset(pass, u)
		}
	}
	for _, m := range pass.Effects.EmptyMerges() {
		if pass.Reviewed(m.Call.Parent()) {
			reportEmptyMerge(pass, m)
		}
	}
}

func reportUnset(pass *rule.Pass, u effects.UnsetTransition) {
	fn := u.Copy.Parent()
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(effects.Position(u.Set), "adds the condition, and sets its time itself", "lastTransitionTime = 10:00:00")
	a.Step(effects.Position(u.Copy), "finds another status, and takes the time of its argument, which nobody has set", "lastTransitionTime = null")
	s.Outcome("after its first change the condition does not say since when it holds")
	pass.Report(rule.Report{
		Func: fn, Pos: effects.Position(u.Copy), Severity: finding.Medium, Reason: "each change of the status loses the time",
		Message: fmt.Sprintf("%s takes lastTransitionTime from its argument when the status changes, but sets it itself when the condition is new: callers leave it unset, and a change stores the zero time", program.Name(fn)),
		About:   "unset transition", Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: fn, Pos: effects.Position(u.Set), Message: "sets the time of a new condition"}},
		Scenario: s,
		Fix:      rule.Fix{Description: "set the time where the status changes", Sketch: pass.WordsAt(fn, effects.Position(u.Copy)).Fill("$existing.LastTransitionTime = $metav1.Now()", "existing", cmp.Or(pass.WordsAt(fn, effects.Position(u.Copy)).Holder("LastTransitionTime"), "existing"))},
	})
}

func reportEmptyMerge(pass *rule.Pass, m effects.EmptyMerge) {
	fn := m.Call.Parent()
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(m.Call.Pos(), "merges the conditions into "+m.Field+" of a new status, which has none", "lastTransitionTime = 10:00:00")
	a.Step(m.Call.Pos(), "does so again in the next run, with the same conditions", "lastTransitionTime = 10:05:00, all else as before")
	s.Outcome("nobody can tell since when the condition holds; every run writes a change that is none")
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(m.Call), Severity: finding.Medium, Reason: "each run claims a transition and writes",
		Message: fmt.Sprintf("%s keeps the time of a condition whose status stays, but is given %s of a status that was made anew: there is nothing to compare with, and each run claims a transition", program.Name(m.Merge), m.Field),
		About:   "empty " + m.Field, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: m.Merge, Pos: m.Merge.Pos(), Message: "compares with what it is given"}},
		Scenario: s,
		Fix:      rule.Fix{Description: "merge into the stored conditions", Sketch: "// obj: the stored object, whose conditions " + program.Name(m.Merge) + " has to be given\n" + pass.Words(m.Call).Line()},
	})
}
