// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var baseAfterChange = &rule.Rule{
	ID:       "rmw/base-after-change",
	Title:    "the base of a patch is the changed object, so the change is never sent",
	Severity: finding.Critical,
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "base_after_change.md"),
	Check:    checkBaseAfterChange,
}

func checkBaseAfterChange(pass *rule.Pass) {
	for _, row := range pass.Effects.Ledger() {
		stories := row.Stories
		if part := pass.Effects.Part(row.Site); part != nil {
			stories = append(stories[:len(stories):len(stories)], part) // change, copy and write of an object that is handed in
		}
		for _, s := range stories {
			if lost := neverSent(pass, s); lost != nil {
				reportBase(pass, row, s, lost)
				break // one write, one finding
			}
		}
	}
}

// neverSent returns a change that the difference cannot hold: the base is the written object itself, or a copy made after
// the last change. Nil if some change is sent, or if the order is not certain.
func neverSent(pass *rule.Pass, s *effects.Story) *effects.Event {
	p := s.Write.Patch
	if !reviewed(pass, s) || p == nil || p.Base == nil || len(s.Write.Base) != 1 || len(s.Write.Chain) > 0 {
		return nil // no difference, or one whose parts meet across functions
	}
	base := s.Write.Base[0]
	aliased := base.Root == s.Write.Root && base.Base == s.Write.Object.Base && base.Path == ""
	if aliased && effects.Reassigned(s.Func, s.Write.Root) {
		return nil // the variable holds another object by then
	}
	if copied := s.BaseCopy(); !aliased && (copied == nil || effects.HandedOn(s.Write.Root, copied.At, s.Write.At)) {
		return nil // somebody may change the object after the copy
	}
	var last *effects.Event
	for _, ch := range s.Changes() {
		if ch.Path == "" || ch.Path == "ResourceVersion" || ch.Path == "ManagedFields" || sentBefore(s, ch) {
			continue
		}
		if !aliased && !beforeCopy(pass, s, ch) {
			return nil
		}
		last = ch
	}
	return last
}

// sentBefore tells whether another write can have sent a change already.
func sentBefore(s *effects.Story, ch *effects.Event) bool {
	for _, ev := range s.Events {
		if ev.Kind == effects.Write && ev != s.Write && effects.MayPrecede(ch.At, ev.At) && effects.MayPrecede(ev.At, s.Write.At) {
			return true
		}
	}
	return false
}

// beforeCopy tells whether a change is over for certain when the base is copied from the written object.
func beforeCopy(pass *rule.Pass, s *effects.Story, ch *effects.Event) bool {
	copied := s.BaseCopy()
	return copied != nil && copied.From.Root == s.Write.Root &&
		effects.MustPrecede(ch.At, copied.At) && !effects.MayPrecede(copied.At, ch.At)
}

func reportBase(pass *rule.Pass, row *effects.Entry, s *effects.Story, lost *effects.Event) {
	kind := kindName(s)
	set := s.Domain()
	domain := set.Worst()
	at := s.Write.Patch.Made
	sc := rule.NewScenario()
	a := sc.Actor("this replica", runs(set.Proof(domain), program.Name(s.Func)))
	a.Step(lost.Pos(), "sets "+lost.Path+" of the "+kind, "in memory only")
	a.Step(at.Pos(), "takes the changed object as the base of the patch", "base and object are equal")
	a.Step(row.Site.Pos(), "sends the difference", "{}")
	sc.Outcome("%s of the stored %s stays as it was, and the call succeeds", lost.Path, kind)
	pass.Report(rule.Report{
		Func: row.Site.Parent(), Pos: row.Site.Pos(), Severity: finding.Critical,
		Message: fmt.Sprintf("the base of the %s of %s is taken after %s was changed; the difference is empty and the change is never sent", verb(s.Write), kind, lost.Path),
		About:   kind + " " + lost.Path, Domain: domain, Proof: set.Proof(domain),
		Related: slices.Compact([]rule.Related{
			{Func: lost.Func(), Pos: lost.Pos(), Message: lost.Path + " is changed here"},
			{Func: at.Parent(), Pos: at.Pos(), Message: "the base is taken here"},
		}),
		Scenario: sc,
		Fix: rule.Fix{Description: "Copy the base before the first change.",
			Edits:  baseEdits(pass, s),
			Sketch: fmt.Sprintf("base := %s.DeepCopy() // before %s is changed at %s", pass.Holder(lost), lost.Path, pass.Program.At(lost.Pos()))},
	})
}
