// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// checkErasing looks at applies that take back what their manager applied elsewhere: they leave a field out, which removes
// it, and were decided on an object whose version they don't send.
func checkErasing(pass *rule.Pass) {
	claims := pass.Effects.Claims()
	told := make(map[string]bool)
	for _, mine := range claims {
		if !applied(mine) || told[pass.Program.At(mine.Site().Pos())] || !madeFrom(pass, mine) {
			continue // not known field by field, or not made from an object that was read before
		}
		for _, other := range claims {
			if other.Site() == mine.Site() || !applied(other) || !sameManager(mine, other) || !pass.Effects.SameObject(mine, other) {
				continue
			}
			if gone := leftOut(mine, other); len(gone) > 0 && apart(pass, mine, other) {
				told[pass.Program.At(mine.Site().Pos())] = true
				reportErasing(pass, mine, other, gone)
				break
			}
		}
	}
}

// applied tells whether a claim is an apply of an object made for it, under a manager.
func applied(c *effects.Claim) bool { return c.Apply && len(c.Fields) > 0 }

// madeFrom tells whether the object was made from one that was read before, and is sent without its version.
func madeFrom(pass *rule.Pass, c *effects.Claim) bool {
	w := c.Story.Write
	return reviewed(pass, c.Story) && w.Partial && !pass.Effects.CarriesVersion(w)
}

func sameManager(a, b *effects.Claim) bool {
	x, ok1 := a.Manager.Text.Constant()
	y, ok2 := b.Manager.Text.Constant()
	return ok1 && ok2 && x == y && x != ""
}

// leftOut returns the fields that other sends and mine does not.
func leftOut(mine, other *effects.Claim) []string {
	var out []string
	for _, f := range other.Fields {
		sent := slices.ContainsFunc(mine.Fields, func(g string) bool { return effects.Overlaps(f, g) })
		if !sent && strings.HasPrefix(f, "Status.") {
			out = append(out, f)
		}
	}
	return out
}

// apart tells whether an entry point leads to the one apply and not to the other: they can run at the same time.
func apart(pass *rule.Pass, mine, other *effects.Claim) bool {
	theirs := pass.Program.EntriesOf(other.Func())
	for _, en := range pass.Program.EntriesOf(mine.Func()) {
		if en.Domain != program.Test && !slices.Contains(theirs, en) {
			return true
		}
	}
	return false
}

func reportErasing(pass *rule.Pass, mine, other *effects.Claim, gone []string) {
	kind, field := kindName(mine.Story), strings.Join(gone, ", ")
	manager, _ := mine.Manager.Text.Constant()
	set := pass.Program.DomainAt(mine.Site())
	domain := set.Worst()
	theirs := pass.Program.DomainAt(other.Site())
	s := rule.NewScenario()
	a := s.Actor(program.Name(mine.Func()), runs(set.Proof(domain), program.Name(mine.Func())))
	b := s.Actor(program.Name(other.Func()), runs(theirs.Proof(theirs.Worst()), program.Name(other.Func())))
	a.Step(readPosition(mine.Story), "has a "+kind+" as it was read, and decides on it", field+" is not set")
	b.Step(other.Site().Pos(), "applies "+field, "stored: "+field)
	a.Step(mine.Site().Pos(), fmt.Sprintf("applies the %s without %s as the same manager, and without a resourceVersion", kind, field), field+" is removed")
	s.Outcome("what %s stored is gone, on the word of a %s that was older, and nobody gets an error", program.Name(other.Func()), kind)
	pass.Report(rule.Report{
		Func: mine.Func(), Pos: mine.Site().Pos(), Severity: finding.High, Reason: program.Name(other.Func()) + " applies it from another place",
		Message: fmt.Sprintf("the apply of %s as %q leaves out %s, which %s applies as the same manager, and does not carry the resourceVersion of the read; what was applied in between is removed and nobody gets a conflict",
			kind, manager, field, program.Name(other.Func())),
		About: kind + " without " + field, Domain: domain, Proof: set.Proof(domain),
		Related:  []rule.Related{{Func: other.Func(), Pos: other.Site().Pos(), Message: "the other apply"}},
		Scenario: s,
		Fix: rule.Fix{Description: "Let the applied object carry the resourceVersion of the object that it was made from.",
			Sketch: fmt.Sprintf("applied.ResourceVersion = obj.ResourceVersion // of the %s that the decision was taken on", kind)},
	})
}
