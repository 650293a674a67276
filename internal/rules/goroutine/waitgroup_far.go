// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// addsItself tells of Add in a goroutine that counts itself, where who waits is somebody else than who starts it.
func addsItself(p *rule.Pass, add effects.GroupCall) {
	done := method(p, add.Func, add.Place, "Done")
	// It counts for others; or the group is one of the starter's, told by addInside.
	if done == nil || p.Program.InTest(add.Func) {
		return
	}
	for _, g := range starts(p, add.Func) {
		starter := g.Parent()
		if method(p, starter, add.Place, "Add") != nil || method(p, starter, add.Place, "Wait") != nil {
			continue
		}
		wait := waitElsewhere(p, add, g)
		// Nobody waits, or only who has waited for the starter's goroutine as well.
		if wait == nil {
			continue
		}
		name, waiter := program.Name(starter), program.Name(wait.Func)
		sc := rule.NewScenario()
		s := sc.Actor(name, "starts the goroutine")
		o := sc.Actor(waiter, "waits for the group")
		w := sc.Actor("goroutine started by "+name, "adds itself")
		s.Step(g.Pos(), "starts the goroutine", "it is not counted yet")
		o.Step(wait.Site.Pos(), "calls Wait", "returns: the count is 0")
		w.Step(add.Site.Pos(), "calls Add", "too late")
		sc.Outcome("%s goes on, or ends, while the goroutine works", waiter)
		tell(p, add, wait.Func, wait.Site, rule.Report{
			Message:  fmt.Sprintf("Add runs in the goroutine itself; Wait in %s can return before it", waiter),
			Scenario: sc,
			Fix:      rule.Fix{Description: "count before the start", Sketch: countFirst(p, add, g)},
		})
		return
	}
}

// waitElsewhere returns a Wait on the group that does not stand in the goroutine itself, or nil.
func waitElsewhere(p *rule.Pass, add effects.GroupCall, start *ssa.Go) *effects.GroupCall {
	for _, wait := range p.Effects.GroupCallsAt(add.Place, "Wait") {
		if !p.Program.InTest(wait.Func) && wait.Func != add.Func && wait.Func != start.Parent() {
			return &wait
		}
	}
	return nil
}

// doneAgain tells of Done in a function that is called again and again for one Add.
func doneAgain(p *rule.Pass, done effects.GroupCall) {
	// Each call counts up first; or nothing does, and there is nothing to compare with.
	if method(p, done.Func, done.Place, "Add") != nil || p.Program.InTest(done.Func) || len(p.Effects.GroupCallsAt(done.Place, "Add")) == 0 {
		return
	}
	repeats, by := repeatedBy(p, done)
	if repeats == nil {
		return
	}
	name := program.Name(done.Func)
	sc := rule.NewScenario()
	a := sc.Actor(name, "is called again and again by "+by)
	a.Step(repeats.Pos(), by+" calls it for the first time", "count 1")
	a.Step(done.Site.Pos(), "calls Done", "count 0")
	a.Step(done.Site.Pos(), "is called again and calls Done", "panic: negative WaitGroup counter")
	sc.Outcome("the process goes down, or Wait returns while others still work")
	tell(p, done, repeats.Parent(), repeats, rule.Report{
		Severity: finding.Medium, Reason: "it takes a second call, before the stop",
		Message:  fmt.Sprintf("Done runs each time %s calls %s, for one Add; the second one panics, or stands for somebody who still works", by, name),
		Scenario: sc,
		Fix:      rule.Fix{Description: "call Done when the repetition has ended", Sketch: repeatSketch(p, done, repeats)},
	})
}

// repeatedBy returns what calls the function of a Done repeatedly, and its name: a helper that repeats what it is given, or
// an informer that calls its handler for every event.
func repeatedBy(p *rule.Pass, done effects.GroupCall) (ssa.Instruction, string) {
	for _, e := range p.Program.Callers(done.Func) {
		if e.Arg >= 0 && effects.Repeats(e.Site) {
			return e.Site, effects.Describe(e.Site)
		}
	}
	entry := p.Program.EntryAt(done.Func)
	if entry == nil || entry.Kind != program.EntryInformer {
		return nil, ""
	}
	// A look at what is kept between the events tells the first of them.
	if !effects.OnEventOnly(done.Site) {
		return nil, ""
	}
	return done.Site, "the informer"
}
