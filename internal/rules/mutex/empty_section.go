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

// EmptySection reports a lock that is let go in the next statement, before the function uses what the lock guards.
var EmptySection = &rule.Rule{
	ID:        "mutex/empty-section",
	Title:     "a lock is released at once, and what it guards is used after that",
	Checklist: []string{"4.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "empty_section.md"),
	Check:     emptySection,
}

func emptySection(p *rule.Pass) {
	generic := make(map[*ssa.Function]bool) // told of one instance: the others are the same code
	for _, s := range p.Effects.Memory().EmptySections() {
		fn := s.Freed.Parent()
		if !p.Watched(fn) || p.Program.InTest(fn) || generic[fn.Origin()] {
			continue // a test waits with it for what it has started
		}
		if fn.Origin() != nil {
			generic[fn.Origin()] = true
		}
		tellEmpty(p, fn, s)
	}
}

func tellEmpty(p *rule.Pass, fn *ssa.Function, s memory.EmptySection) {
	name, place, unlock := lockName(s.Taken.Lock), s.Use.Place.String(), unlockOf(s.Taken.Mode)
	doing := "reads "
	if s.Use.Write {
		doing = "writes "
	}
	severity, reason := finding.High, "the lock keeps nobody out while "+place+" is used"
	if !s.Written && !s.Use.Write {
		severity, reason = finding.Medium, "nobody writes "+place+" at the same time by now"
	}
	scenario := rule.NewScenario()
	actor, runs := runner(p, fn)
	first := scenario.Actor(actor, runs)
	first.Step(siteOf(s.Taken.Site), "takes "+verb(s.Taken), name+" is held")
	first.Step(siteOf(s.Freed), "releases it in the next statement", name+" is free")
	other := scenario.Actor("goroutine in "+program.Name(s.Guarded.Func()), "runs "+program.Name(s.Guarded.Func()))
	other.Step(siteOf(s.Guarded.At), "uses "+place+" under the lock", "nothing keeps it out")
	first.Step(siteOf(s.Use.At), doing+place, "without a lock, at the same time")
	scenario.Outcome("%s is used by both at once: the lock has kept nobody out", place)

	where, proof := domain(p, s.Use.At)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(s.Freed), About: placeName(s.Taken.Lock.Place),
		Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s is released in the statement after %s; %s, which it guards in %s, is used after that without it",
			name, verb(s.Taken), place, program.Name(s.Guarded.Func())),
		Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: fn, Pos: siteOf(s.Use.At), Message: doing + place + " here"},
			{Func: s.Guarded.Func(), Pos: siteOf(s.Guarded.At), Message: "the lock is held for it here"},
		},
		Scenario: scenario,
		Fix: rule.Fix{
			Description: "hold the lock until the function returns",
			Sketch:      fmt.Sprintf("%[1]s.%[2]s()\ndefer %[1]s.%[3]s()", spelled(p, s.Taken), s.Taken.Mode, unlock),
		},
	})
}
