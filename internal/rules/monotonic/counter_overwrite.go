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
	var increments map[string][]increment
	for _, s := range pass.Effects.Stories() {
		if !reviewed(pass, s) || s.Write.Call.Effect == kube.Create {
			continue // a new object holds no count of others
		}
		for _, ch := range s.Sent() {
			if strings.HasSuffix(ch.Path, "[]") {
				continue // one entry of a map: which one is not told apart
			}
			if effects.ClassAt(s.Type(), ch.Path) != kube.Scalar || s.FromOld(ch) || ch.Deps().Constant {
				continue // no number, stored + delta, or a reset
			}
			memory := pass.Effects.Remembered(ch)
			w := where(pass, s)
			if len(memory) == 0 || w.Domain == program.Test {
				continue // not from this process's memory
			}
			if increments == nil {
				increments = findIncrements(pass)
			}
			if inc := incremented(increments, s, ch); inc != nil && !told.again(ch.Origin) {
				reportOverwrite(pass, s, ch, inc, memory[0], w)
			}
		}
	}
}

// An increment is a place of the program that adds to a stored field.
type increment struct {
	kind kube.Kind
	at   *effects.Event
}

// findIncrements finds all increments, by the path of the field.
func findIncrements(pass *rule.Pass) map[string][]increment {
	out := make(map[string][]increment)
	for _, s := range pass.Effects.Stories() {
		if !reviewed(pass, s) {
			continue
		}
		for _, ch := range s.Sent() {
			if !ch.Deps().Arithmetic || !s.FromOld(ch) {
				continue
			}
			if kind, ok := s.Kind(); ok {
				out[ch.Path] = append(out[ch.Path], increment{kind, ch})
			}
		}
	}
	return out
}

// incremented returns a place that adds to a field which is set here: it is a counter.
func incremented(increments map[string][]increment, s *effects.Story, ch *effects.Event) *effects.Event {
	kind, ok := s.Kind()
	if !ok {
		return nil
	}
	for _, inc := range increments[ch.Path] {
		if inc.kind.Same(kind) && inc.at.Origin != ch.Origin {
			return inc.at
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
			Sketch:      fmt.Sprintf("%s.%s += delta // delta: what was counted since the last write; read in the same attempt, sent with its version", pass.Holder(ch), ch.Path),
		},
	})
}
