// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var mutatesKept = &rule.Rule{
	ID:        "cache/mutates-kept",
	Title:     "an object that the program keeps for others is changed without the lock",
	Checklist: []string{"3.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Across:    true, // changes of API objects, under locks
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "mutates_kept.md"),
	Check:     checkMutatesKept,
}

func checkMutatesKept(pass *rule.Pass) {
	for _, kept := range pass.Effects.KeptChanges() {
		if pass.Reviewed(kept.Func) {
			_, line, _ := pass.Program.Position(kept.Given.Pos())
			reportKept(pass, shared{
				fn: kept.Func, kind: kindOfType(kept.Type), place: kept.Put.Place.String(), guard: kept.Guard.String(), change: kept.Change, read: kept.Read,
				met:     kept.Given.Pos(),
				how:     fmt.Sprintf("is kept in %s since %s gave it there (line %d)", kept.Put.Place, program.Name(kept.Func), line),
				step:    "puts the object into " + kept.Put.Place.String(),
				related: rule.Related{Func: kept.Put.Func(), Pos: effects.Position(kept.Put.At), Message: kept.Put.Place.String() + " keeps it"},
			})
		}
	}
	for _, taken := range pass.Effects.TakenChanges() {
		if pass.Reviewed(taken.Func) {
			_, line, _ := pass.Program.Position(taken.Got.Pos())
			reportKept(pass, shared{
				fn: taken.Func, kind: kindOfType(taken.Type), place: taken.Found.Place.String(), guard: taken.Guard.String(), change: taken.Change, read: taken.Read,
				met:     taken.Got.Pos(),
				how:     fmt.Sprintf("that %s got (line %d) is the one that %s keeps", program.Name(taken.Func), line, taken.Found.Place),
				step:    "gets the object from " + taken.Found.Place.String(),
				related: rule.Related{Func: taken.Found.Func(), Pos: effects.Position(taken.Found.At), Message: "it is handed out here, without a copy"},
			})
		}
	}
	for _, given := range pass.Effects.GivenChanges() {
		if pass.Reviewed(given.Func) {
			reportGiven(pass, given)
		}
	}
}

// reportGiven tells of an object that a goroutine has.
func reportGiven(pass *rule.Pass, given effects.GivenChange) {
	fn, ev, kind := given.Func, given.Change, kindOfType(given.Type)
	where := pass.Where(fn)
	at, read := effects.Position(ev.At), effects.Position(given.Read)
	change := changeOf(ev)
	_, line, _ := pass.Program.Position(given.Go.Pos())
	s := rule.NewScenario()
	a, b := s.Actor(where.Actor(fn), where.Runs()), s.Actor("the goroutine", "runs beside it")
	a.Step(given.Go.Pos(), "starts the goroutine, which has the "+kind+" itself", "nothing waits for it")
	b.Step(read, "reads it", "the same object")
	a.Step(at, change, "at the same time")
	s.Outcome("a data race: what the goroutine reads is half old and half new, and a map that is written meanwhile ends the process")
	pass.Report(rule.Report{
		Func: fn, Pos: at, Severity: finding.High, Reason: "nothing waits for the goroutine",
		Message: fmt.Sprintf("a goroutine has the %s since line %d and reads it, and %s %s without a wait for it", kind, line, program.Name(fn), change),
		About:   kind + " given to a goroutine", Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: fn, Pos: given.Go.Pos(), Message: "the goroutine is started here"},
			{Func: given.Read.Parent(), Pos: read, Message: "it reads the object here"},
		},
		Scenario: s,
		Fix:      rule.Fix{Description: "Give the goroutine a copy.", Sketch: copyFirst(pass, ev, fmt.Sprintf(" // before the go statement at line %d, for the goroutine", line))},
	})
}

// changeOf says what a change does.
func changeOf(ev *effects.Event) string {
	if ev.Call != nil && (ev.Call.Effect.IsWrite() || ev.Call.Effect.IsRead()) {
		return "lets the client decode the server's answer into it"
	}
	return "sets " + ev.Path
}

func kindOfType(t types.Type) string {
	if k, ok := kube.KindOf(t); ok && k.Name != "" {
		return k.Name
	}
	return "object"
}

// shared is an object in a map of the program that a function changes.
type shared struct {
	fn                 *ssa.Function
	kind, place, guard string
	// met is where the function gives the object away, or gets it; how and step say so.
	met       token.Pos
	how, step string
	change    *effects.Event
	read      *memory.Access
	related   rule.Related
}

func reportKept(pass *rule.Pass, o shared) {
	where := pass.Where(o.fn)
	ev := o.change
	change := changeOf(ev)
	at, read := effects.Position(ev.At), effects.Position(o.read.At)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(o.fn), where.Runs())
	b := s.Actor(program.Name(o.read.Func()), "another goroutine")
	a.Step(o.met, o.step, o.guard+" is free again")
	b.Step(read, fmt.Sprintf("takes it from there with %s held, and reads it", o.guard), "it is the same object")
	a.Step(at, change, o.guard+" is not held")
	s.Outcome("a data race: what is read is half old and half new, and a map that is written meanwhile ends the process")
	related := []rule.Related{
		{Func: o.fn, Pos: o.met, Message: o.step + " here"},
		o.related,
		{Func: o.read.Func(), Pos: read, Message: "others find it here"},
	}
	if ev.Origin != ev.At {
		related = append(related, rule.Related{Func: ev.Func(), Pos: ev.Pos(), Message: "the change itself"})
	}
	pass.Report(rule.Report{
		Func: o.fn, Pos: at, Severity: finding.High, Reason: program.Name(o.read.Func()) + " may read it at the same time",
		Message: fmt.Sprintf("the %s %s, and %s %s without %s; whoever else takes the object from there reads it meanwhile",
			o.kind, o.how, program.Name(o.fn), change, o.guard),
		About: o.kind + " kept in " + o.place, Domain: where.Domain, Proof: where.Proof,
		Related: related, Scenario: s,
		Fix: rule.Fix{
			Description: "Keep a copy, or change one.",
			Sketch:      copyFirst(pass, ev, " // before the change"),
		},
	})
}
