// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var retryWithoutReread = &rule.Rule{
	ID:        "rmw/retry-without-reread",
	Title:     "a retry on conflict writes an object that was read before it",
	Checklist: []string{"1.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "retry_without_reread.md"),
	Check:     checkRetryWithoutReread,
}

func checkRetryWithoutReread(pass *rule.Pass) {
	for _, r := range pass.Effects.Retries() {
		fn := r.Body
		if pass.Program.InTest(fn) || pass.Program.TestSupport(fn) || pass.Program.Generated(fn) {
			continue
		}
		if w := staleWrite(pass, fn, func(ssa.Instruction) bool { return true }, nil); w != nil {
			reportReread(pass, r.Site, program.Target(r.Site).Name(), w)
		}
	}
	for _, poll := range pass.Effects.Polls() {
		checkPoll(pass, poll)
	}
	for _, row := range pass.Effects.Ledger() {
		checkOwnLoop(pass, row)
	}
}

// checkPoll looks at a condition that is asked again when a write in it failed.
func checkPoll(pass *rule.Pass, poll effects.Poll) {
	if !pass.Reviewed(poll.Body) {
		return // not reviewed code
	}
	w := staleWrite(pass, poll.Body, func(ssa.Instruction) bool { return true }, nil)
	if w == nil {
		return // each attempt reads its object
	}
	if call, ok := w.At.(*ssa.Call); ok && pass.Effects.PolledAgain(call) {
		reportReread(pass, poll.Site, program.Target(poll.Site).Name(), w)
	}
}

// checkOwnLoop looks at a loop that the code itself makes: it sends the write again until it succeeds.
func checkOwnLoop(pass *rule.Pass, row *effects.Entry) {
	fn := row.Site.Parent()
	if !pass.Effects.RetriedInLoop(row.Site) || !conflicts(row) || pass.Program.InTest(fn) || pass.Program.TestSupport(fn) || pass.Program.Generated(fn) {
		return
	}
	inLoop := func(at ssa.Instruction) bool { return effects.SameLoop(at, row.Site) }
	if w := staleWrite(pass, fn, inLoop, row.Site); w != nil {
		reportReread(pass, row.Site, "the loop", w)
	}
}

// staleWrite returns a write of fn whose object comes from before the part that is repeated, and is not read in it. Nil if
// every object is read again, or replaced by one that may be.
func staleWrite(pass *rule.Pass, fn *ssa.Function, repeated func(ssa.Instruction) bool, only ssa.CallInstruction) *effects.Event {
	var stale *effects.Event
	for _, ev := range pass.Effects.Events(fn) {
		if ev.Kind != effects.Write || !versioned(ev) || !repeated(ev.At) || only != nil && ev.Origin != only {
			continue
		}
		if ev.Root == nil || only == nil && !captured(ev.Root, fn) {
			if only == nil {
				continue // made in the body, or reached in ways that are not followed
			}
		}
		if pass.Effects.KnownVersionless(ev.Origin) {
			continue // unconditional: there is no version that could be old
		}
		if refreshed(pass, fn, ev, repeated) {
			if only != nil {
				return nil // one of the objects that the write can mean is read again
			}
			continue
		}
		if stale == nil {
			stale = ev
		}
	}
	return stale
}

// versioned tells whether a write sends the version of its object.
func versioned(w *effects.Event) bool {
	if w.Call.Effect == kube.ReadModifyWrite {
		return false // CreateOrUpdate and its relatives read by themselves
	}
	return conflicts(&effects.Entry{Call: w.Call, Stories: []*effects.Story{{Write: w}}}) && w.Call.Effect.IsWrite()
}

func captured(root ssa.Value, fn *ssa.Function) bool {
	free, ok := root.(*ssa.FreeVar)
	return ok && free.Parent() == fn
}

