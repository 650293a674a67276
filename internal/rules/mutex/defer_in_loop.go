// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// DeferInLoop reports an unlock that a loop defers: it runs when the function returns, not when the round ends.
var DeferInLoop = &rule.Rule{
	ID:       "mutex/defer-in-loop",
	Title:    "an unlock is deferred in a loop",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1",
	Doc:      rule.Page(pages, "defer_in_loop.md"),
	Check:    deferInLoop,
}

func deferInLoop(p *rule.Pass) {
	for _, fn := range p.Program.Funcs {
		flow := locks(p).Flow(fn)
		if flow == nil || !p.Watched(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			d, ok := site.(*ssa.Defer)
			if !ok || !p.Program.Concurrency().InLoop(d) {
				continue
			}
			for _, h := range flow.At(d).Must {
				if h.Site != nil && locks(p).Releases(d, h.Lock.Place) && p.Program.Concurrency().InLoop(h.Site) {
					tellDeferred(p, fn, d, h)
				}
			}
		}
	}
}

func tellDeferred(p *rule.Pass, fn *ssa.Function, d *ssa.Defer, h memory.Holding) {
	name := lockName(h.Lock)
	s := rule.NewScenario()
	actor, runs := runner(p, fn)
	first := s.Actor(actor, runs)
	first.Step(siteOf(h.Site), "first round: takes "+verb(h), name+" is held")
	first.Step(d.Pos(), "defers the unlock to the end of "+program.Name(fn), name+" stays held")
	first.Step(siteOf(h.Site), "second round: takes "+verb(h), "waits for itself if the lock is the same one")
	s.Outcome("the second round waits for the lock of the first, for ever; if each round has its own lock, all are held until %s returns", program.Name(fn))

	where, proof := domain(p, d)
	p.Report(rule.Report{
		Func: fn, Pos: d.Pos(), About: placeName(h.Lock.Place),
		Severity: finding.High, Reason: "the next round finds the lock held",
		Message: fmt.Sprintf("unlock of %s is deferred in a loop; the next round waits for a lock that is released when the function returns", name),
		Domain:  where, Proof: proof,
		Related:  []rule.Related{{Func: fn, Pos: siteOf(h.Site), Message: name + " is taken here, in each round"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "put the body of the loop into a function, or unlock at the end of each round",
			Sketch:      fmt.Sprintf("func() {\n\t%[1]s.%[2]s()\n\tdefer %[1]s.%[3]s()\n\t// the rest of the round\n}()", spelled(p, h), h.Mode, unlockOf(h.Mode)),
		},
	})
}
