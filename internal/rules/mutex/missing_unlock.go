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

// MissingUnlock reports a return that leaves with a lock which other returns of the function release.
var MissingUnlock = &rule.Rule{
	ID:        "mutex/missing-unlock",
	Title:     "a path returns with the lock held",
	Checklist: []string{"4.1"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "missing_unlock.md"),
	Check:     missingUnlock,
}

func missingUnlock(p *rule.Pass) {
	locks := locks(p)
	generic := make(map[*ssa.Function]bool) // told of one instance: the others are the same code
	for _, fn := range p.Program.Funcs {
		flow := locks.Flow(fn)
		if flow == nil || !p.Watched(fn) || generic[fn.Origin()] {
			continue
		}
		told := make(map[memory.Place]bool)
		for _, exit := range flow.Exits {
			for _, h := range exit.Held {
				if !told[h.Lock.Place] && leaksLock(locks, fn, h) {
					told[h.Lock.Place] = true
					tellMissing(p, fn, exit, h)
					if fn.Origin() != nil {
						generic[fn.Origin()] = true
					}
				}
			}
		}
	}
}

// leaksLock tells whether a lock held at a return was forgotten there.
func leaksLock(locks *memory.Locks, fn *ssa.Function, h memory.Holding) bool {
	op, own := h.Site.(*ssa.Call)
	switch {
	case h.Mode == memory.Semaphore:
		return false // handed to whoever does the work and gives the slot back
	case !own || !locks.Acquires(op):
		return false // a helper took it: what the function owes is not known
	case !locks.ReleasesIn(fn, h.Lock.Place):
		return false // the function never unlocks: it is a lock helper, its callers do
	case handedToGoroutine(locks, fn, h.Lock.Place):
		return false // a goroutine that it has started does
	case locks.GivenUpByOthers(h.Lock.Place, fn):
		return false // somebody unlocks what others locked: the lock is meant to outlive the function
	}
	return true
}

// handedToGoroutine tells whether a function starts a goroutine that releases the lock.
func handedToGoroutine(locks *memory.Locks, fn *ssa.Function, place memory.Place) bool {
	for site := range program.Sites(fn) {
		if _, starts := site.(*ssa.Go); starts && locks.Releases(site, place) {
			return true
		}
	}
	return false
}

func tellMissing(p *rule.Pass, fn *ssa.Function, exit memory.Exit, h memory.Holding) {
	name := lockName(h.Lock)
	pos := siteOf(exit.Return)
	scenario := rule.NewScenario()
	actor, runs := runner(p, fn)
	first := scenario.Actor(actor, runs)
	first.Step(siteOf(h.Site), "takes "+verb(h), name+" is held")
	first.Step(pos, "returns without "+unlockOf(h.Mode), name+" stays held")
	next := scenario.Actor("the next caller", "takes "+placeName(h.Lock.Place))
	next.Step(siteOf(h.Site), "asks for "+name, "waits")
	scenario.Outcome("%s is never free again: each later call of %s, and everybody else who needs the lock, waits for ever", name, program.Name(fn))

	where, proof := domain(p, exit.Return)
	fix := rule.Fix{
		Description: "defer the unlock next to the lock, or unlock before this return",
		Sketch:      fmt.Sprintf("%[1]s.%[2]s()\ndefer %[1]s.%[3]s()", spelled(p, h), h.Mode, unlockOf(h.Mode)),
	}
	if edits := unlockBefore(p, exit.Return, h); edits != nil {
		fix = rule.Fix{Description: "unlock before this return", Edits: edits}
	}
	p.Report(rule.Report{
		Func: fn, Pos: pos, About: placeName(h.Lock.Place),
		Severity: finding.Critical, Reason: "the lock is never free again",
		Message: fmt.Sprintf("return with %s held, which other paths release; the next %s waits for ever", name, h.Mode),
		Domain:  where, Proof: proof,
		Related:  []rule.Related{{Func: fn, Pos: siteOf(h.Site), Message: name + " is taken here"}},
		Scenario: scenario,
		Fix:      fix,
	})
}
