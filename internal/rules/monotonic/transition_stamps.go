// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"cmp"
	"fmt"
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// checkTransitionStamps tells of statuses that change without the time of the transition, and of times that change without the status.
func checkTransitionStamps(pass *rule.Pass) {
	for _, u := range pass.Effects.UntimedChanges() {
		if pass.Reviewed(u.Status.Parent()) {
			reportUntimed(pass, u)
		}
	}
	for _, s := range pass.Effects.StampedTransitions() {
		if pass.Reviewed(s.Stamp.Parent()) {
			reportStamped(pass, s)
		}
	}
}

func reportUntimed(pass *rule.Pass, u effects.UntimedChange) {
	fn, pos := u.Status.Parent(), effects.Position(u.Status)
	where := pass.Where(fn)
	s := rule.NewScenario()
	a, reader := s.Actor(where.Actor(fn), where.Runs()), s.Actor("whoever waits", "for the condition to hold for a while")
	a.Step(pos, "changes the status of a "+u.Of, "lastTransitionTime is still that of the change before, an hour ago")
	reader.Step(pos, "asks since when it holds", "for an hour")
	s.Outcome("a condition that has just changed counts as an old one")
	r := rule.Report{
		Func: fn, Pos: pos, Severity: finding.Medium, Reason: "each change of the status loses the time",
		Message: fmt.Sprintf("%s changes the status of a %s that is there already, and leaves its lastTransitionTime as it was: the condition claims to hold since an earlier change", program.Name(fn), u.Of),
		About:   "untimed " + u.Of, Domain: where.Domain, Proof: where.Proof,
		Scenario: s,
		Fix:      rule.Fix{Description: "set the time where the status changes", Sketch: stampSketch(pass, fn, pos)},
	}
	if u.Instead != nil {
		r.Related = append(r.Related, rule.Related{Func: fn, Pos: effects.Position(u.Instead), Message: "another time is set with it"})
	}
	pass.Report(r)
}

func reportStamped(pass *rule.Pass, st effects.StampedAlways) {
	fn, pos := st.Stamp.Parent(), effects.Position(st.Stamp)
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(effects.Position(st.Status), "sets the status, as it is already", "")
	a.Step(pos, "sets the time of the transition", "lastTransitionTime = now, though nothing has changed")
	s.Outcome("nobody can tell since when it is so, and each run writes a change that is none")
	pass.Report(rule.Report{
		Func: fn, Pos: pos, Severity: finding.Medium, Reason: "each run claims a transition",
		Message: fmt.Sprintf("%s sets the lastTransitionTime of a %s to now with its status, and does not ask whether the status is another one than before", program.Name(fn), st.Of),
		About:   "stamped " + st.Of, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: fn, Pos: effects.Position(st.Status), Message: "the status is set here"}},
		Scenario: s,
		Fix:      rule.Fix{Description: "set the time only where the status changes", Sketch: stampChanged(pass, st)},
	})
}

// stampSketch sets the time of the transition beside the status.
func stampSketch(pass *rule.Pass, fn *ssa.Function, pos token.Pos) string {
	w := pass.WordsAt(fn, pos)
	return w.Fill("$stmt\n$condition.LastTransitionTime = $metav1.Now()", "condition", cmp.Or(w.Holder("Status"), "condition"))
}

// stampChanged sets the time of the transition only where the status is another one.
func stampChanged(pass *rule.Pass, st effects.StampedAlways) string {
	fn := st.Stamp.Parent()
	set, stamp := pass.WordsAt(fn, effects.Position(st.Status)), pass.WordsAt(fn, effects.Position(st.Stamp))
	status := cmp.Or(set.Assigned(), "status")
	return "// before " + set.Line() + "\nif " + cmp.Or(set.Holder("Status"), "condition") + ".Status != " + status + " {\n\t" + stamp.Line() + "\n}"
}
