// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var mixedVerbs = &rule.Rule{
	ID:        "ownership/mixed-verbs",
	Title:     "one component writes a field by apply and by update",
	Checklist: []string{"7.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "mixed_verbs.md"),
	Check:     checkMixedVerbs,
}

func checkMixedVerbs(pass *rule.Pass) {
	claims := pass.Effects.Claims()
	told := make(map[ssa.Instruction]bool)
	for _, a := range claims {
		if !a.Apply || told[a.Site()] {
			continue
		}
		for _, b := range claims {
			if b.Apply || !updates(b) || shared(a, b) == "" || keyedList(shared(a, b)) || !pass.Effects.SameObject(a, b) || !sameComponent(a, b) || alternatives(pass, a, b) {
				continue
			}
			told[a.Site()] = true
			reportMixed(pass, a, b)
			break
		}
	}
}

func updates(c *effects.Claim) bool {
	switch c.Entry.Call.Effect {
	case kube.Update, kube.UpdateStatus, kube.UpdateSubresource, kube.Patch, kube.PatchStatus, kube.PatchSubresource:
		return true
	}
	return false
}

// sameComponent tells whether methods of one type, or functions of one package, send both.
func sameComponent(a, b *effects.Claim) bool {
	x, y := a.Story.Func, b.Story.Func
	for x.Parent() != nil {
		x = x.Parent()
	}
	for y.Parent() != nil {
		y = y.Parent()
	}
	return x.Pkg != nil && x.Pkg == y.Pkg
}

// alternatives tells whether the two stand in one function and exclude each other, as behind a feature gate.
func alternatives(pass *rule.Pass, a, b *effects.Claim) bool {
	if a.Func() == b.Func() && !effects.MayPrecede(a.Site(), b.Site()) && !effects.MayPrecede(b.Site(), a.Site()) {
		return true
	}
	// Two helpers that one function chooses between.
	for _, x := range pass.Program.Callers(a.Func()) {
		for _, y := range pass.Program.Callers(b.Func()) {
			if x.Caller() == y.Caller() && !effects.MayPrecede(x.Site, y.Site) && !effects.MayPrecede(y.Site, x.Site) {
				return true
			}
		}
	}
	return false
}

func reportMixed(pass *rule.Pass, a, b *effects.Claim) {
	field := shared(a, b)
	r := report(pass, a)
	r.About = kindName(a) + " " + field
	r.Severity, r.Reason = finding.Medium, "it shows when the field is to be removed"
	r.Message = fmt.Sprintf("%s of %s is applied here and updated by %s; the two own it as two managers, and an apply without the field does not remove it", field, kindName(a), program.Name(b.Func()))
	r.Related = []rule.Related{related(b, "writes "+field+" without apply")}
	s := rule.NewScenario()
	x, y := s.Actor(program.Name(a.Func()), runs(pass, a.Site())), s.Actor(program.Name(b.Func()), runs(pass, b.Site()))
	y.Step(b.Site().Pos(), "writes "+field, "owned by the default manager, operation Update")
	x.Step(a.Site().Pos(), "applies "+field, "owned by both")
	x.Step(a.Site().Pos(), "applies without "+field, "still there: the other entry owns it")
	s.Outcome("%s can be set and never removed", field)
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Write the field in one way.", Sketch: "// " + program.Name(b.Func()) + ": send " + field + " by an apply as well, as manager " + managerName(a.Manager) + "\n" + pass.Words(a.Site()).Call()}
	pass.Report(r)
}
