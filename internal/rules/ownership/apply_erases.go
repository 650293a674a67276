// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var applyErases = &rule.Rule{
	ID:        "ownership/apply-erases",
	Title:     "two applies of one manager with different fields erase each other's",
	Checklist: []string{"7.1"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "apply_erases.md"),
	Check:     checkApplyErases,
}

func checkApplyErases(pass *rule.Pass) {
	claims := pass.Effects.Claims()
	told := make(map[ssa.Instruction]bool)
	for i, a := range claims {
		if told[a.Site()] || !countsAsWhole(a) {
			continue
		}
		for _, b := range claims[i+1:] {
			if b.Site() != a.Site() && countsAsWhole(b) && sameManager(a, b) && pass.Effects.SameObject(a, b) && erases(a, b) {
				told[a.Site()], told[b.Site()] = true, true
				reportErases(pass, a, b)
				break // each further site erases in the same way
			}
		}
	}
}

// countsAsWhole tells whether a claim is an apply that is known field by field.
func countsAsWhole(c *effects.Claim) bool { return c.Apply && c.Whole }

func sameManager(a, b *effects.Claim) bool {
	x, ok1 := a.Manager.Text.Constant()
	y, ok2 := b.Manager.Text.Constant()
	return ok1 && ok2 && x == y && x != ""
}

// erases tells whether one of the two leaves out what the other sends.
func erases(a, b *effects.Claim) bool { return len(missing(a, b)) > 0 || len(missing(b, a)) > 0 }

func reportErases(pass *rule.Pass, a, b *effects.Claim) {
	first, second := a, b
	if len(missing(first, second)) == 0 {
		first, second = b, a
	}
	gone := list(missing(first, second))
	r := report(pass, a)
	r.About = kindName(a) + " " + managerName(a.Manager)
	r.Severity, r.Reason = finding.Critical, "every apply removes fields that were there"
	r.Message = fmt.Sprintf("%s and %s apply different fields of one %s as manager %s; an apply removes what its manager sent before and leaves out now: %s of the one is gone after the other",
		program.Name(a.Func()), program.Name(b.Func()), kindName(a), managerName(a.Manager), gone)
	r.Related = []rule.Related{related(b, "the other apply, of "+list(b.Fields))}
	s := rule.NewScenario()
	x, y := s.Actor(program.Name(first.Func()), runs(pass, first.Site())), s.Actor(program.Name(second.Func()), runs(pass, second.Site()))
	x.Step(first.Site().Pos(), "applies "+list(first.Fields), gone+" is set, owned by "+managerName(a.Manager))
	y.Step(second.Site().Pos(), "applies "+list(second.Fields)+" as the same manager", gone+" is removed")
	s.Outcome("%s is missing from the %s until the first apply runs again, and then it is the turn of the other's fields", gone, kindName(a))
	r.Scenario = s
	r.Fix = rule.Fix{
		Description: "Give each set of fields a manager of its own, or apply all of them together.",
		Sketch:      pass.Words(second.Site()).Fill("$client.FieldOwner($manager + \"-part\") // in $func, and the old name in $other", "manager", managerName(a.Manager), "func", program.Name(second.Func()), "other", program.Name(first.Func())),
	}
	pass.Report(r)
}
