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

// WaitGroup reports a wait group whose count and whose goroutines do not fit together.
var WaitGroup = &rule.Rule{
	ID:        "goroutine/waitgroup",
	Title:     "wait group is added to too late, or not counted down on a path",
	Checklist: []string{"6.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "waitgroup.md"),
	Check:     waitGroup,
}

func waitGroup(p *rule.Pass) {
	for _, fn := range p.Program.Funcs {
		if p.Program.Generated(fn) {
			continue
		}
		lateStops(p, fn)
		for _, call := range p.Effects.GroupCalls(fn) {
			switch call.Method {
			case "Add":
				addInside(p, call)
				addsItself(p, call)
				addAfterStart(p, call)
			case "Done":
				pathWithoutDone(p, call)
				doneAgain(p, call)
			case "Wait":
				waitInLoop(p, call)
				waitForNobody(p, call)
			}
		}
	}
}

// starts returns the go statements that start fn itself.
func starts(p *rule.Pass, fn *ssa.Function) []*ssa.Go {
	var out []*ssa.Go
	for _, e := range p.Program.Callers(fn) {
		if g, ok := e.Site.(*ssa.Go); ok && e.How == program.Starts {
			out = append(out, g)
		}
	}
	return out
}

// method returns the first call of a method on the group at a place in fn, or nil.
func method(p *rule.Pass, fn *ssa.Function, place, name string) *effects.GroupCall {
	for _, c := range p.Effects.GroupCalls(fn) {
		if c.Place == place && c.Method == name {
			return &c
		}
	}
	return nil
}

// addInside tells of Add in the goroutine that is to be waited for.
func addInside(p *rule.Pass, add effects.GroupCall) {
	for _, g := range starts(p, add.Func) {
		starter := g.Parent()
		wait := method(p, starter, add.Place, "Wait")
		// The starter does not wait, or has counted this goroutine already: then an inner Add is counted in time.
		if wait == nil || method(p, starter, add.Place, "Add") != nil || !effects.After(g, wait.Site) {
			continue
		}
		if effects.AfterDone(g, wait.Site) {
			continue // a goroutine that is added so late finds its context over
		}
		name := program.Name(starter)
		sc := rule.NewScenario()
		s := sc.Actor(name, "starts and waits")
		w := sc.Actor("goroutine started by "+name, "adds itself")
		s.Step(g.Pos(), "starts the goroutine", "count 0")
		s.Step(wait.Site.Pos(), "calls Wait", "returns at once: the count is still 0")
		w.Step(add.Site.Pos(), "calls Add", "too late")
		sc.Outcome("%s goes on before the goroutine has done its work", name)
		tell(p, add, starter, wait.Site, rule.Report{
			Message:  fmt.Sprintf("Add runs in the goroutine itself; Wait in %s can return before it", name),
			Scenario: sc,
			Fix:      rule.Fix{Description: "count before the start", Sketch: countFirst(p, add, g)},
		})
		return
	}
}

// addAfterStart tells of Add in the starter after the goroutine that counts down was started.
func addAfterStart(p *rule.Pass, add effects.GroupCall) {
	// It counts down itself; or who else counts, and when, is not in sight: an earlier Add may cover the goroutine.
	if countsDownBy(add.Site) || method(p, add.Func, add.Place, "Wait") == nil && !onlyAdd(p, add) {
		return
	}
	// One Add, and a Wait for it: whichever Done comes first belongs to it.
	counts := func(fn *ssa.Function) bool { return countsDown(p, fn, add.Place) }
	if effects.InLoop(add.Site) || method(p, add.Func, add.Place, "Wait") == nil {
		counts = func(fn *ssa.Function) bool { return countsDownOnce(p, fn, add.Place, 0) }
	}
	for _, e := range p.Program.CallsFrom(add.Func) {
		if e.How != program.Starts || !effects.Before(e.Site, add.Site) || !counts(e.Callee) || toldLater(p, e) {
			continue
		}
		if addedBefore(p, add, e.Site) {
			return
		}
		name := program.Name(add.Func)
		sc := rule.NewScenario()
		s := sc.Actor(name, "starts and adds")
		w := sc.Actor("goroutine started by "+name, "calls Done")
		s.Step(e.Site.Pos(), "starts the goroutine", "count 0")
		w.Step(e.Callee.Pos(), "calls Done", "panic: negative WaitGroup counter")
		s.Step(add.Site.Pos(), "calls Add", "too late")
		sc.Outcome("the process goes down when the goroutine is the faster one")
		tell(p, add, add.Func, e.Site, rule.Report{
			Message:  fmt.Sprintf("%s starts a goroutine that calls Done before it calls Add; a fast goroutine panics", name),
			Scenario: sc,
			Fix:      rule.Fix{Description: "count before the start", Sketch: p.Words(add.Site).Call() + " // before the go statement"},
		})
		return
	}
}

// addedBefore tells whether some other Add of the function may come before a start and cover it. In a loop the Add of one
// round comes before the start of the next one, but never before that of the first.
func addedBefore(p *rule.Pass, add effects.GroupCall, start ssa.Instruction) bool {
	for _, other := range p.Effects.GroupCalls(add.Func) {
		if other.Place == add.Place && other.Method == "Add" && other.Site != add.Site && effects.After(other.Site, start) {
			return true
		}
	}
	return false
}

// countsDownOnce tells whether a goroutine calls Done for itself: not in a loop, for each thing that it is sent.
func countsDownOnce(p *rule.Pass, fn *ssa.Function, place string, depth int) bool {
	if done := method(p, fn, place, "Done"); done != nil || depth == 4 {
		return done != nil && !effects.InLoop(done.Site)
	}
	for _, e := range p.Program.CallsFrom(fn) {
		if e.How != program.Starts && !effects.InLoop(e.Site) && countsDownOnce(p, e.Callee, place, depth+1) {
			return true
		}
	}
	return false
}

// toldLater tells whether the goroutine waits for a word that its starter says after the start: what stands before the word
// is in time.
func toldLater(p *rule.Pass, start program.Edge) bool {
	for _, heard := range p.Effects.Channels().In(start.Callee) {
		if heard.Kind != effects.ChannelReceive {
			continue
		}
		for _, c := range heard.Channels {
			for _, word := range c.Signals() {
				if word.Func == start.Caller() && effects.After(start.Site, word.Instr) {
					return true
				}
			}
		}
	}
	return false
}

// onlyAdd tells whether nothing but one call counts the group up.
func onlyAdd(p *rule.Pass, add effects.GroupCall) bool {
	for _, other := range p.Effects.GroupCallsAt(add.Place, "Add") {
		if other.Site != add.Site && !p.Program.InTest(other.Func) {
			return false
		}
	}
	return true
}

// countsDownBy tells whether an Add is given a negative number.
func countsDownBy(site ssa.CallInstruction) bool {
	c, ok := program.Argument(site, 0).(*ssa.Const)
	return ok && c.Value != nil && c.Int64() < 0
}

// countsDown tells whether a function, or what it calls, calls Done on the group.
func countsDown(p *rule.Pass, fn *ssa.Function, place string) bool {
	for reached := range p.Effects.Reach(fn) {
		if method(p, reached, place, "Done") != nil {
			return true
		}
	}
	return false
}

// pathWithoutDone tells of a goroutine that can return without its Done.
func pathWithoutDone(p *rule.Pass, done effects.GroupCall) {
	if _, deferred := done.Site.(*ssa.Defer); deferred {
		return
	}
	for _, g := range starts(p, done.Func) {
		starter := g.Parent()
		// Only a goroutine that its starter counted owes a Done.
		if add := method(p, starter, done.Place, "Add"); add == nil || !effects.After(add.Site, g) {
			continue
		}
		w := &effects.Paths{Goexit: true, Ends: func(instr ssa.Instruction) bool {
			site, ok := instr.(ssa.CallInstruction)
			return ok && (isDone(p, site, done) || runsDone(p, site, done.Place))
		}}
		w.CountLoops(done.Func)
		exit := w.ExitOf(done.Func)
		if exit == nil {
			continue
		}
		pos := exit.Pos()
		if !pos.IsValid() {
			pos = done.Site.Pos()
		}
		name := program.Name(done.Func)
		sc := rule.NewScenario()
		a := sc.Actor(name, "must call Done")
		s := sc.Actor(program.Name(starter), "waits for the group")
		s.Step(g.Pos(), "starts the goroutine", "count 1")
		a.Step(pos, "leaves without Done", "count stays 1")
		sc.Outcome("Wait never returns")
		tell(p, done, done.Func, exit, rule.Report{
			Message:  fmt.Sprintf("%s can leave without Done; Wait then never returns", name),
			Scenario: sc,
			Fix:      rule.Fix{Description: "defer it", Sketch: "defer " + p.Words(done.Site).Call() + " // first statement of the goroutine"},
		})
		return
	}
}

func isDone(p *rule.Pass, site ssa.CallInstruction, done effects.GroupCall) bool {
	for _, c := range p.Effects.GroupCalls(done.Func) {
		if c.Site == site && c.Method == "Done" && c.Place == done.Place {
			return true
		}
	}
	return false
}

func runsDone(p *rule.Pass, site ssa.CallInstruction, place string) bool {
	for _, e := range p.Program.Callees(site) {
		if countsDown(p, e.Callee, place) {
			return true
		}
	}
	return false
}

// waitInLoop tells of a Wait inside the loop that starts the goroutines which were all counted before it.
func waitInLoop(p *rule.Pass, wait effects.GroupCall) {
	if !effects.InLoop(wait.Site) {
		return
	}
	loop := make(map[*ssa.BasicBlock]bool)
	for _, b := range effects.LoopOf(wait.Site.Block()) {
		loop[b] = true
	}
	for _, c := range p.Effects.GroupCalls(wait.Func) {
		// Counted one by one inside the loop, the wait makes the loop sequential, not stuck.
		if c.Place == wait.Place && c.Method == "Add" && (loop[c.Site.Block()] || !effects.After(c.Site, wait.Site)) {
			return
		}
	}
	add := method(p, wait.Func, wait.Place, "Add")
	if add == nil || countsOne(add.Site) {
		return
	}
	for _, e := range p.Program.CallsFrom(wait.Func) {
		if e.How != program.Starts || !loop[e.Site.Block()] || !countsDown(p, e.Callee, wait.Place) {
			continue
		}
		name := program.Name(wait.Func)
		sc := rule.NewScenario()
		s := sc.Actor(name, "counts, starts and waits")
		s.Step(add.Site.Pos(), "counts all goroutines", "count n")
		s.Step(e.Site.Pos(), "starts the first", "count n-1 when it is done")
		s.Step(wait.Site.Pos(), "waits before it starts the second", "the count never gets to 0")
		sc.Outcome("%s never returns for more than one goroutine", name)
		tell(p, wait, wait.Func, e.Site, rule.Report{
			Message:  fmt.Sprintf("Wait stands in the loop that starts the goroutines, all counted before it; %s never returns for more than one", name),
			Scenario: sc,
			Fix:      rule.Fix{Description: "wait behind the loop", Sketch: p.Words(wait.Site).Call() + " // behind the loop that starts the goroutines"},
		})
		return
	}
}

func countsOne(site ssa.CallInstruction) bool {
	c, ok := program.Argument(site, 0).(*ssa.Const)
	return ok && c.Value != nil && c.Int64() <= 1
}

// tell fills the place of a report about one call on a group.
func tell(p *rule.Pass, call effects.GroupCall, related *ssa.Function, other ssa.Instruction, r rule.Report) {
	r.Func, r.Pos, r.About = call.Func, call.Site.Pos(), "wait group"
	if r.Severity == 0 {
		r.Severity = finding.High
	}
	set := p.Program.DomainOf(call.Func)
	r.Domain = set.Worst()
	r.Proof = set.Proof(r.Domain)
	r.Related = []rule.Related{{Func: related, Pos: other.Pos(), Message: "the other side"}}
	p.Report(r)
}
