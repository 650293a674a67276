// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// reportEmptyWait tells of a wait for caches that names none.
func reportEmptyWait(pass *rule.Pass, wait *ssa.Call) {
	fn, name := wait.Parent(), program.Target(wait).Name()
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(wait.Pos(), "waits until no cache at all has synced", "returns true at once")
	a.Step(wait.Pos(), "goes on", "the caches are still empty")
	s.Outcome("what is there already counts as missing until the caches have been filled")
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(wait), Severity: finding.High, Reason: "it is the same at each start",
		Message: fmt.Sprintf("%s calls %s without any function that says whether a cache has synced: it returns at once, and the work begins on empty caches", program.Name(fn), name),
		About:   "empty " + name,
		Domain:  where.Domain, Proof: where.Proof,
		Scenario: s,
		Fix:      rule.Fix{Description: "name the caches", Sketch: waitSketch(pass, wait)},
	})
}

// reportLate tells of an informer that nothing starts.
func reportLate(pass *rule.Pass, late effects.LateInformer) {
	fn := late.Ask.Parent()
	where := pass.Where(fn)
	if late.Start == nil {
		reportUnstarted(pass, late, where)
		return
	}
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(late.Start.Pos(), "starts the factory", "what was asked of it so far runs")
	a.Step(late.Ask.Pos(), "asks the factory for "+late.What+program.Target(late.Ask).Name(), "a new informer, which nothing starts")
	s.Outcome("its cache stays empty, and its handlers are never called")
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(late.Ask), Severity: finding.High, Reason: "it is the same at each start",
		Message: fmt.Sprintf("%s asks the factory for %s%s after its start, and does not start it again: the informer never runs", program.Name(fn), late.What, program.Target(late.Ask).Name()),
		About:   "late " + late.What,
		Domain:  where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: late.Start.Parent(), Pos: late.Start.Pos(), Message: "the factory is started here"}},
		Scenario: s,
		Fix:      rule.Fix{Description: "ask before the factory is started, or start it again", Sketch: pass.Words(late.Start).Call() + " // once more, behind " + pass.Words(late.Ask).Call()},
	})
}

// reportUnstarted tells of a lister of a factory that nothing starts.
func reportUnstarted(pass *rule.Pass, late effects.LateInformer, where rule.Where) {
	fn := late.Ask.Parent()
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(late.Ask.Pos(), "asks a factory of its own for "+late.What+"Lister", "a new informer, which nothing starts")
	a.Step(late.Ask.Pos(), "reads through the lister", "nothing: no list has been made, and none will be")
	s.Outcome("what is there counts as missing, each time")
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(late.Ask), Severity: finding.High, Reason: "it is the same each time",
		Message: fmt.Sprintf("%s asks for %sLister of a factory that it makes and nobody starts: the lister never has anything", program.Name(fn), late.What),
		About:   "unstarted " + late.What,
		Domain:  where.Domain, Proof: where.Proof,
		Scenario: s,
		Fix:      rule.Fix{Description: "start the factory and wait for it before the first read", Sketch: pass.Words(late.Ask).Fill("factory.Start($done) // factory: the one that $call is asked of\nfactory.WaitForCacheSync($done)", "done", pass.Words(late.Ask).Parent()+".Done()")},
	})
}

// waitSketch names what a wait for caches waits for.
func waitSketch(pass *rule.Pass, wait ssa.CallInstruction) string {
	w := pass.Words(wait)
	return w.Fill("$wait // informer: each one that is read from", "wait", strings.TrimSuffix(w.Call(), ")")+", informer.HasSynced)")
}
