// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var generationRegress = &rule.Rule{
	ID:       "monotonic/generation-regress",
	Title:    "observedGeneration names another read than the one that was acted on",
	Severity: finding.Medium,
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "generation_regress.md"),
	Check:    checkGenerationRegress,
}

func checkGenerationRegress(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		events := pass.Effects.Events(fn)
		for _, ch := range events {
			if ch.Kind != effects.Change || len(ch.Chain) > 0 || ch.Path != "Status.ObservedGeneration" || !ch.Deps().On(ch.Object, "Generation") {
				continue // not the generation of the object that is written
			}
			fresh := freshRead(events, ch.Object)
			older := olderStatus(events, ch.Object)
			if fresh == nil || older == nil || olderGeneration(ch) {
				continue // read elsewhere, or all of the status belongs to this read
			}
			reportGeneration(pass, fn, ch, fresh, older)
			break // one function, one finding
		}
	}
}

// freshRead returns the read in a function that fills an object.
func freshRead(events []*effects.Event, o effects.Object) *effects.Event {
	for _, ev := range events {
		if ev.Kind == effects.Read && ev.Object == o {
			return ev
		}
	}
	return nil
}

// olderStatus returns the change that copies the status, or a part of it, of another object of the same kind: one that the
// function was handed, or captured.
func olderStatus(events []*effects.Event, o effects.Object) *effects.Event {
	for _, ev := range events {
		if ev.Kind != effects.Change || ev.Object != o || !strings.HasPrefix(ev.Path, "Status") || ev.Path == "Status.ObservedGeneration" {
			continue
		}
		for _, p := range ev.Deps().Places {
			switch p.Root.(type) {
			case *ssa.Parameter, *ssa.FreeVar:
				if p.Object != o && p.Path == ev.Path && sameKind(p.Root, o.Root) {
					return ev
				}
			}
		}
	}
	return nil
}

// sameKind tells whether two variables hold objects of one kind.
func sameKind(a, b ssa.Value) bool {
	x, ok1 := kindOf(a)
	y, ok2 := kindOf(b)
	return ok1 && ok2 && x.Same(y)
}

// kindOf returns the kind of the object that a variable, or the pointer in it, holds.
func kindOf(v ssa.Value) (kube.Kind, bool) {
	t := v.Type()
	for range 2 {
		if k, ok := kube.KindOf(t); ok && k.Name != "" {
			return k, true
		}
		ptr, ok := t.Underlying().(*types.Pointer)
		if !ok {
			break
		}
		t = ptr.Elem()
	}
	return kube.Kind{}, false
}

// olderGeneration tells whether the generation of another object takes part, too.
func olderGeneration(ch *effects.Event) bool {
	for _, p := range ch.Deps().Places {
		if p.Object != ch.Object && p.Path == "Generation" {
			return true
		}
	}
	return false
}

func reportGeneration(pass *rule.Pass, fn *ssa.Function, ch, fresh, older *effects.Event) {
	k, _ := kindOf(ch.Root)
	set := pass.Program.DomainAt(ch.At)
	w := rule.Where{Domain: set.Worst()}
	if w.Proof = set.Proof(w.Domain); w.Proof != nil {
		w.Entry = w.Proof.Entry
	}
	sc := rule.NewScenario()
	a, user := sc.Actor(w.Actor(fn), w.Runs()), sc.Actor("user", "a client of the API")
	a.Step(fn.Pos(), "has computed the status from a "+k.Name+" that it read before", "generation 3")
	user.Step(fresh.Pos(), "changes the spec", "generation 4")
	a.Step(fresh.Pos(), "reads the "+k.Name+" again", "generation 4")
	a.Step(older.Pos(), "puts the older status onto it", older.Path+" of generation 3")
	a.Step(ch.Pos(), "claims to have observed what it read last", "observedGeneration = 4")
	sc.Outcome("whoever waits for generation 4 takes the status of generation 3 for its result")
	pass.Report(rule.Report{
		Func: fn, Pos: ch.Pos(), Severity: finding.Medium, Reason: "the spec must change between the two reads",
		Message: fmt.Sprintf("observedGeneration of the %s is that of a fresh read, while %s was computed from an older one; a change of the spec in between passes for observed", k.Name, older.Path),
		About:   k.Name + " observedGeneration", Domain: w.Domain, Proof: w.Proof,
		Related: []rule.Related{
			{Func: fresh.Func(), Pos: fresh.Pos(), Message: "the fresh read"},
			{Func: older.Func(), Pos: older.Pos(), Message: "the older status is put onto it here"},
		},
		Scenario: sc,
		Fix: rule.Fix{
			Description: "record the generation that the status was computed from",
			Sketch:      pass.Words(ch.Origin).Fill("$fresh.$path = generation // generation: that of the object which $older was computed from", "fresh", pass.Holder(ch), "path", ch.Path, "older", older.Path),
		},
	})
}
