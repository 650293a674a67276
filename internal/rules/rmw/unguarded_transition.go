// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var unguardedTransition = &rule.Rule{
	ID:        "rmw/unguarded-transition",
	Title:     "a state decided on an older read is written onto a fresh object without testing it",
	Checklist: []string{"1.3"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "unguarded_transition.md"),
	Check:     checkUnguardedTransition,
}

func checkUnguardedTransition(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if pass.Program.InTest(fn) || pass.Program.TestSupport(fn) || pass.Program.Generated(fn) {
			continue
		}
		for _, ev := range pass.Effects.Events(fn) {
			if ev.Kind == effects.Change && len(ev.Chain) == 0 && isState(ev) && carriedOver(pass, fn, ev) {
				break // one function, one finding
			}
		}
	}
}

// isState tells whether a change sets a scalar of the status.
func isState(ev *effects.Event) bool {
	return strings.HasPrefix(ev.Path, "Status.") && !strings.Contains(ev.Path, "[]") && kube.ClassOf(ev.Type) == kube.Scalar &&
		ev.Path != "Status.ObservedGeneration"
}

// carriedOver reports a change that carries a decision on an older object over to one that was read for it, where the fresh
// value is not tested.
func carriedOver(pass *rule.Pass, fn *ssa.Function, ev *effects.Event) bool {
	fresh := readOf(pass, fn, ev.Object)
	if fresh == nil {
		return false // not read here
	}
	old, ok := olderDecision(pass, fn, ev, fresh)
	if !ok {
		return false // nothing says that an older object decided
	}
	for _, p := range ev.Guards().Places {
		if p.Object == ev.Object && effects.Overlaps(p.Path, ev.Path) {
			return false // the fresh value is tested
		}
	}
	kind := objectKind(ev.Object)
	set := pass.Program.DomainAt(ev.At)
	domain := set.Worst()
	rival := rivalOf(pass, fn, kind, ev)
	switch {
	case domain == program.Test || domain == program.Unknown:
		return false
	case domain != program.EveryReplica && rival == nil:
		return false // nobody else sets the state
	}
	reportTransition(pass, fn, ev, fresh, old, rival, domain, set.Proof(domain))
	return true
}

// decision is where an older object decided on a change.
type decision struct {
	pos token.Pos
	// by is the function that tested the older object; nil where its field is copied as it is.
	by *ssa.Function
}

// olderDecision finds out whether a change of a fresh object was decided on an older one: it copies the older one's field,
// or sets a fixed value in a retry that was started because of it.
func olderDecision(pass *rule.Pass, fn *ssa.Function, ev, fresh *effects.Event) (decision, bool) {
	if copiesStale(pass, fn, ev, fresh) {
		return decision{pos: fn.Pos()}, true
	}
	if !ev.Deps().Constant || !retriedBody(pass, fn) {
		return decision{}, false
	}
	pos, by := decidedAbove(pass, fn, ev, fresh)
	return decision{pos, by}, by != nil
}

// copiesStale tells whether the value is the same field of another object of the kind, by whose name the fresh one was read.
func copiesStale(pass *rule.Pass, fn *ssa.Function, ev, fresh *effects.Event) bool {
	for _, p := range ev.Deps().Places {
		if p.Path != ev.Path || p.Object == ev.Object || p.Root == nil || objectKind(p.Object) != objectKind(ev.Object) {
			continue
		}
		if site, ok := fresh.At.(ssa.CallInstruction); ok && namedAfter(pass, fn, site, p.Object, ev.Object) {
			return true
		}
	}
	return false
}

// namedAfter tells whether an argument of a read, such as the key, is made from an object; the one that it fills does not
// count.
func namedAfter(pass *rule.Pass, fn *ssa.Function, site ssa.CallInstruction, o, filled effects.Object) bool {
	for _, arg := range site.Common().Args {
		if p, ok := pass.Effects.Place(fn, arg); ok && p.Root == filled.Root {
			continue
		}
		for _, p := range pass.Effects.DepsOf(fn, arg).Places {
			if p.Root == o.Root {
				return true
			}
		}
	}
	return false
}

// rivalOf returns a row of the ledger that writes the field, or a part of it, from an entry point that does not lead to fn.
func rivalOf(pass *rule.Pass, fn *ssa.Function, kind string, ev *effects.Event) *effects.Entry {
	mine := make(map[*program.Entry]bool)
	for _, en := range pass.Program.EntriesOf(fn) {
		mine[en] = true
	}
	for _, row := range pass.Effects.Ledger() {
		if row.Kind.Name != kind || row.Call.Effect == kube.Create || row.Site.Parent() == fn {
			continue
		}
		for _, s := range row.Stories {
			for _, ch := range s.Sent() {
				if !effects.Under(ch.Path, ev.Path) {
					continue
				}
				for _, en := range pass.Program.EntriesOf(s.Func) {
					if !mine[en] && en.Domain != program.Test && en.Domain != program.StartUp {
						return row
					}
				}
			}
		}
	}
	return nil
}

func reportTransition(pass *rule.Pass, fn *ssa.Function, ev, fresh *effects.Event, old decision, rival *effects.Entry, domain program.Domain, proof *program.Proof) {
	kind := objectKind(ev.Object)
	sc := rule.NewScenario()
	a := sc.Actor("replica A", runs(proof, program.Name(fn)))
	them, theyRun, theirs := "replica B", "whoever sets "+ev.Path, fresh.Pos()
	reason := "every replica runs it"
	related := []rule.Related{{Func: fresh.Func(), Pos: fresh.Pos(), Message: "the fresh object is read here"}}
	if rival != nil {
		them, theyRun, theirs = program.Name(rival.Site.Parent()), rivalRuns(pass, rival), rival.Site.Pos()
		reason = program.Name(rival.Site.Parent()) + " sets the field too"
		related = append(related, rule.Related{Func: rival.Site.Parent(), Pos: rival.Site.Pos(), Message: "the other writer"})
	}
	how := "from an older one"
	if old.by != nil {
		how = "as an older one decided,"
		related = append(related, rule.Related{Func: old.by, Pos: old.pos, Message: "the older object decides here"})
	}
	b := sc.Actor(them, theyRun)
	a.Step(old.pos, "has decided on "+ev.Path+" of a "+kind+" that it read before", ev.Path+` = "mine"`)
	b.Step(theirs, "sets "+ev.Path, `stored: "theirs"`)
	a.Step(fresh.Pos(), "reads the "+kind+" again", `fresh: "theirs"`)
	a.Step(ev.Pos(), "carries the old decision over without a look", `"mine", with the newest resourceVersion`)
	sc.Outcome(`the write passes the version check, and "theirs" is overwritten by a decision that did not know it`)
	pass.Report(rule.Report{
		Func: fn, Pos: ev.Pos(), Severity: finding.Critical, Reason: reason,
		Message: fmt.Sprintf("%s of a fresh %s is set %s without testing what the fresh one says; a state that was reached in between is overwritten", ev.Path, kind, how),
		About:   kind + " " + ev.Path, Domain: domain, Proof: proof, Related: related, Scenario: sc,
		Fix: rule.Fix{Description: "Test the fresh object before the old decision is written onto it.",
			Sketch: fmt.Sprintf("if %s { // was: the state that the decision was taken on\n\t%s // decided meanwhile\n}", isAnother(pass.Holder(ev)+"."+ev.Path, ev.Type), pass.Words(ev.Origin).Return("nil"))},
	})
}
