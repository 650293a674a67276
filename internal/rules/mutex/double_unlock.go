// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// DoubleUnlock reports a path that releases a mutex twice.
var DoubleUnlock = &rule.Rule{
	ID:        "mutex/double-unlock",
	Title:     "a path unlocks a mutex that it has unlocked before",
	Checklist: []string{"4.1"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "double_unlock.md"),
	Check:     doubleUnlock,
}

func doubleUnlock(p *rule.Pass) {
	locks := locks(p)
	for _, fn := range p.Program.Funcs {
		flow := locks.Flow(fn)
		if flow == nil || !p.Watched(fn) {
			continue
		}
		told := make(map[ssa.CallInstruction]bool)
		for _, t := range flow.Twice {
			if told[t.First] || !surelyFollows(t) {
				continue // tests between the two may exclude each other
			}
			told[t.First] = true
			tellTwice(p, fn, t)
		}
	}
}

// surelyFollows tells whether whoever gets to the second release, or from the first to the end of the function, has made
// both: a deferred release comes after each of the function's own, another one after what stands on every way to it.
func surelyFollows(t memory.Twice) bool {
	if _, deferred := t.Second.(*ssa.Defer); deferred {
		return t.Second.Block().Dominates(t.First.Block())
	}
	return t.First.Block().Dominates(t.Second.Block())
}

func tellTwice(p *rule.Pass, fn *ssa.Function, t memory.Twice) {
	name := lockName(t.Lock)
	again, how := t.Second, "releases it again"
	if _, deferred := t.Second.(*ssa.Defer); deferred {
		how = "returns, and the deferred unlock runs"
	}
	scenario := rule.NewScenario()
	actor, runs := runner(p, fn)
	a := scenario.Actor(actor, runs)
	a.Step(siteOf(t.First), "releases "+name, name+" is free")
	a.Step(siteOf(again), how, "nobody holds "+name+", or another goroutine does")
	scenario.Outcome("fatal error: sync: unlock of unlocked mutex. It ends the process, recover does not help; if another goroutine has taken the lock meanwhile, its critical section is open instead")

	where, proof := domain(p, t.First)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(t.First), About: placeName(t.Lock.Place),
		Severity: finding.Critical, Reason: "it ends the process",
		Message: fmt.Sprintf("%s is unlocked here and once more on the same path; the second unlock is a fatal error", name),
		Domain:  where, Proof: proof,
		Related:  []rule.Related{{Func: fn, Pos: siteOf(again), Message: "it is released again here"}},
		Scenario: scenario,
		Fix:      rule.Fix{Description: "leave the unlock to one of the two", Sketch: fmt.Sprintf("%[1]s.Lock()\ndefer %[1]s.Unlock() // and no other unlock", spelledAt(p, t.First, name))},
	})
}
