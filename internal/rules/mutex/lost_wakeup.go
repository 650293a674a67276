// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// LostWakeup reports a Broadcast or Signal that can come between a waiter's test and its Wait.
var LostWakeup = &rule.Rule{
	ID:       "mutex/lost-wakeup",
	Title:    "a condition is signalled by a goroutine that never takes its lock",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1",
	Doc:      rule.Page(pages, "lost_wakeup.md"),
	Check:    lostWakeup,
}

func lostWakeup(p *rule.Pass) {
	for _, w := range p.Effects.Memory().LostWakeups() {
		if p.Watched(w.Call.Parent()) && p.Watched(w.Top) {
			tellWakeup(p, w)
		}
	}
}

func tellWakeup(p *rule.Pass, w memory.Wakeup) {
	at := w.Call
	if len(w.Route) > 0 {
		at = w.Route[len(w.Route)-1]
	}
	lock, what := placeName(w.Lock), calleeName(w.Call)
	s := rule.NewScenario()
	waiter, waiterRuns := runner(p, w.Wait.Parent())
	waker, wakerRuns := runner(p, w.Top)
	first, second := s.Actor(waiter, waiterRuns), s.Actor(waker, wakerRuns)
	first.Step(siteOf(w.Wait), "has tested what it waits for, and is about to call Wait", lock+" is held")
	second.Step(siteOf(at), "announces a change with "+what, lock+" was not asked for: nobody waits yet")
	first.Step(siteOf(w.Wait), "calls Wait", "the announcement is over")
	s.Outcome("%s sleeps until somebody else calls Broadcast; if this was the last, for ever", program.Name(w.Wait.Parent()))

	where, proof := domain(p, at)
	p.Report(rule.Report{
		Func: w.Top, Pos: siteOf(at), About: lock + " " + what,
		Severity: finding.High, Reason: "the waiter sleeps on although what it waits for has happened",
		Message: fmt.Sprintf("%s is called without %s by %s; %s misses it between its test and Wait",
			what, lock, program.Name(w.Top), program.Name(w.Wait.Parent())),
		Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: w.Call.Parent(), Pos: siteOf(w.Call), Message: "the condition is signalled here"},
			{Func: w.Wait.Parent(), Pos: siteOf(w.Wait), Message: "the waiter is here"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: fmt.Sprintf("take %s around %s, so that it can't fall between test and Wait", lock, what),
			Sketch:      fmt.Sprintf("%[1]s.Lock() // %[1]s: as %[2]s spells it\n%[3]s\n%[1]s.Unlock()", lock, program.Name(w.Top), p.WordsAt(w.Top, siteOf(at)).Line()),
		},
	})
}
