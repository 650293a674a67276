// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// LostWakeup reports a wake-up of a condition variable that can fall between the waiter's check and its Wait.
var LostWakeup = &rule.Rule{
	ID:       "channel/lost-wakeup",
	Title:    "condition variable woken between the waiter's check and its wait",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1",
	Doc:      rule.Page(pages, "lost_wakeup.md"),
	Check:    lostWakeup,
}

func lostWakeup(p *rule.Pass) {
	conds := p.Effects.Conds()
	for _, c := range conds {
		if !p.Watched(c.Func) {
			continue
		}
		if c.Value {
			waitElsewhere(p, c)
			continue
		}
		if c.Method == "Wait" {
			continue
		}
		wait := waitOn(conds, c.Place)
		// Nobody waits, so nobody misses it.
		if wait == nil {
			continue
		}
		for _, site := range wakers(p, c) {
			unlockedWake(p, site, c, *wait)
		}
	}
}

// waitOn returns a wait on the condition variable at a place, or nil.
func waitOn(conds []effects.CondCall, place string) *effects.CondCall {
	for _, c := range conds {
		if c.Method == "Wait" && !c.Value && c.Place == place {
			return &c
		}
	}
	return nil
}

// wakers returns the call of Signal or Broadcast, or the calls of the function that does nothing else.
func wakers(p *rule.Pass, c effects.CondCall) []ssa.CallInstruction {
	site := c.Instr.(ssa.CallInstruction)
	if len(c.Func.Blocks) != 1 {
		return []ssa.CallInstruction{site}
	}
	for other := range program.Sites(c.Func) {
		if other != site {
			return []ssa.CallInstruction{site}
		}
	}
	var out []ssa.CallInstruction
	for _, e := range p.Program.Callers(c.Func) {
		out = append(out, e.Site)
	}
	return out
}

// unlockedWake tells of a wake-up without a lock after something that no lock orders: the end of a context, or a receive.
func unlockedWake(p *rule.Pass, site ssa.CallInstruction, c, wait effects.CondCall) {
	// Under the lock the waiter has not checked yet, or waits already.
	if len(p.Effects.LocksAround(site)) > 0 {
		return
	}
	cause := causeBefore(p, site)
	// The state was changed under the lock before: the waiter saw the old state only while it held the lock.
	if cause == nil || !checksDone(p, wait) {
		return
	}
	fn := site.Parent()
	sc := rule.NewScenario()
	w := sc.Actor(program.Name(wait.Func), "checks and waits")
	s := sc.Actor(program.Name(fn), "wakes the waiters")
	w.Step(wait.Func.Pos(), fmt.Sprintf("checks %s under the lock", cause.Expr), "not over yet")
	s.Step(cause.Pos, verb(cause), "over")
	s.Step(site.Pos(), "calls "+c.Method+" without the lock", "nobody waits yet")
	w.Step(wait.Instr.Pos(), "calls Wait", "the wake-up is gone")
	sc.Outcome("%s waits for ever: shutdown hangs", program.Name(wait.Func))
	set := p.Program.DomainOf(fn)
	p.Report(rule.Report{
		Func: fn, Pos: site.Pos(), About: shortPlace(c.Place), Severity: finding.High,
		Message: fmt.Sprintf("%s is called without the lock that %s holds from its check to its Wait; a wake-up in between is lost",
			c.Method, program.Name(wait.Func)),
		Domain: set.Worst(), Proof: set.Proof(set.Worst()),
		Related:  []rule.Related{{Func: wait.Func, Pos: wait.Instr.Pos(), Message: "waits here"}},
		Scenario: sc,
		Fix:      rule.Fix{Description: "wake under the lock", Sketch: p.Words(c.Instr).Fill("$c.L.Lock()\n$call\n$c.L.Unlock()")},
	})
}

// causeBefore returns the receive that every way to the wake-up passes: what the waiters are to learn of.
func causeBefore(p *rule.Pass, site ssa.CallInstruction) *effects.ChannelOp {
	for _, op := range p.Effects.Channels().In(site.Parent()) {
		if op.Kind == effects.ChannelReceive && op.Alone() && effects.Before(op.Instr, site) {
			return op
		}
	}
	return nil
}

// checksDone tells whether the waiting function polls a channel before it waits.
func checksDone(p *rule.Pass, wait effects.CondCall) bool {
	for _, op := range p.Effects.Channels().In(wait.Func) {
		if op.Select != nil && !op.Select.Blocking && effects.After(op.Instr, wait.Instr) {
			return true
		}
	}
	return false
}

// waitElsewhere tells of a Wait that is handed to another goroutine than the one that holds the lock.
func waitElsewhere(p *rule.Pass, c effects.CondCall) {
	if !strings.Contains(c.Method, "Wait") || len(p.Effects.LocksAround(c.Instr)) == 0 {
		return
	}
	for _, ref := range *c.Instr.(*ssa.MakeClosure).Referrers() {
		call, ok := ref.(ssa.CallInstruction)
		if !ok || !startsGoroutine(p, call) {
			continue
		}
		name := program.Name(c.Func)
		sc := rule.NewScenario()
		a := sc.Actor(name, "holds the lock")
		b := sc.Actor("the goroutine that runs Wait", "does not hold it")
		a.Step(call.Pos(), "hands Wait to a goroutine", "the lock is held here")
		b.Step(call.Pos(), "Wait unlocks the lock of the other, sleeps, and locks it again", "a signal before that is lost")
		sc.Outcome("the goroutine sleeps on, and %s waits for it with the lock", name)
		set := p.Program.DomainOf(c.Func)
		p.Report(rule.Report{
			Func: c.Func, Pos: call.Pos(), About: shortPlace(c.Place), Severity: finding.High,
			Message: fmt.Sprintf("Wait runs in another goroutine than %s, which holds the lock; a signal is lost and the goroutine sleeps on", name),
			Domain:  set.Worst(), Proof: set.Proof(set.Worst()), Scenario: sc,
			Fix: rule.Fix{Description: "wait in the goroutine that holds the lock", Sketch: waitHere(p, c)},
		})
		return
	}
}

// startsGoroutine tells whether a call, or the function it calls, starts a goroutine.
func startsGoroutine(p *rule.Pass, call ssa.CallInstruction) bool {
	if _, ok := call.(*ssa.Go); ok {
		return true
	}
	for _, callee := range p.Program.Static(call) {
		for _, e := range p.Program.CallsFrom(callee) {
			if e.How == program.Starts {
				return true
			}
		}
	}
	return false
}

// shortPlace is the last part of a place, for a name.
func shortPlace(place string) string {
	if i := strings.LastIndexByte(place, '/'); i >= 0 {
		return place[i+1:]
	}
	return place
}

// waitHere waits in the goroutine that holds the lock.
func waitHere(p *rule.Pass, c effects.CondCall) string {
	w := p.Words(c.Instr)
	cond := w.Selected(c.Place[strings.LastIndexByte(c.Place, '.')+1:])
	return w.Fill("$cond.L.Lock()\nfor !ready { // ready: what is waited for\n\t$cond.Wait()\n}\n$cond.L.Unlock()", "cond", cond)
}
