// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// CheckThenAct reports a decision on a guarded value that is acted upon after the lock was let go.
var CheckThenAct = &rule.Rule{
	ID:       "mutex/check-then-act",
	Title:    "a guarded value is tested under one lock and changed under the next",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1",
	Doc:      rule.Page(pages, "check_then_act.md"),
	Check:    checkThenAct,
}

func checkThenAct(p *rule.Pass) {
	for _, c := range p.Effects.Memory().StaleChecks() {
		if !p.Watched(c.Act.Func()) || !matters(p, c) && !p.Strict {
			continue // both come to the same entry, and the one that is replaced holds nothing
		}
		tellStale(p, c)
	}
	for _, u := range p.Effects.Memory().Updates() {
		if p.Watched(u.Put.Parent()) {
			tellUpdate(p, u)
		}
	}
}

// tellUpdate tells of an entry that is read and stored by two locked calls.
func tellUpdate(p *rule.Pass, u memory.Update) {
	fn := u.Put.Parent()
	name, get, put := u.Container.String(), effects.Describe(u.Get), effects.Describe(u.Put)
	one, two := "goroutine 1", "goroutine 2"
	severity, reason := finding.Medium, "who calls at the same time is out of sight; the lock of "+name+" says that somebody does"
	if u.Meeting.Sure() {
		severity, reason = finding.High, "two goroutines that come together both compute from the old entry"
		one, two = u.Meeting.A.String(), u.Meeting.B.String()
		if one == two {
			one, two = one+" (1)", two+" (2)"
		}
	}
	s := rule.NewScenario()
	first, second := s.Actor(one, "runs "+program.Name(fn)), s.Actor(two, "runs "+program.Name(fn)+" too")
	first.Step(siteOf(u.Get), "reads the entry of "+name+" with "+get, "5")
	second.Step(siteOf(u.Get), "reads the same entry", "5")
	first.Step(siteOf(u.Put), "stores what it computed with "+put, "5 + 1 = 6")
	second.Step(siteOf(u.Put), "stores what it computed", "5 + 2 = 7")
	s.Outcome("the entry of %s is 7 in place of 8: the first change is lost", name)
	where, proof := domain(p, u.Put)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(u.Put), About: name, Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s stores what was computed from an entry that %s returned; each call is locked, and a change between the two is lost", put, get),
		Domain:  where, Proof: proof,
		Related:  []rule.Related{{Func: fn, Pos: siteOf(u.Get), Message: "the entry is read here"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "give the container a method that reads, computes and stores under one lock",
			Sketch:      fmt.Sprintf("// a method of what %s is, which holds its lock all the while:\n%s\n%s", name, p.WordsAt(fn, siteOf(u.Get)).Line(), p.WordsAt(fn, siteOf(u.Put)).Line()),
		},
	})
}

