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

var deferredWrite = &rule.Rule{
	ID:        "rmw/deferred-write",
	Title:     "a deferred write fails and the reconcile reports success",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "deferred_write.md"),
	Check:     checkDeferredWrite,
}

func checkDeferredWrite(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, row := range pass.Effects.Ledger() {
		if !keepsState(row) || !pass.Reviewed(row.Site.Parent()) {
			continue // nothing that a later run builds on, or not reviewed code
		}
		for _, fate := range pass.Effects.ErrorFates(row.Site) {
			if fate.Kind != effects.ErrorDropped || told[fate.At] || pass.Program.InTest(fate.Func) {
				continue
			}
			deferrer := deferrerOf(fate)
			if deferrer == nil || !program.ReturnsError(deferrer.Signature) {
				continue // not deferred, or by a function that has no error to give
			}
			if en := reconcileAbove(pass, deferrer); en != nil && (deferrer == en.Func || !writtenAtTheEnd(pass, row, en) && carriesWork(row, deferrer)) {
				told[fate.At] = true
				reportDeferred(pass, row, fate, deferrer, en)
			}
		}
	}
}

// keepsState tells whether a write stores what the work has come to; deletes and creates clean up or can be repeated.
func keepsState(row *effects.Entry) bool {
	switch row.Call.Effect {
	case kube.Update, kube.UpdateStatus, kube.UpdateSubresource, kube.Patch, kube.PatchStatus, kube.PatchSubresource,
		kube.Apply, kube.ApplyStatus, kube.ApplySubresource, kube.ReadModifyWrite:
		return row.Kind.Name != "Lease"
	}
	return false
}

// deferrerOf returns the function that defers the call in which an error ends: a function literal, or the call itself.
func deferrerOf(fate effects.ErrorFate) *ssa.Function {
	if d, ok := fate.At.(*ssa.Defer); ok {
		return d.Parent()
	}
	outer := fate.Func.Parent()
	if outer == nil {
		return nil
	}
	for site := range program.Sites(outer) {
		d, ok := site.(*ssa.Defer)
		if !ok {
			continue
		}
		if mc, ok := d.Call.Value.(*ssa.MakeClosure); ok && mc.Fn == fate.Func || d.Call.Value == fate.Func {
			return outer
		}
	}
	return nil
}

// reconcileAbove returns an entry point that runs fn itself and is called again after an error; nil if there is none.
func reconcileAbove(pass *rule.Pass, fn *ssa.Function) *program.Entry {
	for _, en := range pass.Program.EntriesInline(fn) {
		if en.Requeues && en.Domain != program.Test {
			return en
		}
	}
	return nil
}

// writtenAtTheEnd tells whether the reconcile itself defers another write of the object, whose error it returns: what a step of it
// could not store is stored then.
func writtenAtTheEnd(pass *rule.Pass, row *effects.Entry, en *program.Entry) bool {
	deferred := make(map[*ssa.Function]bool)
	for site := range program.Sites(en.Func) {
		if d, ok := site.(*ssa.Defer); ok {
			if closure, made := d.Call.Value.(*ssa.MakeClosure); made {
				deferred[closure.Fn.(*ssa.Function)] = true
			}
		}
	}
	return slices.ContainsFunc(pass.Effects.Ledger(), func(other *effects.Entry) bool {
		if other == row || !keepsState(other) || row.Stories[0].Type() == nil || !pass.Effects.Concerns(other, row.Kind, row.Stories[0].Type()) {
			return false
		}
		return slices.ContainsFunc(pass.Effects.ErrorFates(other.Site), func(fate effects.ErrorFate) bool {
			return fate.Kind != effects.ErrorDropped && slices.ContainsFunc(fate.Path, func(site ssa.CallInstruction) bool { return deferred[site.Parent()] }) ||
				fate.Kind != effects.ErrorDropped && deferred[fate.Func]
		})
	})
}

// carriesWork tells whether a deferred write stores what its function did before, as far as the changes are known: one that only
// changes what it sends itself takes back a step, such as a lock or a scale, and the work goes on to ask for that.
func carriesWork(row *effects.Entry, deferrer *ssa.Function) bool {
	known := false
	for _, s := range row.Stories {
		for _, ch := range s.Sent() {
			known = true
			if behindDefer(s.Write, deferrer) && !behindDefer(ch, deferrer) && whileRuns(ch, deferrer) {
				return true
			}
		}
	}
	return !known
}

// whileRuns tells whether a change is made while a function runs.
func whileRuns(ch *effects.Event, fn *ssa.Function) bool {
	return ch.At.Parent() == fn || ch.Origin.Parent() == fn || slices.ContainsFunc(ch.Chain, func(site ssa.CallInstruction) bool { return site.Parent() == fn })
}

// behindDefer tells whether what a function defers leads to an event.
func behindDefer(ev *effects.Event, deferrer *ssa.Function) bool {
	if d, ok := ev.At.(*ssa.Defer); ok && d.Parent() == deferrer {
		return true
	}
	return slices.ContainsFunc(ev.Chain, func(site ssa.CallInstruction) bool {
		d, ok := site.(*ssa.Defer)
		return ok && d.Parent() == deferrer
	})
}

func reportDeferred(pass *rule.Pass, row *effects.Entry, fate effects.ErrorFate, deferrer *ssa.Function, en *program.Entry) {
	s := row.Stories[0]
	kind, does := kindName(s), verb(s.Write)
	how := "is logged at most"
	if ignored(fate) {
		how = "is dropped"
	}
	pos := fate.At.Pos()
	if !pos.IsValid() {
		pos = row.Site.Pos()
	}
	severity, reason, queue := finding.High, "the key is not worked on again", "the key leaves the queue"
	if effects.AsksAgain(en.Func) || effects.AsksAgain(deferrer) {
		severity, reason, queue = finding.Medium, "only a run asked for later, if there is one, can make up for it", "the key leaves the queue until the time asked for"
	}
	set := pass.Program.DomainAt(fate.At)
	sc := rule.NewScenario()
	a := sc.Actor("worker", en.String())
	a.Step(deferrer.Pos(), program.Name(deferrer)+" does its work", "in memory: what the "+kind+" has to say")
	a.Step(row.Site.Pos(), "sends the "+does, "409 Conflict, a timeout, or any other failure")
	a.Step(pos, "the error "+how, "")
	a.Step(deferrer.Pos(), program.Name(deferrer)+" returns nil", queue)
	sc.Outcome("the %s does not hold what was done, and the failure does not start the work again", kind)
	related := []rule.Related{{Func: deferrer, Pos: deferrer.Pos(), Message: "returns an error that does not know of it"}}
	if fate.At != ssa.Instruction(row.Site) {
		related = append(related, rule.Related{Func: row.Site.Parent(), Pos: row.Site.Pos(), Message: "the write"})
	}
	pass.Report(rule.Report{
		Func: deferrer, Pos: pos, Severity: severity, Reason: reason,
		Message: fmt.Sprintf("the error of the deferred %s of %s %s; %s reports success, so a conflict or a failure starts no retry and the change is not stored",
			does, kind, how, program.Name(deferrer)),
		About: kind + " " + does, Domain: set.Worst(), Proof: set.Proof(set.Worst()),
		Related: related, Scenario: sc,
		Fix: rule.Fix{
			Description: "Name the error result, and add the error of the deferred write to it.",
			Sketch: pass.Words(row.Site).Fill("defer func() {\n\tif failed := $call; failed != nil {\n\t\t$result = errors.Join($result, failed) // $result: the error result of $func, by name\n\t}\n}()",
				"result", resultName(deferrer), "func", program.Name(deferrer)),
		},
	})
}
