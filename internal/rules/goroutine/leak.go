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

// Leak reports a goroutine that waits for what may never come, started anew for each call.
var Leak = &rule.Rule{
	ID:        "goroutine/leak",
	Title:     "goroutine waits for ever, one more with every call",
	Checklist: []string{"6.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "leak.md"),
	Check:     leak,
}

func leak(p *rule.Pass) {
	neverSignalled(p)
	startedAgain(p)
	for _, op := range p.Effects.Channels().Ops {
		if op.Kind != effects.ChannelReceive || !op.Alone() || p.Program.Generated(op.Func) {
			continue
		}
		for _, g := range starts(p, op.Func) {
			if op.Range && endlessRange(p, op, g) || !op.Range && (waitsForProcess(p, op, g) || servesOwnCall(p, op, g)) {
				break
			}
		}
	}
}

// neverSignalled tells of a wait on a condition variable that nothing wakes.
func neverSignalled(p *rule.Pass) {
	for _, c := range p.Effects.Conds() {
		// Somebody wakes it, or Wait is called elsewhere.
		if c.Method != "Wait" || c.Value || p.Program.Generated(c.Func) || p.Effects.Woken(c) {
			continue
		}
		name := program.Name(c.Func)
		sc := rule.NewScenario()
		a := sc.Actor(name, "waits for the condition")
		a.Step(c.Func.Pos(), "runs "+name, "the condition does not hold")
		a.Step(c.Instr.Pos(), "calls Wait", "no Signal and no Broadcast of it exists")
		sc.Outcome("%s never returns once it waits", name)
		put(p, c.Func, c.Instr, "condition variable", "", rule.Report{
			Message:  fmt.Sprintf("nothing signals this condition variable; %s waits for ever", name),
			Scenario: sc,
			Fix:      rule.Fix{Description: "wake the waiters where the condition changes, on error paths too", Sketch: p.Words(c.Instr).Fill("$c.L.Lock()\n// what is waited for has happened, or has failed\n$c.Broadcast()\n$c.L.Unlock()")},
		})
	}
}

// endlessRange tells of a range over a channel that its maker neither closes nor keeps: it never ends.
func endlessRange(p *rule.Pass, op *effects.ChannelOp, start *ssa.Go) bool {
	if !op.Exact || len(op.Channels) != 1 {
		return false
	}
	c := op.Channels[0]
	maker := start.Parent()
	// Somebody closes it or may; or it belongs to something that lives longer than the call.
	if c.Func() != maker || len(c.Of(effects.ChannelClose)) > 0 || c.ForeignSends || len(c.Of(effects.ChannelSend)) == 0 {
		return false
	}
	// The loop has another way out, or the maker never returns, or runs once.
	if leavesRange(op) || !returns(start) || p.Effects.OncePerProcess(maker) || kept(c) {
		return false
	}
	name := program.Name(maker)
	sc := rule.NewScenario()
	m := sc.Actor(name, "starts the goroutine")
	g := sc.Actor("goroutine started by "+name, "ranges over "+op.Expr)
	m.Step(c.Make.Pos(), "makes "+op.Expr, "nothing closes it")
	m.Step(start.Pos(), "starts the goroutine and returns", "")
	g.Step(op.Pos, "waits for the next value", "none will come")
	sc.Outcome("every call of %s leaves a goroutine behind", name)
	put(p, op.Func, op.Instr, op.Expr, often(p, maker), rule.Report{
		Pos:      op.Pos,
		Message:  fmt.Sprintf("nothing closes %s; the range over it never ends and every call of %s leaves a goroutine", op.Expr, name),
		Related:  []rule.Related{{Func: maker, Pos: start.Pos(), Message: "started here"}},
		Scenario: sc,
		Fix:      rule.Fix{Description: "close it when the last value was sent", Sketch: fmt.Sprintf("defer close(%s)", op.Expr)},
	})
	return true
}

// kept tells whether the channel is stored in a field, a global or a container, or handed out.
func kept(c *effects.Channel) bool {
	for _, ref := range *c.Make.Referrers() {
		switch x := ref.(type) {
		case *ssa.Store:
			if _, local := x.Addr.(*ssa.Alloc); !local {
				return true
			}
		case *ssa.Return, *ssa.MapUpdate, *ssa.MakeInterface:
			return true
		}
	}
	return false
}

// leavesRange tells whether the body of a range has a way out of the function.
func leavesRange(op *effects.ChannelOp) bool {
	block := op.Instr.Block()
	w := &effects.Paths{Goexit: true, Ends: func(instr ssa.Instruction) bool { return instr == op.Instr }, EndsOn: map[effects.Edge]bool{}}
	if len(block.Succs) == 2 {
		w.EndsOn[effects.Edge{From: block, To: block.Succs[1]}] = true
	}
	return w.ExitAfter(op.Instr) != nil
}

// returns tells whether the starter can return after the start.
func returns(start *ssa.Go) bool {
	w := &effects.Paths{}
	return w.ExitAfter(start) != nil
}

// waitsForProcess tells of a goroutine that waits only for the end of a context which ends with the process or never,
// although its starter returns.
func waitsForProcess(p *rule.Pass, op *effects.ChannelOp, start *ssa.Go) bool {
	starter := start.Parent()
	if p.Effects.Awaits(op.Value) != effects.AwaitDone || p.Effects.OncePerProcess(starter) || !returns(start) {
		return false
	}
	// A constructor is called once for each thing that lives on.
	if len(p.Program.EntriesOf(starter)) == 0 && len(p.Program.Callers(starter)) == 0 {
		return false
	}
	if !p.Strict && !p.Effects.RunsOften(starter) {
		return false // what is started as the process comes up is as many as there are calls
	}
	origin := longLived(p, op.Value)
	if origin == "" {
		return false
	}
	name := program.Name(starter)
	sc := rule.NewScenario()
	s := sc.Actor(name, "starts the goroutine")
	g := sc.Actor("goroutine started by "+name, "waits for "+op.Expr)
	s.Step(start.Pos(), "starts the goroutine and returns", "")
	g.Step(op.Pos, "waits for "+op.Expr, origin)
	sc.Outcome("every call of %s leaves a goroutine behind", name)
	put(p, op.Func, op.Instr, op.Expr, often(p, starter), rule.Report{
		Pos:      op.Pos,
		Message:  fmt.Sprintf("the goroutine ends with %s only, %s; every call of %s leaves one", op.Expr, origin, name),
		Related:  []rule.Related{{Func: starter, Pos: start.Pos(), Message: "started here"}},
		Scenario: sc,
		Fix: rule.Fix{Description: "end the goroutine with the call",
			Sketch: p.WordsAt(op.Func, op.Pos).Fill("goroutineCtx, cancel := context.WithCancel($parent) // for the goroutine\ndefer cancel()")},
	})
	return true
}

// longLived says in which way a context outlives its calls, or "".
func longLived(p *rule.Pass, done ssa.Value) string {
	for _, src := range p.Program.Sources(done).Values {
		call, ok := src.(*ssa.Call)
		if !ok {
			return ""
		}
		origins := p.Effects.Contexts().Of(program.Receiver(call))
		found := ""
		for _, o := range origins {
			// Somebody ends it.
			if o.Bounded || o.Cancellable || o.Deferred != nil {
				return ""
			}
			switch o.Kind {
			case effects.BackgroundContext, effects.DetachedContext:
				found = "which nothing ends"
			case effects.ProcessContext, effects.LeaderContext, effects.ReconcileContext:
				if found == "" {
					found = "which ends with the process"
				}
			default:
				return ""
			}
		}
		if found != "" {
			return found
		}
	}
	return ""
}

// often says how many are left behind: a reason for the severity.
func often(p *rule.Pass, fn *ssa.Function) string {
	for _, e := range p.Program.EntriesOf(fn) {
		switch {
		case e.Parallel():
			return fmt.Sprintf("%s runs for every request", program.Name(e.Func))
		case e.Kind == program.EntryReconcile:
			return fmt.Sprintf("%s runs for every object", program.Name(e.Func))
		}
	}
	return ""
}

// put fills the place and the domain of a report.
func put(p *rule.Pass, fn *ssa.Function, instr ssa.Instruction, about, reason string, r rule.Report) {
	r.Func, r.About, r.Reason = fn, about, reason
	if r.Severity == 0 {
		r.Severity = finding.High
	}
	if !r.Pos.IsValid() {
		r.Pos = instr.Pos()
	}
	set := p.Program.DomainOf(fn)
	r.Domain = set.Worst()
	r.Proof = set.Proof(r.Domain)
	p.Report(r)
}
