// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// LeakedAlias reports a getter that takes the lock and returns the map or slice itself, which the caller then uses without.
var LeakedAlias = &rule.Rule{
	ID:       "mutex/leaked-alias",
	Title:    "a locked getter returns the guarded map or slice itself",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1",
	Doc:      rule.Page(pages, "leaked_alias.md"),
	Check:    leakedAlias,
}

func leakedAlias(p *rule.Pass) {
	for _, leak := range p.Effects.Memory().Leaks() {
		if p.Watched(leak.Load.Parent()) {
			tellLeak(p, leak)
		}
	}
	for _, sent := range p.Effects.Memory().SentMaps() {
		if p.Watched(sent.From.Parent()) && p.Watched(sent.Change.Func()) {
			tellSent(p, sent)
		}
	}
	for _, pooled := range p.Effects.Memory().PooledChanges() {
		if p.Watched(pooled.Change.Parent()) && p.Watched(pooled.Found.Parent()) {
			tellPooled(p, pooled)
		}
	}
}

// tellSent tells of a map that the sender goes on to change.
func tellSent(p *rule.Pass, sent memory.SentMap) {
	fn, name := sent.From.Parent(), sent.Place.String()
	s := rule.NewScenario()
	actor, runs := runner(p, sent.Change.Func())
	first := s.Actor(actor, runs)
	second := s.Actor("receiver", "has the map itself")
	first.Step(siteOf(sent.Send), "sends the map that "+name+" holds", "both have it now")
	first.Step(siteOf(sent.Change.At), "changes an entry of "+name, "the receiver goes through the map at the same time")
	second.Step(siteOf(sent.Send), "reads the map that it got", "")
	s.Outcome("fatal error: concurrent map access; the process ends")
	where, proof := domain(p, sent.From)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(sent.From), About: name,
		Severity: finding.High, Reason: "Go ends the process when a map is written and used at the same time",
		Message: fmt.Sprintf("the map that %s holds is sent to another goroutine itself, and %s changes it in place later",
			name, program.Name(sent.Change.Func())),
		Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: sent.Send.Parent(), Pos: siteOf(sent.Send), Message: "it is sent here"},
			{Func: sent.Change.Func(), Pos: siteOf(sent.Change.At), Message: name + " is changed in place here"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "send a copy",
			Sketch:      p.WordsAt(fn, siteOf(sent.From)).Fill("copied := maps.Clone($field) // with the lock held; then send copied", "field", p.WordsAt(fn, siteOf(sent.From)).Selected(lastName(name))),
		},
	})
}

func tellLeak(p *rule.Pass, leak memory.Leak) {
	fn := leak.Return.Parent()
	name, guard, how := leak.Place.String(), leak.Guard.String(), "itself"
	copied := fmt.Sprintf("%ss.Clone(%s)", leak.Kind(), strings.TrimPrefix(leak.Expr(), "*"))
	sketch := "return " + copied
	if leak.Inside {
		how = "itself, in a struct"
		sketch = "copied := " + copied + " // into the struct that is returned"
	}
	s := rule.NewScenario()
	first := s.Actor("caller of "+program.Name(fn), "has the "+leak.Kind()+" itself, and no lock")
	actor, runs := runner(p, leak.Change.Func())
	second := s.Actor(actor, runs)
	first.Step(siteOf(leak.Load), fmt.Sprintf("gets %s", name), guard+" is free again")
	second.Step(siteOf(leak.Change.At), fmt.Sprintf("changes %s with %s held", name, guard), "the caller uses it at the same time")
	if leak.Kind() == "map" {
		s.Outcome("fatal error: concurrent map access; the process ends")
	} else {
		s.Outcome("the caller works with elements that change under its hands")
	}
	where, proof := domain(p, leak.Return)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(leak.Load), About: name,
		Severity: finding.High, Reason: "the lock is free when the caller looks",
		Message: fmt.Sprintf("%s is returned %s, and %s changes it in place under %s; callers use it without the lock",
			name, how, program.Name(leak.Change.Func()), guard),
		Domain: where, Proof: proof,
		Related:  []rule.Related{{Func: leak.Change.Func(), Pos: siteOf(leak.Change.At), Message: name + " is changed in place here"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "return a copy, made with the lock held",
			Sketch:      sketch,
		},
	})
}
