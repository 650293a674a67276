// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var beforeStart = &rule.Rule{
	ID:        "cache/before-start",
	Title:     "a cache is read before it is started, or is never filled",
	Checklist: []string{"3.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "before_start.md"),
	Check:     checkBeforeStart,
}

func checkBeforeStart(pass *rule.Pass) {
	for _, early := range pass.Effects.EarlyReads() {
		if pass.Reviewed(early.Read.Func()) && !effects.ExpectsNotStarted(early.Read.Origin) {
			reportEarlyRead(pass, early)
		}
	}
	for _, wait := range pass.Effects.EmptyWaits() {
		if pass.Reviewed(wait.Parent()) {
			reportEmptyWait(pass, wait)
		}
	}
	for _, late := range pass.Effects.LateInformers() {
		if pass.Reviewed(late.Ask.Parent()) {
			reportLate(pass, late)
		}
	}
}

func reportEarlyRead(pass *rule.Pass, early effects.EarlyRead) {
	read, fn, kind := early.Read, early.Read.Func(), readKind(early.Read)
	where := pass.Where(fn)
	s := rule.NewScenario()
	main := s.Actor(program.Name(early.Start.Parent()), "sets the process up")
	if early.At != read.Origin {
		main.Step(early.At.Pos(), "calls what reads", "")
	}
	main.Step(read.Pos(), "reads the "+kind+" from the cache", "no informer runs yet: ErrCacheNotStarted, or nothing from a lister")
	main.Step(early.Start.Pos(), "starts the manager", "only now the cache is filled")
	if early.Go != nil {
		reportEarlyGoroutine(pass, early, s)
		return
	}
	s.Outcome("the read never gives what the API server has, however often the process is started")
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(read.Origin.(ssa.CallInstruction)),
		Severity: finding.High, Reason: "it is the same at each start",
		Message: fmt.Sprintf("%s reads the %s from the cache (client: %s) before %s starts the manager; the cache is empty and says so with an error",
			program.Name(fn), kind, early.Because, program.Name(early.Start.Parent())),
		About:  "early " + kind,
		Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: early.Start.Parent(), Pos: early.Start.Pos(), Message: "the manager is started here"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "read from the API server, or in a runnable that the manager starts when its caches have synced",
			Sketch:      pass.Words(read.Origin).Through(pass.WordsAt(early.Start.Parent(), early.Start.Pos()).Client() + ".GetAPIReader()"),
		},
	})
}

// reportEarlyGoroutine tells of a goroutine that reads before the manager has been started, or at the same moment.
func reportEarlyGoroutine(pass *rule.Pass, early effects.EarlyRead, s *rule.Scenario) {
	read, fn, kind := early.Read, early.Read.Func(), readKind(early.Read)
	where := pass.Where(fn)
	s.Outcome("the goroutine, which is started once, ends with the error")
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(read.Origin.(ssa.CallInstruction)),
		Severity: finding.High, Reason: "the goroutine waits for nothing before it reads",
		Message: fmt.Sprintf("a goroutine that is started before the manager reads the %s from its cache (client: %s) at once; the cache has most likely not been started, and says so with an error",
			kind, early.Because),
		About:  "early goroutine " + kind,
		Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: early.Go.Parent(), Pos: early.Go.Pos(), Message: "the goroutine is started here"},
			{Func: early.Start.Parent(), Pos: early.Start.Pos(), Message: "the manager is started here"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "read from the API server, or in a runnable that the manager starts when its caches have synced",
			Sketch:      pass.Words(early.Start).Fill("$c.Add(manager.RunnableFunc(func(ctx context.Context) error {\n\t$work // and what follows\n\treturn nil\n})) // in place of the go statement", "work", pass.Words(read.Origin).Line()),
		},
	})
}
