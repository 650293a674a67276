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

// Relock reports a lock that is taken again by the goroutine that holds it. Go's locks are not reentrant: the goroutine
// waits for itself.
var Relock = &rule.Rule{
	ID:        "mutex/relock",
	Title:     "a lock is taken again by the goroutine that holds it",
	Checklist: []string{"4.1"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "relock.md"),
	Check:     relock,
}

func relock(p *rule.Pass) {
	locks := p.Effects.Memory().Locks
	for _, fn := range p.Program.Funcs {
		flow := locks.Flow(fn)
		if flow == nil || !p.Watched(fn) {
			continue
		}
		told := make(map[memory.Place]bool) // one finding a function and lock: the first place says it all
		for site := range program.Sites(fn) {
			for _, h := range flow.At(site).May {
				if again := takenAgain(p, locks, site, h); again != nil && !told[h.Lock.Place] {
					told[h.Lock.Place] = true
					tellRelock(p, fn, h, site, again)
				}
			}
		}
	}
}

// takenAgain returns how a call takes a lock that is held before it.
func takenAgain(p *rule.Pass, locks *memory.Locks, site ssa.CallInstruction, h memory.Holding) *memory.Take {
	if h.Mode == memory.Semaphore {
		return nil // a semaphore can be taken as often as it has room
	}
	if h.Site == site && deferredUnlock(locks, site, h) {
		return nil // a loop that defers its unlock: told by defer-in-loop
	}
	for _, take := range locks.TakesAt(site) {
		switch {
		case !locks.Same(take.Lock, h.Lock):
			continue // another lock, or perhaps another instance
		case anotherTurn(take, h):
			continue // a loop takes the lock of one object after another
		case givenUp(take, h):
			continue // the callee gives the lock up before it takes it again
		case anotherCall(p, take, h):
			continue // a closure that is kept somewhere: it may be of another call, with a lock of its own
		case take.Mode == memory.Read && h.Mode == memory.Read && !locks.Written(h.Lock.Place):
			continue // nobody ever takes it for writing: readers do not wait for each other
		}
		return take
	}
	return nil
}

// anotherTurn tells whether a loop takes the lock of one element of a list or map after another.
func anotherTurn(take *memory.Take, h memory.Holding) bool {
	var element ssa.Instruction
	switch x := take.Lock.Ref.Root.(type) {
	case *ssa.Extract, *ssa.IndexAddr, *ssa.Phi, *ssa.Lookup:
		element = x.(ssa.Instruction)
	default:
		return false
	}
	at := take.Site
	if path := take.Path(); len(path) > 0 {
		at = path[0]
	}
	if element.Parent() != at.Parent() || h.Site == nil || h.Site.Parent() != at.Parent() {
		return false
	}
	if h.Site == at {
		return !program.RunsAgainWithout(at, element)
	}
	return !program.MayPrecedeWithout(h.Site, at, element)
}

func givenUp(take *memory.Take, h memory.Holding) bool {
	for _, place := range take.Given {
		if place == h.Lock.Place {
			return true
		}
	}
	return false
}

// anotherCall tells whether a lock is a variable of a function around the closure that takes it, and the closure is got
// from a place where closures of other calls of that function are kept too.
func anotherCall(p *rule.Pass, take *memory.Take, h memory.Holding) bool {
	local := h.Lock.Place.Local
	if local == nil {
		local, _ = h.Lock.Ref.Root.(*ssa.Alloc)
	}
	if local == nil || take.Site.Parent().Parent() == nil || p.Program.RunsOnce(local) {
		return false
	}
	for _, site := range take.Path() {
		if load, ok := site.Common().Value.(*ssa.UnOp); ok && !site.Common().IsInvoke() {
			if _, field := load.X.(*ssa.FieldAddr); field {
				return true
			}
		}
	}
	return false
}

// deferredUnlock tells whether the function defers the release of a lock.
func deferredUnlock(locks *memory.Locks, site ssa.CallInstruction, h memory.Holding) bool {
	for other := range program.Sites(site.Parent()) {
		if d, ok := other.(*ssa.Defer); ok && locks.Releases(d, h.Lock.Place) {
			return true
		}
	}
	return false
}

func tellRelock(p *rule.Pass, fn *ssa.Function, h memory.Holding, site ssa.CallInstruction, again *memory.Take) {
	name := lockName(h.Lock)
	how := fmt.Sprintf("%s is held and taken again", name)
	if path := again.Path(); len(path) > 0 {
		how = fmt.Sprintf("%s is held and taken again%s", name, route(path))
	}
	message := how + "; the goroutine waits for itself"
	outcome := fmt.Sprintf("%s waits for the lock that it holds itself; everybody else who needs %s waits with it, for ever", program.Name(fn), name)
	scenario := rule.NewScenario()
	actor, runs := runner(p, fn)
	first := scenario.Actor(actor, runs)
	first.Step(siteOf(h.Site), "takes "+verb(h), name+" is held")
	if h.Mode == memory.Read && again.Mode == memory.Read {
		message = how + " for reading; a writer that asks in between makes it wait for ever"
		writer := scenario.Actor("a writer", "takes "+placeName(h.Lock.Place)+" for writing")
		writer.Step(locks(p).Writer(h.Lock.Place).Pos(), "asks for the write lock", "the writer waits for the reader, new readers wait for the writer")
	}
	first.Step(siteOf(again.Site), fmt.Sprintf("asks for %s again%s", name, route(again.Path())), "waits")
	scenario.Outcome("%s", outcome)

	where, proof := domain(p, site)
	p.Report(rule.Report{
		Func: fn, Pos: siteOf(site), About: placeName(h.Lock.Place),
		Severity: finding.Critical, Reason: "the goroutine never gets on, and the lock is never free again",
		Message: message, Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: fn, Pos: siteOf(h.Site), Message: fmt.Sprintf("%s is taken here (%s)", name, h.Mode)},
			{Func: again.Site.Parent(), Pos: siteOf(again.Site), Message: fmt.Sprintf("and again here (%s)", again.Mode)},
		},
		Scenario: scenario,
		Fix:      relockFix(p, fn, h, site, again),
	})
}

func relockFix(p *rule.Pass, fn *ssa.Function, h memory.Holding, site ssa.CallInstruction, again *memory.Take) rule.Fix {
	if len(again.Path()) == 0 {
		return rule.Fix{
			Description: "unlock on every path before the lock is taken again",
			Sketch:      fmt.Sprintf("%[1]s.%[2]s()\n// on every path that leads to the next %[2]s:\n%[1]s.%[3]s()", spelled(p, h), h.Mode, unlockOf(h.Mode)),
		}
	}
	callee := program.Name(again.Site.Parent())
	return rule.Fix{
		Description: "split the callee: one part that takes the lock, and one that expects it to be held",
		Sketch: fmt.Sprintf("// %sLocked does the work of %s; the caller holds the lock.\n// %s calls %sLocked instead of %s.",
			bare(again.Site.Parent()), callee, program.Name(fn), bare(again.Site.Parent()), calleeName(site)),
	}
}

// bare is the name of a function without its receiver.
func bare(fn *ssa.Function) string {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	return fn.Name()
}

func unlockOf(m memory.Mode) string {
	if m == memory.Read {
		return "RUnlock"
	}
	return "Unlock"
}

func locks(p *rule.Pass) *memory.Locks { return p.Effects.Memory().Locks }
