// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// LockOrder reports two locks that are taken in both orders.
var LockOrder = &rule.Rule{
	ID:        "mutex/lock-order",
	Title:     "two locks are taken in both orders",
	Checklist: []string{"4.1"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "lock_order.md"),
	Check:     lockOrder,
}

// nesting is a lock taken while another one is held.
type nesting struct {
	fn    *ssa.Function
	outer memory.Holding
	site  ssa.CallInstruction
	take  *memory.Take
	// also are the other locks held there.
	also []memory.Holding
}

type pair struct{ outer, inner memory.Place }

func lockOrder(p *rule.Pass) {
	nestings := make(map[pair][]nesting)
	runsOne := singles(p)
	var order []pair
	for _, fn := range p.Program.Funcs {
		if flow := locks(p).Flow(fn); flow != nil && p.Watched(fn) {
			for site := range program.Sites(fn) {
				if !runsOne(site) {
					continue
				}
				for _, n := range nestedAt(p, fn, flow, site) {
					if slices.ContainsFunc(n.take.Path(), func(at ssa.CallInstruction) bool { return !runsOne(at) }) {
						continue
					}
					key := pair{n.outer.Lock.Place, n.take.Lock.Place}
					if nestings[key] == nil {
						order = append(order, key)
					}
					nestings[key] = append(nestings[key], n)
				}
			}
		}
	}
	told := make(map[pair]bool)
	for _, key := range order {
		back := pair{key.inner, key.outer}
		if told[back] || nestings[back] == nil {
			continue
		}
		if a, b, ok := crossing(p, nestings[key], nestings[back]); ok {
			told[key] = true
			tellOrder(p, a, b)
		}
	}
}

// nestedAt lists the locks that a call takes under others.
func nestedAt(p *rule.Pass, fn *ssa.Function, flow *memory.Flow, site ssa.CallInstruction) []nesting {
	held := flow.At(site).May
	if len(held) == 0 {
		return nil
	}
	var out []nesting
	for _, take := range locks(p).TakesAt(site) {
		if !take.Lock.Place.Known() {
			continue
		}
		for _, h := range held {
			if h.Lock.Place.Known() && h.Lock.Place != take.Lock.Place && !unnamed(take.Lock) && !unnamed(h.Lock) && !givenUp(take, h) {
				out = append(out, nesting{fn, h, site, take, held})
			}
		}
	}
	return out
}

// unnamed tells whether a lock is known only by the expression that makes it: it is one of many, which of them is open.
func unnamed(lock memory.Lock) bool {
	local := lock.Place.Local
	return local != nil && local.Comment == "complit"
}

// crossing finds two nestings in opposite orders that two goroutines can be in at the same time.
func crossing(p *rule.Pass, there, back []nesting) (a, b nesting, ok bool) {
	for _, a := range there {
		for _, b := range back {
			switch {
			case a.outer.Mode == memory.Read && b.take.Mode == memory.Read,
				b.outer.Mode == memory.Read && a.take.Mode == memory.Read:
				continue // both only read one of the locks: they do not exclude each other there
			case a.outer.Mode == memory.Semaphore && b.outer.Mode == memory.Semaphore:
				continue
			case commonLock(a, b):
				continue // a third lock, held in both, lets only one of them in
			}
			if _, meet := p.Program.Concurrency().Meet(a.site, b.site); meet {
				return a, b, true
			}
		}
	}
	return nesting{}, nesting{}, false
}

// singles returns what tells whether a call can run one function only. A way to an inner lock over an interface that many types
// have, or over a list of functions, most often leads to another one of them: types allow the way, and nothing shows that this
// value takes it. The letter of the checklist asks for all.
func singles(p *rule.Pass) func(ssa.CallInstruction) bool {
	known := make(map[ssa.CallInstruction]bool)
	return func(site ssa.CallInstruction) bool {
		if p.Strict {
			return true
		}
		one, ok := known[site]
		if !ok {
			one = oneCallee(p, site)
			known[site] = one
		}
		return one
	}
}

// oneCallee tells whether a call can run one function at most, tests aside.
func oneCallee(p *rule.Pass, site ssa.CallInstruction) bool {
	var one *ssa.Function
	for _, e := range p.Program.Callees(site) {
		if e.Callee != one && !p.Program.InTest(e.Callee) && !p.Program.TestSupport(e.Callee) {
			if one != nil {
				return false
			}
			one = e.Callee
		}
	}
	return true
}

func commonLock(a, b nesting) bool {
	for _, x := range a.also {
		for _, y := range b.also {
			if x.Lock.Place == y.Lock.Place && x.Lock.Place.Known() && x.Mode == memory.Write && y.Mode == memory.Write {
				return true
			}
		}
	}
	return false
}

func tellOrder(p *rule.Pass, a, b nesting) {
	outer, inner := placeName(a.outer.Lock.Place), placeName(a.take.Lock.Place)
	scenario := rule.NewScenario()
	nameA, runsA := runner(p, a.fn)
	nameB, runsB := runner(p, b.fn)
	if nameA == nameB {
		nameA, nameB = nameA+" (1)", nameB+" (2)"
	}
	first, second := scenario.Actor(nameA, runsA), scenario.Actor(nameB, runsB)
	first.Step(siteOf(a.outer.Site), "takes "+verb(a.outer), outer+" is held")
	second.Step(siteOf(b.outer.Site), "takes "+verb(b.outer), inner+" is held")
	first.Step(siteOf(a.take.Site), fmt.Sprintf("asks for %s%s", inner, route(a.take.Path())), "waits")
	second.Step(siteOf(b.take.Site), fmt.Sprintf("asks for %s%s", outer, route(b.take.Path())), "waits")
	scenario.Outcome("each waits for the lock that the other holds; both, and everybody else who needs %s or %s, are stuck for ever", outer, inner)

	where, proof := domain(p, a.site)
	p.Report(rule.Report{
		Func: a.fn, Pos: siteOf(a.site), About: outer + " " + inner,
		Severity: finding.Critical, Reason: "two goroutines that meet here wait for each other for ever",
		Message: fmt.Sprintf("%s is taken under %s%s, and under %s %s takes %s; two goroutines that do both wait for each other",
			inner, outer, route(a.take.Path()), inner, program.Name(b.fn), outer),
		Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: a.fn, Pos: siteOf(a.outer.Site), Message: outer + " is taken here"},
			{Func: a.take.Site.Parent(), Pos: siteOf(a.take.Site), Message: "and " + inner + " under it here"},
			{Func: b.fn, Pos: siteOf(b.outer.Site), Message: "the other way: " + inner + " is taken here"},
			{Func: b.fn, Pos: siteOf(b.site), Message: "and under it the way to " + outer + " begins here"},
			{Func: b.take.Site.Parent(), Pos: siteOf(b.take.Site), Message: "and " + outer + " is taken under it here"},
		},
		Scenario: scenario,
		Fix: rule.Fix{
			Description: "take the two locks in one order everywhere, or release the first before the second is needed",
			Sketch:      fmt.Sprintf("%s.%s() // in %s, before the way to %s begins\n%s", spelled(p, b.outer), unlockOf(b.outer.Mode), program.Name(b.fn), outer, p.WordsAt(b.fn, siteOf(b.site)).Line()),
		},
	})
}
