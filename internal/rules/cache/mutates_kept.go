// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var mutatesKept = &rule.Rule{
	ID:        "cache/mutates-kept",
	Title:     "an object is changed after it was put where others read it",
	Checklist: []string{"3.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "mutates_kept.md"),
	Check:     checkMutatesKept,
}

func checkMutatesKept(pass *rule.Pass) {
	for _, kept := range pass.Effects.KeptChanges() {
		if pass.Reviewed(kept.Func) {
			reportKept(pass, kept)
		}
	}
}

func reportKept(pass *rule.Pass, kept effects.KeptChange) {
	fn, ev := kept.Func, kept.Change
	where := pass.Where(fn)
	kind := "object"
	if k, ok := kube.KindOf(ev.Root.Type()); ok && k.Name != "" {
		kind = k.Name
	}
	place, guard := kept.Put.Place.String(), kept.Guard.String()
	change := "sets " + ev.Path
	if ev.Call != nil && (ev.Call.Effect.IsWrite() || ev.Call.Effect.IsRead()) {
		change = "lets the client decode the server's answer into it"
	}
	at, read := effects.Position(ev.At), effects.Position(kept.Read.At)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	b := s.Actor(program.Name(kept.Read.Func()), "another goroutine")
	a.Step(kept.Given.Pos(), fmt.Sprintf("puts the %s into %s", kind, place), guard+" is free again")
	b.Step(read, fmt.Sprintf("takes it from there with %s held, and reads it", guard), "it is the same object")
	a.Step(at, change, guard+" is not held")
	s.Outcome("a data race: what is read is half old and half new, and a map that is written meanwhile ends the process")
	related := []rule.Related{
		{Func: fn, Pos: kept.Given.Pos(), Message: "the object is handed over here"},
		{Func: kept.Put.Func(), Pos: effects.Position(kept.Put.At), Message: place + " keeps it"},
		{Func: kept.Read.Func(), Pos: read, Message: "others find it here"},
	}
	if ev.Origin != ev.At {
		related = append(related, rule.Related{Func: ev.Func(), Pos: ev.Pos(), Message: "the change itself"})
	}
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: finding.High, Reason: program.Name(kept.Read.Func()) + " may read it at the same time",
		Message: fmt.Sprintf("%s keeps the %s that %s gives it (line %d), and %s then %s without %s; whoever takes the object from there reads it meanwhile",
			place, kind, program.Name(fn), lineAt(pass, kept), program.Name(fn), change, guard),
		About: kind + " kept in " + place, Domain: where.Domain, Proof: where.Proof,
		Related: related, Scenario: s,
		Fix: rule.Fix{
			Description: "Keep a copy, or change one.",
			Sketch:      program.Name(kept.Put.Func()) + "(obj.DeepCopy())",
		},
	})
}

// lineAt is the line where the object is handed over.
func lineAt(pass *rule.Pass, kept effects.KeptChange) int {
	_, line, _ := pass.Program.Position(kept.Given.Pos())
	return line
}
