// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var lostCopy = &rule.Rule{
	ID:        "rmw/lost-copy",
	Title:     "a copy is changed that nobody looks at again",
	Checklist: []string{"1.1"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "lost_copy.md"),
	Check:     checkLostCopy,
}

func checkLostCopy(pass *rule.Pass) {
	for _, l := range pass.Effects.LostCopies() {
		if pass.Reviewed(l.Change.Parent()) {
			reportLostCopy(pass, l)
		}
	}
}

// copyOf says what the copy is one of, how a sketch keeps the change, and what stays as it was.
var copyOf = map[string]struct{ what, stays, sketch string }{
	"map":      {"an element of a map", "the element in the map", "all[key] = item // all: the map; item: the changed copy"},
	"list":     {"an element of a list", "the element in the list", "item := &all[i] // all: the list; i: the index"},
	"receiver": {"its receiver", "the caller's value", "func (r *T) … // T: the type: a pointer receiver changes what it is called on"},
}

func reportLostCopy(pass *rule.Pass, l effects.LostCopy) {
	fn, of := l.Change.Parent(), copyOf[l.Of]
	copied, changed := effects.Position(l.Copied), effects.Position(l.Change)
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(copied, "gets a copy of "+of.what, "")
	a.Step(changed, "sets "+l.Field+" of the copy", "")
	a.Step(changed, "goes on; the copy is gone", of.stays+" has the old "+l.Field)
	s.Outcome("whoever reads %s finds what was there before", of.stays)
	pass.Report(rule.Report{
		Func: fn, Pos: changed, Severity: finding.Medium, Reason: "what is set is never read",
		Message: fmt.Sprintf("%s sets %s of a copy of %s that nobody looks at again: %s stays as it was", program.Name(fn), l.Field, of.what, of.stays),
		About:   l.Field, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: fn, Pos: copied, Message: "the copy is made here"}},
		Scenario: s,
		Fix:      rule.Fix{Description: "Store the changed copy, or change the original.", Sketch: of.sketch},
	})
}
