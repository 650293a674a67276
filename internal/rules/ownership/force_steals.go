// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var forceSteals = &rule.Rule{
	ID:        "ownership/force-steals",
	Title:     "a forced apply takes fields that another writer of the program owns",
	Checklist: []string{"7.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "force_steals.md"),
	Check:     checkForceSteals,
}

func checkForceSteals(pass *rule.Pass) {
	claims := pass.Effects.Claims()
	told := make(map[[2]ssa.Instruction]bool)
	for _, a := range claims {
		if !a.Apply || !a.Force {
			continue
		}
		for _, b := range claims {
			if told[pairOf(a, b)] || !rivals(pass, a, b) {
				continue
			}
			told[pairOf(a, b)], told[pairOf(b, a)] = true, true
			if b.Apply && b.Force && reconciles(pass, b) && !reconciles(pass, a) {
				reportSteals(pass, b, a) // the reconcile comes again and again
			} else {
				reportSteals(pass, a, b)
			}
		}
	}
	checkManyManagers(pass, claims)
}

func pairOf(a, b *effects.Claim) [2]ssa.Instruction {
	return [2]ssa.Instruction{a.Site(), b.Site()}
}

// rivals tells whether b writes, under another manager, a field that a applies, in another way through the program.
func rivals(pass *rule.Pass, a, b *effects.Claim) bool {
	if a.Site() == b.Site() || shared(a, b) == "" || !pass.Effects.SameObject(a, b) {
		return false
	}
	if !b.Apply {
		return false // an update by the same component is ownership/mixed-verbs
	}
	x, ok1 := a.Manager.Text.Constant()
	y, ok2 := b.Manager.Text.Constant()
	return ok1 && ok2 && x != y && !keyedList(shared(a, b))
}

// keyedList tells whether a field is a list that the server merges by key, or holds one: two managers own entries of it
// side by side.
func keyedList(path string) bool {
	for _, list := range []string{"Status.Conditions", "Conditions", "Finalizers", "OwnerReferences"} {
		if effects.Overlaps(path, list) {
			return true
		}
	}
	return false
}

func reportSteals(pass *rule.Pass, a, b *effects.Claim) {
	field := shared(a, b)
	r := report(pass, a)
	r.About = kindName(a) + " " + field
	r.Severity, r.Reason = finding.High, "both writers are part of this program"
	r.Message = fmt.Sprintf("the forced apply as %s takes %s of %s from %s, which applies it as %s; whoever comes last wins, and the other does not hear of it",
		managerName(a.Manager), field, kindName(a), program.Name(b.Func()), managerName(b.Manager))
	r.Related = []rule.Related{related(b, "applies "+field+" as "+managerName(b.Manager))}
	s := rule.NewScenario()
	x, y := s.Actor(program.Name(a.Func()), runs(pass, a.Site())), s.Actor(program.Name(b.Func()), runs(pass, b.Site()))
	y.Step(b.Site().Pos(), "applies "+field, field+" is what it wants, owned by "+managerName(b.Manager))
	x.Step(a.Site().Pos(), "applies "+field+" with force", field+" is overwritten, owned by "+managerName(a.Manager))
	s.Outcome("what %s wrote to %s is gone without a conflict", program.Name(b.Func()), field)
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Leave the field to one of the two.", Sketch: "// leave " + field + " out of what is sent here:\n" + pass.Words(a.Site()).Call()}
	pass.Report(r)
}

// checkManyManagers tells about an apply that sends the same fields under a manager that its callers choose.
func checkManyManagers(pass *rule.Pass, claims []*effects.Claim) {
	told := make(map[ssa.Instruction]bool)
	for _, c := range claims {
		if told[c.Site()] || !c.Apply || !c.Force || len(c.Manager.Text.Forms) < 2 || !c.Manager.Text.Constants() || !madeHere(pass, c) {
			continue
		}
		told[c.Site()] = true
		callers := managerCallers(pass, c)
		if len(callers) < 2 {
			continue // one caller that chooses: one writer
		}
		reportManyManagers(pass, c, callers)
	}
}

// madeHere tells whether the applied object is made where it is applied, so that all callers send the same fields.
func madeHere(pass *rule.Pass, c *effects.Claim) bool {
	s := pass.Effects.Part(c.Site())
	if s == nil || c.Sub != "status" {
		return false
	}
	switch s.Write.Root.(type) {
	case *ssa.Parameter, *ssa.FreeVar:
		return false
	}
	for _, ch := range s.Changes() {
		for _, p := range ch.Deps().Places {
			if param, ok := p.Root.(*ssa.Parameter); ok && strings.Contains(typeName(param.Type()), "Condition") {
				return false // callers hand in what is applied, each an entry of its own
			}
		}
	}
	return true
}

// managerCallers returns the callers that hand the manager to the function of the apply.
func managerCallers(pass *rule.Pass, c *effects.Claim) []ssa.CallInstruction {
	var out []ssa.CallInstruction
	for _, edge := range pass.Program.Callers(c.Func()) {
		if !pass.Program.InTest(edge.Caller()) && !pass.Program.TestSupport(edge.Caller()) {
			out = append(out, edge.Site)
		}
	}
	return out
}

func reportManyManagers(pass *rule.Pass, c *effects.Claim, callers []ssa.CallInstruction) {
	r := report(pass, c)
	r.About = kindName(c) + " managers"
	r.Severity, r.Reason = finding.High, "all callers are part of this program"
	r.Message = fmt.Sprintf("the same fields of %s are applied with force under several managers, %s; each caller takes them from the one before, and none can remove what another owns", kindName(c), managerName(c.Manager))
	for _, site := range callers {
		r.Related = append(r.Related, rule.Related{Func: site.Parent(), Pos: site.Pos(), Message: "chooses the manager"})
	}
	s := rule.NewScenario()
	x, y := s.Actor(program.Name(callers[0].Parent()), runs(pass, callers[0])), s.Actor(program.Name(callers[1].Parent()), runs(pass, callers[1]))
	x.Step(callers[0].Pos(), "applies as its manager", "the fields are owned by the first manager")
	y.Step(callers[1].Pos(), "applies the same fields as another manager", "the fields are owned by both, or taken")
	s.Outcome("an apply of one manager that leaves a field out does not remove it: the other still owns it")
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Apply these fields under one manager, whoever asks for it.", Sketch: pass.Words(c.Site()).Fill("$client.FieldOwner(manager) // manager: one constant for all who call $func", "func", program.Name(c.Func()))}
	pass.Report(r)
}
