// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var counterOverwrite = &rule.Rule{
	ID:        "monotonic/counter-overwrite",
	Title:     "a stored counter is replaced by the total of one process",
	Checklist: []string{"2.2"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "counter_overwrite.md"),
	Check:     checkCounterOverwrite,
}

func checkCounterOverwrite(pass *rule.Pass) {
	told := make(once)
	for _, s := range pass.Effects.Stories {
		if !reviewed(pass, s) || s.Write.Call.Effect == kube.Create {
			continue // a new object holds no count of others
		}
		for _, ch := range s.Sent() {
			if strings.HasSuffix(ch.Path, "[]") {
				continue // one entry of a map: which one is not told apart
			}
			if effects.ClassAt(s.Type(), ch.Path) != kube.Scalar || s.FromOld(ch) || ch.Deps.Constant {
				continue // no number, stored + delta, or a reset
			}
			memory := pass.Effects.Remembered(ch)
			w := where(pass, s)
			if len(memory) == 0 || w.Domain == program.Test {
				continue // not from this process's memory
			}
			if inc := increment(pass, s, ch); inc != nil && !told.again(ch.Origin) {
				reportOverwrite(pass, s, ch, inc, memory[0], w)
			}
		}
	}
}

// increment returns a place of the program that adds to the field: it is a counter.
func increment(pass *rule.Pass, s *effects.Story, ch *effects.Event) *effects.Event {
	kind, ok := s.Kind()
	if !ok {
		return nil
	}
	for _, other := range pass.Effects.Stories {
		if k, ok := other.Kind(); !ok || !k.Same(kind) || !reviewed(pass, other) {
			continue
		}
		for _, inc := range other.Sent() {
			if inc.Origin != ch.Origin && inc.Path == ch.Path && inc.Deps.Arithmetic && other.FromOld(inc) {
				return inc
			}
		}
	}
	return nil
}

func reportOverwrite(pass *rule.Pass, s *effects.Story, ch, inc *effects.Event, memory program.FieldKey, w rule.Where) {
	kind := kindName(s)
	sc := rule.NewScenario()
	b := sc.Actor("another writer", program.Name(inc.Func()))
	a := sc.Actor("this process", w.Actor(s.Func))
	a.Step(ch.Pos(), "has counted by itself", memory.String()+" = 4")
	b.Step(inc.Pos(), "adds to the stored counter", "stored: "+ch.Path+" = 7")
	a.Step(ch.Pos(), "sets "+ch.Path+" to its own total", "in memory: "+ch.Path+" = 4")
	a.Step(s.Write.Pos(), "sends the "+kind, "stored: "+ch.Path+" = 4")
	sc.Outcome("3 counts of the others are gone; a lock or a version changes nothing, since the stored value is not looked at")
	pass.Report(rule.Report{
		Func: ch.Func(), Pos: ch.Pos(), Severity: finding.Critical, Reason: "counts of other replicas, and those before a restart, are lost",
		Message: fmt.Sprintf("the counter %s of the %s is set to %s, the total of this process; what others added to it is gone", ch.Path, kind, memory),
		About:   kind + " " + ch.Path,
		Domain:  w.Domain, Proof: w.Proof,
		Related: []rule.Related{
			{Func: inc.Func(), Pos: inc.Pos(), Message: "others add to it here"},
			{Func: s.Write.Func(), Pos: s.Write.Pos(), Message: "the total is sent here"},
		},
		Scenario: sc,
		Fix: rule.Fix{
			Description: "keep what was not yet written in memory, and add it to the value that was read",
			Sketch:      fmt.Sprintf("obj.%s += delta // read in the same attempt, sent with its version", ch.Path),
		},
	})
}
