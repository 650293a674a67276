// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// checkWhole looks at one assignment of a whole status: an older read's, put onto a fresh object so that its version counts
// for all of it.
func checkWhole(pass *rule.Pass, fn *ssa.Function, set *effects.Event) {
	fresh := readOf(pass, fn, set.Object)
	if fresh == nil || !copiesStale(pass, fn, set, fresh) {
		return // not read here, or not the status of an older object
	}
	for _, p := range set.Guards().Places {
		if p.Object == set.Object && (effects.Overlaps(p.Path, set.Path) || p.Path == "ResourceVersion") {
			return // the fresh object is tested
		}
	}
	kind := objectKind(set.Object)
	rival := rivalOf(pass, fn, kind, set)
	domain := pass.Program.DomainAt(set.At)
	worst := domain.Worst()
	switch {
	case rival == nil:
		return // nobody else writes any of it
	case worst == program.Test || worst == program.Unknown:
		return
	}
	s := rule.NewScenario()
	a := s.Actor("replica A", runs(domain.Proof(worst), program.Name(fn)))
	b := s.Actor(program.Name(rival.Site.Parent()), rivalRuns(pass, rival))
	a.Step(fn.Pos(), "has computed "+set.Path+" from a "+kind+" that it read before", "resourceVersion 41")
	b.Step(rival.Site.Pos(), "writes a part of "+set.Path, "resourceVersion 42")
	a.Step(fresh.Pos(), "reads the "+kind+" again", "resourceVersion 42, with the other change")
	a.Step(set.Pos(), "replaces all of "+set.Path+" with the older one", "values of 41, version 42")
	s.Outcome("the write passes the check of the version and undoes what %s stored", program.Name(rival.Site.Parent()))
	pass.Report(rule.Report{
		Func: fn, Pos: set.Pos(), Severity: finding.Critical, Reason: program.Name(rival.Site.Parent()) + " writes a part of it too",
		Message: fmt.Sprintf("%s of an older %s replaces that of a fresh one and is sent with its resourceVersion; the version check passes and what changed in between is undone", set.Path, kind),
		About:   kind + " " + set.Path, Domain: worst, Proof: domain.Proof(worst),
		Related: []rule.Related{
			{Func: fresh.Func(), Pos: fresh.Pos(), Message: "the version comes from this read"},
			{Func: rival.Site.Parent(), Pos: rival.Site.Pos(), Message: "the other writer"},
		},
		Scenario: s,
		Fix: rule.Fix{Description: "Write the status on the version that it was computed from, or set the changed fields only.",
			Sketch: pass.Words(fresh.Origin).Fill("// in place of $stmt:\n$obj.$path.Field = computed // Field: each one that was computed before; computed: its new value", "path", set.Path, "stmt", pass.Words(set.Origin).Line())},
	})
}
