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
	"golang.org/x/tools/go/ssa"
)

// share is an apply with the fields that it sends.
type share struct {
	*effects.Claim
	sent []string
}

// checkErasing looks at applies that take back what their manager applied elsewhere: they leave a field out, which removes
// it, and were decided on an object whose version they don't send.
func checkErasing(pass *rule.Pass) {
	shares := statusShares(pass)
	for _, mine := range shares {
		if !madeFrom(pass, mine.Claim) {
			continue // not made from an object that was read before, or with its version
		}
		for _, other := range shares {
			if other.Site() == mine.Site() || !sameManager(mine.Claim, other.Claim) || !pass.Effects.SameObject(mine.Claim, other.Claim) {
				continue
			}
			if gone := leftOut(mine, other); len(gone) > 0 && apart(pass, mine.Claim, other.Claim) {
				reportErasing(pass, mine.Claim, other.Claim, gone)
				break
			}
		}
	}
}

// statusShares returns the applies, one for each place, with the fields of the status that they send, whoever's object it is.
func statusShares(pass *rule.Pass) []share {
	var out []share
	at := make(map[ssa.CallInstruction]int)
	for _, c := range pass.Effects.Claims() {
		if !c.Apply {
			continue
		}
		i, known := at[c.Site()]
		if !known {
			i = len(out)
			at[c.Site()] = i
			out = append(out, share{Claim: c})
		}
		for _, ch := range c.Story.MadeWith() {
			if strings.HasPrefix(ch.Path, "Status.") {
				out[i].sent = append(out[i].sent, ch.Path)
			}
		}
	}
	for i := range out {
		out[i].sent = outermost(out[i].sent)
	}
	return slices.DeleteFunc(out, func(s share) bool { return len(s.sent) == 0 })
}

// outermost sorts paths and drops those within others.
func outermost(paths []string) []string {
	slices.Sort(paths)
	var out []string
	for _, p := range paths {
		if len(out) == 0 || !effects.Under(p, out[len(out)-1]) {
			out = append(out, p)
		}
	}
	return out
}

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
func leftOut(mine, other share) []string {
	var out []string
	for _, f := range other.sent {
		if !slices.ContainsFunc(mine.sent, func(g string) bool { return effects.Overlaps(f, g) }) {
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
			Sketch: pass.Words(mine.Site()).Fill("$obj.SetResourceVersion($read.GetResourceVersion()) // of the $kind that the decision was taken on", "read", readName(pass, mine.Story), "kind", kind)},
	})
}
