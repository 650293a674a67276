// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var borrowedVersion = &rule.Rule{
	ID:       "rmw/borrowed-version",
	Title:    "an object is sent with the resourceVersion of another read",
	Severity: finding.Critical,
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "borrowed_version.md"),
	Check:    checkBorrowedVersion,
}

func checkBorrowedVersion(pass *rule.Pass) {
	carriedOlder(pass, true)
	for _, fn := range pass.Program.Funcs {
		if pass.Program.InTest(fn) || pass.Program.TestSupport(fn) || pass.Program.Generated(fn) {
			continue
		}
		for _, ev := range pass.Effects.Events(fn) {
			if ev.Kind == effects.Change && ev.Path == "ResourceVersion" && len(ev.Chain) == 0 {
				checkVersion(pass, fn, ev)
			}
			if ev.Kind == effects.Change && ev.Path == "Status" && len(ev.Chain) == 0 {
				checkWhole(pass, fn, ev)
			}
		}
	}
}

// checkVersion looks at one assignment to a resourceVersion: of an object that was read and changed, from another read.
func checkVersion(pass *rule.Pass, fn *ssa.Function, set *effects.Event) {
	from, ok := lender(pass, fn, set)
	if !ok {
		return // not taken from an object that was read here
	}
	old := readOf(pass, fn, set.Object)
	if old == nil {
		old = pass.Effects.ReadAbove(fn, set.Object)
	} else if !effects.MayPrecede(old.At, set.At) {
		return // read only later
	}
	if old == nil {
		return // made from scratch: all of it is meant, whatever is stored
	}
	if renamed(pass, fn, set.Object) {
		return // a model for another object: the two reads are of different ones
	}
	change := changeOf(pass, fn, set)
	if change == nil {
		change = pass.Effects.ChangeAbove(fn, set.Object, isContent)
	}
	if change == nil {
		return // nothing was changed: it is only brought up to date
	}
	domain := pass.Program.DomainAt(set.At)
	worst := domain.Worst()
	if worst == program.Test {
		return
	}
	kind := objectKind(set.Object)
	s := rule.NewScenario()
	a := s.Actor("replica A", runs(domain.Proof(worst), program.Name(fn)))
	b := s.Actor("another writer", "anybody who writes the same "+kind)
	a.Step(old.Pos(), "reads the "+kind, "resourceVersion 41")
	b.Step(from.Pos(), "stores a change of "+change.Path, "resourceVersion 42")
	a.Step(from.Pos(), "reads it again", "resourceVersion 42, with the other change")
	a.Step(set.Pos(), "copies only the version onto what was computed from the first read", "values of 41, version 42")
	s.Outcome("the write passes the check of the version and overwrites the change that version 42 brought")
	pass.Report(rule.Report{
		Func: fn, Pos: set.Pos(), Severity: finding.Critical,
		Message: fmt.Sprintf("%s gets the resourceVersion of a later read, while %s was computed from an earlier one; the version check passes and what changed in between is overwritten", kind, change.Path),
		About:   kind + " ResourceVersion", Domain: worst, Proof: domain.Proof(worst),
		Related: []rule.Related{
			{Func: old.Func(), Pos: old.Pos(), Message: "the values come from this read"},
			{Func: from.Func(), Pos: from.Pos(), Message: "the version comes from this read"},
			{Func: change.Func(), Pos: change.Pos(), Message: change.Path + " is changed here"},
		},
		Scenario: s,
		Fix: rule.Fix{Description: "Decide and change on the object that carries the version.",
			Sketch: pass.Words(from.Origin).Fill("// behind the second read: does the change still hold? Then make it on what was read, and send that\n$fresh.$path = $old.$path",
				"fresh", pass.Words(from.Origin).Object(), "old", pass.Holder(change), "path", change.Path)},
	})
}

// lender returns the read of the object that a version is copied from: of the same kind, and not the object itself.
func lender(pass *rule.Pass, fn *ssa.Function, set *effects.Event) (*effects.Event, bool) {
	for _, p := range set.Deps().Places {
		if p.Path != "ResourceVersion" && !(p.Path == "" && asksForVersion(set.Origin)) || p.Object == set.Object || objectKind(p.Object) != objectKind(set.Object) {
			continue
		}
		if read := readOf(pass, fn, p.Object); read != nil && read.Object != set.Object {
			return read, true
		}
	}
	return nil, false
}

// asksForVersion tells whether a setter gets what GetResourceVersion gives.
func asksForVersion(setter ssa.Instruction) bool {
	site, ok := setter.(ssa.CallInstruction)
	if !ok || len(site.Common().Args) == 0 {
		return false
	}
	getter, ok := site.Common().Args[len(site.Common().Args)-1].(*ssa.Call)
	if !ok {
		return false
	}
	t := program.Target(getter)
	return t != nil && t.Name() == "GetResourceVersion"
}

// readOf returns the read in fn that fills an object, what it was copied from, or the list that it is an element of.
func readOf(pass *rule.Pass, fn *ssa.Function, o effects.Object) *effects.Event {
	kin := pass.Effects.KinOf(fn, o)
	for _, ev := range pass.Effects.Events(fn) {
		if ev.Kind != effects.Read {
			continue
		}
		for _, k := range kin {
			if k.Root == ev.Root {
				return ev
			}
		}
	}
	return nil
}

// renamed tells whether an object is given another name: a copy of it is to replace the object that has that name.
func renamed(pass *rule.Pass, fn *ssa.Function, o effects.Object) bool {
	return slices.ContainsFunc(pass.Effects.Events(fn), func(ev *effects.Event) bool {
		return ev.Kind == effects.Change && ev.Object == o && ev.Path == "Name"
	})
}

// changeOf returns a change of the object that its own read has to answer for.
func changeOf(pass *rule.Pass, fn *ssa.Function, set *effects.Event) *effects.Event {
	for _, ev := range pass.Effects.Events(fn) {
		if ev.Kind == effects.Change && ev.Object == set.Object && isContent(ev.Path) {
			return ev
		}
	}
	return nil
}

// isContent tells whether a field says more than which object it is.
func isContent(path string) bool {
	switch path {
	case "ResourceVersion", "ManagedFields", "UID", "Namespace", "Name", "":
		return false
	}
	return true
}

// objectKind names the kind of an object by the type of what holds it.
func objectKind(o effects.Object) string {
	if o.Root == nil {
		return ""
	}
	t := o.Root.Type()
	for range 3 {
		if k, ok := kube.KindOf(t); ok && k.Name != "" {
			return k.Name
		}
		switch u := t.Underlying().(type) {
		case *types.Pointer:
			t = u.Elem()
		case *types.Slice:
			t = u.Elem()
		}
	}
	return "object"
}
