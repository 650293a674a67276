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

var unforcedApply = &rule.Rule{
	ID:       "ownership/unforced-apply",
	Title:    "a controller's apply that the first conflict stops for ever",
	Severity: finding.Medium,
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "unforced_apply.md"),
	Check:    checkUnforcedApply,
}

func checkUnforcedApply(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	claims := pass.Effects.Claims()
	for _, c := range claims {
		if !c.Apply || c.Force || told[c.Site()] || c.Manager.Unknown || c.Manager.Absent() || !reconciles(pass, c) {
			continue // forced, not known, refused anyway, or run by somebody who sees the conflict
		}
		if maybeForced(pass, c) || conflictTested(pass, c.Func(), 0) {
			continue
		}
		other := anotherOwner(pass, claims, c)
		told[c.Site()] = true
		r := report(pass, c)
		r.About = kindName(c)
		r.Severity, r.Reason = finding.Medium, "it takes another writer of one of the fields"
		r.Message = fmt.Sprintf("the apply of %s as %s is not forced and a conflict is only returned; a field conflict is the same at every retry, and the object is never written again", kindName(c), managerName(c.Manager))
		r.Scenario = refusedForEver(pass, c, other)
		if other != nil {
			r.Related = []rule.Related{related(other, "owns "+shared(c, other)+" as "+managerName(other.Manager))}
			r.Reason = "both writers are part of this program"
		}
		r.Fix = rule.Fix{Description: "Force what this controller owns, or leave the field to others.", Sketch: "client.ForceOwnership"}
		if edits := forceEdits(pass, c.Site()); edits != nil && other == nil { // one of two must give way: which one, people know
			r.Fix = rule.Fix{Description: r.Fix.Description, Edits: edits}
		}
		pass.Report(r)
	}
}

// anotherOwner returns a write that owns one of the fields of an apply under another name; nil if none is in sight.
func anotherOwner(pass *rule.Pass, claims []*effects.Claim, c *effects.Claim) *effects.Claim {
	name, known := c.Manager.Text.Constant()
	for _, b := range claims {
		other, constant := b.Manager.Text.Constant()
		if known && constant && name != other && shared(c, b) != "" && !keyedList(shared(c, b)) && pass.Effects.SameObject(c, b) {
			return b
		}
	}
	return nil
}

// refusedForEver tells what happens when another writer, the one in sight or a person, owns a field.
func refusedForEver(pass *rule.Pass, c, other *effects.Claim) *rule.Scenario {
	s := rule.NewScenario()
	a := s.Actor("this controller", runs(pass, c.Site()))
	if other != nil {
		b := s.Actor(program.Name(other.Func()), runs(pass, other.Site()))
		b.Step(other.Site().Pos(), "writes "+shared(c, other), "owned by "+managerName(other.Manager))
	} else {
		b := s.Actor("a user with kubectl edit", "owns one of the fields from then on")
		b.Step(c.Func().Pos(), "changes one of the fields", "owned by another manager")
	}
	a.Step(c.Site().Pos(), "applies", "409 Conflict")
	a.Step(c.Site().Pos(), "is retried with the same fields", "409 Conflict")
	s.Outcome("no apply gets through until somebody removes the other owner by hand")
	return s
}

// maybeForced tells whether the options hold something that is not understood.
func maybeForced(pass *rule.Pass, c *effects.Claim) bool {
	options, ok := program.Variadic(c.Site(), c.Entry.Call.Options)
	if !ok {
		return true
	}
	return len(options) > 1 && c.Kind().Form != kube.ApplyConfiguration && len(options) > 2
}

// conflictTested tells whether a function, or one of its callers, looks for conflicts.
func conflictTested(pass *rule.Pass, fn *ssa.Function, depth int) bool {
	if depth > 4 {
		return false
	}
	for site := range program.Sites(fn) {
		if t := program.Target(site); t != nil && t.Name() == "IsConflict" {
			return true
		}
	}
	for _, edge := range pass.Program.Callers(fn) {
		if conflictTested(pass, edge.Caller(), depth+1) {
			return true
		}
	}
	return false
}