func tellStale(p *rule.Pass, c memory.StaleCheck) {
	fn := c.Act.Func()
	name, lock := c.Act.Place.String(), lockName(c.Second.Lock)
	s := rule.NewScenario()
	one, two := c.Meeting.A.String(), c.Meeting.B.String()
	if one == two {
		one, two = one+" (1)", two+" (2)"
	}
	first, second := s.Actor(one, "runs "+program.Name(fn)), s.Actor(two, "runs "+program.Name(fn)+" too")
	first.Step(siteOf(c.Check.At), "tests "+name+" under "+lock, "and lets go of the lock")
	second.Step(siteOf(c.Check.At), "tests "+name+" under "+lock, "the answer is the same")
	first.Step(siteOf(c.Act.At), "writes "+name, "")
	second.Step(siteOf(c.Act.At), "writes "+name+" as well", "on an answer that no longer holds")
	s.Outcome("both act: the second overwrites what the first has stored in %s", name)

	severity, reason := finding.High, "two goroutines that come together both see the old value"
	if !matters(p, c) {
		severity, reason = finding.Medium, "both fill the entry: the second replaces what the first has given away"
	}
	tested, why := askedAgain(p, c), "asked again: somebody may have been faster"
	if tested == "unchanged" {
		why += fmt.Sprintf("; unchanged: what line %d tests", p.Program.Fset.Position(siteOf(c.Check.At)).Line)
	}
	where, proof := domain(p, c.Act.At)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(c.Act.At), About: name,
		Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s is written on a test made under an earlier %s of %s; what was tested can have changed in between",
			name, c.First.Mode, lock),
		Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: c.Check.Func(), Pos: siteOf(c.Check.At), Message: name + " is tested here"},
			{Func: fn, Pos: siteOf(c.Second.Site), Message: "the lock is taken again here, and nothing is tested again"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "test again after the lock was taken for the write",
			Sketch: p.WordsAt(fn, siteOf(c.Act.At)).Fill("$lock.$mode()\nif $tested { // $why\n\t$write\n}\n$lock.$unlock()",
				"lock", spelled(p, c.Second), "mode", fmt.Sprint(c.Second.Mode), "unlock", unlockOf(c.Second.Mode),
				"tested", tested, "why", why, "write", p.WordsAt(fn, siteOf(c.Act.At)).Line()),
		},
	})
}

// askedAgain tests again what was tested before: the entry of a map by the key that is written, else by the condition itself;
// "unchanged" where there is none to repeat.
func askedAgain(p *rule.Pass, c memory.StaleCheck) string {
	for _, n := range p.Program.Enclosing(siteOf(c.Act.At)) {
		set, ok := n.(*ast.AssignStmt)
		if !ok || len(set.Lhs) != 1 || !c.Act.Map() {
			continue
		}
		if at, ok := set.Lhs[0].(*ast.IndexExpr); ok {
			if onlyKnown(c) {
				return "_, known := " + p.Program.Source(at) + "; known"
			}
			return "_, known := " + p.Program.Source(at) + "; !known"
		}
	}
	if tested := p.WordsAt(c.Check.Func(), siteOf(c.Check.At)).Condition(); tested != "" && !strings.Contains(tested, "\n") {
		return tested
	}
	return "unchanged"
}

// onlyKnown tells whether the write comes only where the map had the entry.
func onlyKnown(c memory.StaleCheck) bool {
	look, ok := c.Check.At.(*ssa.Lookup)
	if !ok || c.Check.Func() != c.Act.Func() || look.Referrers() == nil {
		return false
	}
	for _, ref := range *look.Referrers() {
		found, ok := ref.(*ssa.Extract)
		if !ok || found.Index != 1 {
			continue
		}
		for _, use := range *found.Referrers() {
			if test, ok := use.(*ssa.If); ok && test.Block().Succs[0].Dominates(c.Act.At.Block()) {
				return true
			}
		}
	}
	return false
}

// matters tells whether it makes a difference that two goroutines act: what is replaced is to be closed or was given away
// and changes, or something is counted along with it.
func matters(p *rule.Pass, c memory.StaleCheck) bool {
	return !fillsCache(c.Act) || c.Counts(p.Program) || p.Effects.Memory().Replaces(c)
}

// fillsCache tells whether the write puts a value into a map that holds nothing to be closed: done twice, work is lost.
func fillsCache(a *memory.Access) bool {
	if call, ok := a.At.(*ssa.Call); ok {
		t := program.Target(call)
		return t != nil && t.Pkg() != nil && t.Pkg().Path() == "k8s.io/apimachinery/pkg/util/sets" && t.Name() == "Insert"
	}
	update, ok := a.At.(*ssa.MapUpdate)
	if !ok {
		return false
	}
	methods := types.NewMethodSet(update.Value.Type())
	for i := range methods.Len() {
		switch methods.At(i).Obj().Name() {
		case "Close", "Stop", "Cancel", "Shutdown":
			return false
		}
	}
	return true
}
