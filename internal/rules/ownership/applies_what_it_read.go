// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var appliesWhatItRead = &rule.Rule{
	ID:        "ownership/applies-what-it-read",
	Title:     "an object that was read from the server is applied as a whole",
	Checklist: []string{"7.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "applies_what_it_read.md"),
	Check:     checkAppliesWhatItRead,
}

func checkAppliesWhatItRead(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, c := range pass.Effects.Claims() {
		if !c.Apply || told[c.Site()] || c.Kind().Form == kube.ApplyConfiguration {
			continue // apply configurations hold what was put into them
		}
		if read := filledBy(c); read != nil {
			told[c.Site()] = true
			reportAppliesRead(pass, c, read)
		}
	}
}

// filledBy returns the read that fills the applied object itself on every way to the apply; nil if there is none.
func filledBy(c *effects.Claim) *effects.Event {
	w := c.Story.Write
	if w.Partial {
		return nil // a new object that takes over some of what was read
	}
	for _, ev := range c.Story.Reads() {
		if ev.Object == w.Object && effects.MustPrecede(ev.At, w.At) && !replaced(c, ev) {
			return ev
		}
	}
	return nil
}

// replaced tells whether the whole content of an Unstructured is set anew after it was read.
func replaced(c *effects.Claim, read *effects.Event) bool {
	for _, ch := range c.Story.Changes() {
		_, whole := ch.Origin.(*ssa.Store)
		if whole && ch.Path == "Object" && c.Kind().Form == kube.Unstructured && effects.MayPrecede(read.At, ch.At) {
			return true
		}
	}
	return false
}

// cleared tells whether the managed fields are taken out before the apply.
func cleared(c *effects.Claim) bool {
	for _, ch := range c.Story.Changes() {
		if ch.Path == "ManagedFields" {
			return true
		}
	}
	return false
}

func reportAppliesRead(pass *rule.Pass, c *effects.Claim, read *effects.Event) {
	consequence := "the manager claims every field of the object, those of others included, and can never let go of one"
	if !cleared(c) {
		consequence = "it carries managedFields, which the API server refuses"
	}
	r := report(pass, c)
	r.About = kindName(c)
	r.Severity, r.Reason = finding.High, "every field of the object is concerned"
	r.Message = fmt.Sprintf("the apply sends the %s as it was read; %s", kindName(c), consequence)
	r.Related = []rule.Related{{Func: read.Func(), Pos: read.Pos(), Message: "read here"}}
	s := rule.NewScenario()
	a := s.Actor("this controller", runs(pass, c.Site()))
	b := s.Actor("another controller", "owns a field of the object")
	a.Step(read.Pos(), "reads the object", "with the fields of all managers")
	b.Step(read.Pos(), "changes its field", "new value")
	a.Step(c.Site().Pos(), "applies what it read", "the old value is back, and claimed")
	s.Outcome("%s", consequence)
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Apply a configuration made from scratch, with the fields that this controller decides.", Sketch: pass.Words(c.Site()).Fill("// $obj: made anew, with name, namespace and the fields that this controller decides\n$call")}
	pass.Report(r)
}
