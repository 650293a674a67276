// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var mutatesShared = &rule.Rule{
	ID:        "cache/mutates-shared",
	Title:     "an object that an informer shares with all its readers is changed",
	Checklist: []string{"3.3"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "mutates_shared.md"),
	Check:     checkMutatesShared,
}

// cause is what one finding stands for: a function that changes shared objects.
type cause struct {
	fn   *ssa.Function
	root *ssa.Function
}

func checkMutatesShared(pass *rule.Pass) {
	var order []cause
	changes := make(map[cause][]effects.SharedChange)
	others := make(map[string][]effects.SharedChange) // the same change, of what other functions got
	for _, c := range pass.Effects.SharedChanges() {
		if !pass.Reviewed(c.Func) || !pass.Reviewed(c.Change.Func()) {
			continue // tests and generated code
		}
		if ofItsOwn(pass, c.Shared.Root.Type()) {
			continue // no informer brought that: the store is one that the program fills by itself
		}
		at := pass.Program.SortKey(c.Change.Pos())
		if others[at] = append(others[at], c); len(others[at]) > 1 {
			continue // a helper that several callers give shared objects to is one cause
		}
		key := cause{c.Change.Func(), c.Func}
		if changes[key] == nil {
			order = append(order, key)
		}
		changes[key] = append(changes[key], c)
	}
	for _, key := range order {
		first := changes[key][0]
		reportMutation(pass, first, changes[key][1:], others[pass.Program.SortKey(first.Change.Pos())][1:])
	}
}

// maxGivers bounds the other functions that a finding names.
const maxGivers = 8

func reportMutation(pass *rule.Pass, c effects.SharedChange, more, others []effects.SharedChange) {
	fn, ev := c.Change.Func(), c.Change
	where := pass.Where(c.Func)
	field := ev.Path
	kind := "object"
	if k, ok := kindOf(c); ok {
		kind = k
	}
	related := []rule.Related{{Func: c.Func, Pos: gotAt(c), Message: "the shared " + kind + " comes from here"}}
	if asked := c.Shared.Asked; asked != nil && asked != c.Shared.At {
		related = append(related, rule.Related{Func: asked.Parent(), Pos: asked.Pos(), Message: "a helper gets it here, and hands it on without a copy"})
	}
	for _, site := range ev.Chain {
		related = append(related, rule.Related{Func: site.Parent(), Pos: site.Pos(), Message: "it is handed on here, on its way to the change"})
	}
	for _, other := range more {
		related = append(related, rule.Related{Func: fn, Pos: other.Change.Pos(), Message: other.Change.Path + " is changed as well"})
	}
	named := []*ssa.Function{c.Func}
	for _, other := range others {
		if !slices.Contains(named, other.Func) && len(named) <= maxGivers {
			named = append(named, other.Func)
			related = append(related, rule.Related{Func: other.Func, Pos: gotAt(other), Message: "a shared " + kind + " comes from here as well"})
		}
	}
	severity, reason := damage(pass, append(more, c))
	how := "without a copy"
	if ev.Kind == effects.Borrow && ev.From.Root != nil {
		how = "through an object that took it over by value"
	}
	pass.Report(rule.Report{
		Func: fn, Pos: ev.Pos(),
		Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s of %s, the informer's own object, is changed %s; its other readers race with it, and the cache no longer says what the API server has",
			field, c.Shared.From, how),
		About:  "shared " + field,
		Domain: where.Domain, Proof: where.Proof,
		Related:  related,
		Scenario: corruption(pass, c, where, field, kind),
		Fix: rule.Fix{
			Description: "change a copy: DeepCopy the object before the first change",
			Sketch:      copyFirst(pass, ev, " // before the change at "+pass.Program.At(ev.Pos())),
		},
	})
}

// damage judges what changes of a shared object do: the worst of them counts.
func damage(pass *rule.Pass, all []effects.SharedChange) (finding.Severity, string) {
	some := func(is func(effects.SharedChange) bool) bool { return slices.ContainsFunc(all, is) }
	switch {
	case some(writesEntry):
		return finding.Critical, "Go ends the process when a map is written while another reader of the cache looks into it"
	case some(func(c effects.SharedChange) bool { return answersRequests(pass, c.Func) }):
		return finding.Critical, "each request changes what the next one reads, and several run at once"
	case !some(func(c effects.SharedChange) bool { return !pass.Effects.FixedAndUnread(c) }):
		return finding.Medium, "it is set to constants, which no other code in sight reads"
	}
	return finding.High, "a data race with every reader of the cache; when the write fails, the next try finds the cache changed already"
}

// writesEntry tells whether a change writes an entry of a map, or deletes one.
func writesEntry(c effects.SharedChange) bool {
	switch x := c.Change.Origin.(type) {
	case *ssa.MapUpdate:
		return true
	case *ssa.Call:
		b, ok := x.Call.Value.(*ssa.Builtin)
		return ok && (b.Name() == "delete" || b.Name() == "clear")
	}
	return false
}

// answersRequests tells whether a function runs for requests, of which several come at once.
func answersRequests(pass *rule.Pass, fn *ssa.Function) bool {
	return slices.ContainsFunc(pass.Program.EntriesOf(fn), func(e *program.Entry) bool {
		return e.Kind == program.EntryHTTP || e.Kind == program.EntryGRPC || e.Kind == program.EntryWebhook
	})
}

// gotAt is where the function gets the shared object: the read, or its own declaration where it is handed in.
func gotAt(c effects.SharedChange) token.Pos {
	if c.Shared.Handed {
		return c.Func.Pos()
	}
	return c.Shared.At.Pos()
}

// ofItsOwn tells whether a type is a struct of the program that is no object of the API.
func ofItsOwn(pass *rule.Pass, t types.Type) bool {
	named := program.Named(t)
	if named == nil || !pass.Program.OwnType(named) {
		return false
	}
	_, isStruct := named.Underlying().(*types.Struct)
	_, isKind := kube.KindOf(t)
	return isStruct && !isKind
}

func kindOf(c effects.SharedChange) (string, bool) {
	k, ok := kube.KindOf(c.Shared.Root.Type())
	return k.Name, ok && k.Name != ""
}

func corruption(pass *rule.Pass, c effects.SharedChange, where rule.Where, field, kind string) *rule.Scenario {
	s := rule.NewScenario()
	a := s.Actor(where.Actor(c.Func), where.Runs())
	b := s.Actor("any other reader of the informer", "a worker, a handler or the informer itself, in the same process")
	a.Step(gotAt(c), "gets "+c.Shared.From, "it is the object in the informer's store, not a copy")
	b.Step(gotAt(c), fmt.Sprintf("reads %s of the same %s", field, kind), "")
	sets := "sets " + field
	if c.Change.Kind == effects.Change && c.Change.Call != nil && c.Change.Call.Effect.IsWrite() {
		sets = "sends it, and the client writes the server's answer into it"
	}
	a.Step(c.Change.Pos(), program.Name(c.Change.Func())+" "+sets, "both touch the same memory without a lock")
	s.Outcome("a data race (concurrent map writes end the process), and a cache whose %s differs from the API server's until the object changes there", field)
	return s
}
