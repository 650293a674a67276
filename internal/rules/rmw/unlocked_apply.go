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

var unlockedApply = &rule.Rule{
	ID:        "rmw/unlocked-apply",
	Title:     "a server-side apply of values decided on an earlier read, without the version of that read",
	Checklist: []string{"1.2", "1.3", "7.2"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "unlocked_apply.md"),
	Check:     checkUnlockedApply,
}

func checkUnlockedApply(pass *rule.Pass) {
	checkErasing(pass)
	dead := deadRetryWrites(pass)
	told := make(map[string]bool)
	for _, row := range pass.Effects.Ledger() {
		if dead[row.Site] {
			continue // rmw/retry-without-lock tells it
		}
		for _, s := range row.Stories {
			w := s.Write
			if w.Patch == nil || w.Patch.Type != effects.ApplyPatch || pass.Effects.CarriesVersion(w) || !reviewed(pass, s) || !wasRead(s) {
				continue // another write, one that goes with the version of the read, or an object that nobody read
			}
			st, ok := weigh(pass, s)
			if !ok || st.harm == replaces || st.conditions() {
				continue // an apply merges lists by key, and conditions are set anew each time
			}
			if key := program.Name(st.change.Func()) + " " + kindName(s); !told[key] {
				told[key] = true
				reportApply(pass, row, &st)
			}
		}
	}
}

// conditions tells whether a list of conditions is at stake: each writer applies its own.
func (st *stake) conditions() bool {
	t := effects.TypeAt(st.story.Type(), st.field)
	return t != nil && kube.ClassOf(t) == kube.Conditions
}

// reportApply tells it where the decision is taken: there the version was at hand.
func reportApply(pass *rule.Pass, row *effects.Entry, st *stake) {
	s := st.story
	kind := kindName(s)
	fn, pos := st.change.Func(), st.change.Pos()
	if fn == s.Func {
		pos = s.Write.At.Pos()
	}
	pass.Report(rule.Report{
		Func: fn, Pos: pos, Severity: st.severity, Reason: st.reason,
		Message: fmt.Sprintf("the %s of %s sends %s, %s, but not the resourceVersion of that read; field ownership does not keep replicas apart, and a change in between is overwritten",
			verb(s.Write), kind, st.field, st.decided()),
		About:  kind + " " + st.field,
		Domain: st.domain, Proof: st.proof,
		Related:  append(st.related(), rule.Related{Func: row.Site.Parent(), Pos: row.Site.Pos(), Message: "the apply is sent here"}),
		Scenario: lostUpdate(pass, st),
		Fix: rule.Fix{
			Description: "Let the applied object carry the resourceVersion of the read that the decision was taken on.",
			Sketch: pass.Words(s.Write.Origin).Fill("$obj.WithResourceVersion($read.ResourceVersion) // $obj: what $call sends; the version of the $kind that $field was decided on",
				"read", readName(pass, s), "kind", kind, "field", st.field),
		},
	})
}

// decided says how the value depends on the read; a list by itself is merged by an apply.
func (st *stake) decided() string {
	if st.harm == decides {
		return "decided on the value that was read in " + program.Name(st.story.Func)
	}
	return "computed from the value that was read in " + program.Name(st.story.Func)
}