// refreshed tells whether the repeated part reads the object of a write, or what it was copied from, or assigns another
// object to its variable.
func refreshed(pass *rule.Pass, fn *ssa.Function, w *effects.Event, repeated func(ssa.Instruction) bool) bool {
	kin := pass.Effects.KinOf(fn, w.Object)
	for _, ev := range pass.Effects.Events(fn) {
		if ev.Kind == effects.Change && ev.Path == "ResourceVersion" && ev.Root == w.Root && repeated(ev.At) {
			return true // each attempt sends a version of its own
		}
		if ev.Kind == effects.Change && ev.Root == w.Root && ev.Object.Base == "" && ev.Path != "" && effects.Under(w.Object.Base, ev.Path) && repeated(ev.At) {
			return true // the field that holds the object gets another one
		}
		if (ev.Kind == effects.Read || ev.Kind == effects.Copy && ev.Object == w.Object && !captured(ev.From.Root, fn)) && repeated(ev.At) {
			for _, o := range kin {
				if o.Root == ev.Root {
					return true
				}
			}
		}
	}
	for _, o := range kin {
		if refs := o.Root.Referrers(); refs != nil {
			for _, ref := range *refs {
				if st, ok := ref.(*ssa.Store); ok && st.Addr == o.Root && repeated(st) {
					return true
				}
			}
		}
		if !captured(o.Root, fn) && repeatedRoot(o.Root, repeated) {
			return true
		}
	}
	return false
}

// repeatedRoot tells whether an object is made in the repeated part by a call, which may read it.
func repeatedRoot(root ssa.Value, repeated func(ssa.Instruction) bool) bool {
	call, ok := root.(*ssa.Call)
	if ex, isExtract := root.(*ssa.Extract); isExtract {
		call, ok = ex.Tuple.(*ssa.Call)
	}
	if !ok || !repeated(call) {
		return false
	}
	row := program.Model(call)
	return row == nil || row.Effect.IsRead()
}

// onlyReconciled tells whether reconcilers alone lead to a function: what others write to their objects wakes them.
func onlyReconciled(pass *rule.Pass, fn *ssa.Function) bool {
	entries := pass.Program.EntriesOf(fn)
	return len(entries) > 0 && !slices.ContainsFunc(entries, func(e *program.Entry) bool { return e.Kind != program.EntryReconcile })
}

func reportReread(pass *rule.Pass, at ssa.CallInstruction, name string, w *effects.Event) {
	p := pass.Program
	kind := "object"
	for _, row := range pass.Effects.Ledger() {
		if row.Site == w.Origin && row.Kind.Name != "" {
			kind = row.Kind.Name
		}
	}
	set := p.DomainAt(at)
	domain := set.Worst()
	s := rule.NewScenario()
	a := s.Actor("this replica", runs(set.Proof(domain), program.Name(at.Parent())))
	b := s.Actor("another writer", "anybody who writes the same "+kind)
	b.Step(w.Pos(), "writes the "+kind, "stored: resourceVersion 42")
	a.Step(w.Pos(), fmt.Sprintf("sends the %s with the version from before the retry", verb(w)), "resourceVersion 41: 409 Conflict")
	a.Step(at.Pos(), "runs the body again; nothing in it reads the "+kind, "still resourceVersion 41")
	a.Step(w.Pos(), "sends the same version again", "409 Conflict, until the attempts are used up")
	s.Outcome("once the %s has changed, every attempt fails the same way and the change is not made", kind)
	severity, reason := finding.High, "the first conflict makes all attempts fail"
	if triedAgain(pass, at) {
		severity, reason = finding.Medium, "the error goes back to what calls again, which starts with a new read"
	} else if onlyReconciled(pass, at.Parent()) {
		severity, reason = finding.Medium, "the write that won brings an event, and the reconciler runs again"
	}
	pass.Report(rule.Report{
		Func: at.Parent(), Pos: at.Pos(), Severity: severity,
		Reason:  reason,
		Message: fmt.Sprintf("%s repeats the %s of %s without reading it again; after a conflict every attempt sends the same old resourceVersion", name, verb(w), kind),
		About:   "retry of " + kind, Domain: domain, Proof: set.Proof(domain),
		Related:  []rule.Related{{Func: w.Func(), Pos: w.Pos(), Message: "the write that is repeated"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "Read the object at the start of every attempt, and change what was read.",
			Sketch:      tryAgain(pass.Words(w.Origin)),
		},
	})
}

// triedAgain tells whether the error of a retry always goes back to a framework that runs the work once more.
func triedAgain(pass *rule.Pass, at ssa.CallInstruction) bool {
	fates := pass.Effects.ErrorFates(at)
	return len(fates) > 0 && !slices.ContainsFunc(fates, func(f effects.ErrorFate) bool { return f.Kind != effects.ErrorRequeued })
}
