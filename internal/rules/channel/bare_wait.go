// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// BareWait reports a receive without a way out whose sender has given up or never comes: after a timeout, on a drained
// timer, on a stopped ticker.
var BareWait = &rule.Rule{
	ID:        "channel/bare-wait",
	Title:     "receive without a way out after the sender gave up",
	Checklist: []string{"4.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "bare_wait.md"),
	Check:     bareWait,
}

func bareWait(p *rule.Pass) {
	for _, op := range p.Effects.Channels().Ops {
		if op.Kind != effects.ChannelReceive || !op.Alone() || !p.Watched(op.Func) {
			continue
		}
		if p.Effects.Awaits(op.Value) == effects.AwaitTime {
			if op.Range {
				stoppedTicker(p, op)
			} else if !stoppedTimer(p, op) {
				drainedTimer(p, op)
			}
			continue
		}
		afterTimeout(p, op)
	}
}

// afterTimeout tells of a receive in the timeout branch of a select that waited for the same channel.
func afterTimeout(p *rule.Pass, op *effects.ChannelOp) {
	for _, other := range p.Effects.Channels().In(op.Func) {
		if other.Select == nil || !other.Select.Blocking || p.Effects.Awaits(other.Value) != effects.AwaitTime {
			continue
		}
		edge, ok := effects.CaseEdge(other.Select, other.Case)
		// The receive must lie in this branch alone.
		if !ok || len(edge.To.Preds) != 1 || !edge.To.Dominates(op.Instr.Block()) {
			continue
		}
		waited := sameWait(p, other, op)
		// Another channel is waited for: that is another question.
		if waited == nil {
			continue
		}
		// The sender was made to end in between, and this waits for it to be gone.
		if endsSender(p, edge, op) {
			continue
		}
		sc := rule.NewScenario()
		a := sc.Actor(running(p, op.Func), "waits for "+op.Expr+" with a timeout")
		a.Step(other.Pos, "the timeout fires", "the sender is still busy")
		a.Step(op.Pos, verb(op)+" without a way out", "waits as long as the sender does")
		sc.Outcome("the timeout bounds nothing: %s hangs with its sender", program.Name(op.Func))
		finish(p, op, op.Expr, rule.Report{
			Severity: finding.High, Reason: often(p, op.Func),
			Message: fmt.Sprintf("after the timeout at %s %s waits for %s again, without a way out; the timeout is void",
				at(p, other.Pos), program.Name(op.Func), op.Expr),
			Related:  []rule.Related{{Func: op.Func, Pos: waited.Pos, Message: "waited for with a timeout here"}},
			Scenario: sc,
			Fix: rule.Fix{Description: "leave the clean-up to a goroutine and return",
				Sketch: p.WordsAt(op.Func, op.Pos).Fill("go func() {\n\tif late := <-$channel; late != nil {\n\t\t// release what came too late\n\t}\n}()\n$leave", "channel", op.Expr, "leave", p.WordsAt(op.Func, op.Pos).Return(`errors.New("timed out")`))},
		})
		return
	}
}

// endsSender tells whether the timeout's branch kills a process before it waits again, be it by the end of the context that
// the process was started under. Cancelling a context is no such thing otherwise: it asks, and what did not answer in time
// may not hear.
func endsSender(p *rule.Pass, edge effects.Edge, op *effects.ChannelOp) bool {
	for site := range program.Sites(op.Func) {
		if !edge.To.Dominates(site.Block()) || !effects.Before(site, op.Instr) {
			continue
		}
		if cancels(site) && runsCommand(p, op) {
			return true
		}
		target, recv := program.Target(site), program.Receiver(site)
		if target != nil && recv != nil && (target.Name() == "Kill" || target.Name() == "Signal") && program.IsNamed(recv.Type(), "os", "Process") {
			return true
		}
	}
	return false
}

// cancels tells whether a call runs the cancel function of a context.
func cancels(site ssa.CallInstruction) bool {
	_, plain := site.(*ssa.Call)
	return plain && !site.Common().IsInvoke() && program.IsNamed(site.Common().Value.Type(), "context", "CancelFunc")
}

// runsCommand tells whether all that signal a channel run a command which is killed when its context ends.
func runsCommand(p *rule.Pass, op *effects.ChannelOp) bool {
	signals := op.Channels[0].Signals()
	return len(op.Channels) == 1 && len(signals) > 0 && !slices.ContainsFunc(signals, func(s *effects.ChannelOp) bool {
		for fn := range p.Effects.Reach(s.Func) {
			for site := range program.Sites(fn) {
				target := program.Target(site)
				if target != nil && target.Name() == "CommandContext" && target.Pkg() != nil && target.Pkg().Path() == "os/exec" {
					return false
				}
			}
		}
		return true
	})
}

// sameWait returns the case beside other that waits for the channel of op, or nil.
func sameWait(p *rule.Pass, other, op *effects.ChannelOp) *effects.ChannelOp {
	for _, beside := range p.Effects.Others(other) {
		if beside.Kind != effects.ChannelReceive {
			continue
		}
		for _, c := range beside.Channels {
			for _, d := range op.Channels {
				if c == d {
					return beside
				}
			}
		}
	}
	return nil
}

// drainedTimer tells of "if !t.Stop() { <-t.C }" where an earlier receive may have taken the value already.
func drainedTimer(p *rule.Pass, op *effects.ChannelOp) {
	timer := timerOf(op.Value)
	if timer == nil || !behindStop(p, op, timer) {
		return
	}
	name := p.Effects.Variable(timer)
	for _, other := range p.Effects.Channels().In(op.Func) {
		t := timerOf(other.Value)
		if other == op || other.Kind != effects.ChannelReceive || t == nil || p.Effects.Variable(t) != name {
			continue
		}
		if !reachesUnreset(p, other, op, timer) {
			continue
		}
		sc := rule.NewScenario()
		a := sc.Actor(running(p, op.Func), "receives from "+op.Expr)
		a.Step(other.Pos, "receives the timer's only value", "the timer has fired and is not set again")
		a.Step(op.Pos, "Stop says false; "+verb(op)+" to drain it", "nothing is there and nothing will come")
		sc.Outcome("%s hangs, and everything that sends to it", program.Name(op.Func))
		finish(p, op, op.Expr, rule.Report{
			Severity: finding.High, Reason: often(p, op.Func),
			Message: fmt.Sprintf("%s is drained after Stop, but %s may have received its value already (%s); the receive waits for ever",
				op.Expr, program.Name(op.Func), at(p, other.Pos)),
			Related:  []rule.Related{{Func: op.Func, Pos: other.Pos, Message: "takes the value"}},
			Scenario: sc,
			Fix: rule.Fix{Description: "drain without waiting (not needed at all from Go 1.23 on)",
				Sketch: fmt.Sprintf("if !%s.Stop() {\n\tselect {\n\tcase <-%s:\n\tdefault:\n\t}\n}", strings.TrimSuffix(op.Expr, ".C"), op.Expr)},
		})
		return
	}
}

// timerOf returns the place of the timer or ticker whose channel v is, or nil.
func timerOf(v ssa.Value) ssa.Value {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return nil
	}
	addr, ok := load.X.(*ssa.FieldAddr)
	if !ok || !program.IsNamed(addr.X.Type(), "time", "Timer") && !program.IsNamed(addr.X.Type(), "time", "Ticker") {
		return nil
	}
	return addr.X
}

// behindStop tells whether the receive runs only where Stop of the timer said false.
func behindStop(p *rule.Pass, op *effects.ChannelOp, timer ssa.Value) bool {
	for b := op.Instr.Block().Idom(); b != nil; b = b.Idom() {
		cond, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		v := cond.Cond
		if not, ok := v.(*ssa.UnOp); ok {
			v = not.X
		}
		call, ok := v.(*ssa.Call)
		if ok && isTimerCall(p, call, "Stop", p.Effects.Variable(timer)) {
			return true
		}
	}
	return false
}

func isTimerCall(p *rule.Pass, site ssa.CallInstruction, method, timer string) bool {
	target := program.Target(site)
	recv := program.Receiver(site)
	return target != nil && recv != nil && target.Name() == method && target.Pkg() != nil && target.Pkg().Path() == "time" &&
		p.Effects.Variable(recv) == timer
}

// reachesUnreset tells whether control can get from the receive to the drain without setting the timer again, or making
// another one.
func reachesUnreset(p *rule.Pass, from, drain *effects.ChannelOp, of ssa.Value) bool {
	hit, timer := false, p.Effects.Variable(of)
	made, _ := of.(ssa.Instruction)
	w := &effects.Paths{Ends: func(instr ssa.Instruction) bool {
		if instr == drain.Instr {
			hit = true
			return true
		}
		if site, ok := instr.(ssa.CallInstruction); ok && (instr == made || isTimerCall(p, site, "Reset", timer)) {
			return true
		}
		store, ok := instr.(*ssa.Store)
		return ok && p.Effects.Variable(store.Addr) == timer
	}}
	if from.Select == nil {
		w.ExitAfter(from.Instr)
		return hit
	}
	if edge, ok := effects.CaseEdge(from.Select, from.Case); ok {
		w.ExitOn(edge)
	}
	return hit
}

// stoppedTicker tells of a range over a ticker's channel that another function means to end by Stop.
func stoppedTicker(p *rule.Pass, op *effects.ChannelOp) {
	timer := timerOf(op.Value)
	if timer == nil {
		return
	}
	name := p.Effects.Variable(timer)
	stop := stopElsewhere(p, op, name)
	// Without a Stop elsewhere the loop is meant to run for ever, or its own defer comes too late to matter here.
	if stop == nil {
		return
	}
	sc := rule.NewScenario()
	s := sc.Actor(program.Name(stop.Parent()), "stops the ticker")
	a := sc.Actor(running(p, op.Func), "ranges over "+op.Expr)
	s.Step(stop.Pos(), "calls Stop", "no more ticks; the channel stays open")
	a.Step(op.Pos, "waits for the next tick", "none will come")
	sc.Outcome("the goroutine never ends")
	finish(p, op, op.Expr, rule.Report{
		Severity: finding.High, Reason: often(p, op.Func),
		Message:  fmt.Sprintf("Stop does not close %s; the range over it never ends", op.Expr),
		Related:  []rule.Related{{Func: stop.Parent(), Pos: stop.Pos(), Message: "stopped here"}},
		Scenario: sc,
		Fix: rule.Fix{Description: "wait for an end beside the tick",
			Sketch: p.WordsAt(op.Func, op.Pos).Fill("for {\n\tselect {\n\tcase <-$channel:\n\t\t// what stands in the loop\n\t$ended\n\t\t$leave\n\t}\n}", "channel", op.Expr, "leave", p.WordsAt(op.Func, op.Pos).Return("nil"))},
	})
}

// stopElsewhere returns a call of Stop on the ticker outside of the looping function, or nil.
func stopElsewhere(p *rule.Pass, op *effects.ChannelOp, ticker string) ssa.Instruction {
	for _, fn := range p.Program.Funcs {
		if fn == op.Func || p.Program.Package(fn) != p.Program.Package(op.Func) {
			continue
		}
		for site := range program.Sites(fn) {
			if _, deferred := site.(*ssa.Defer); !deferred && isTimerCall(p, site, "Stop", ticker) {
				return site
			}
		}
	}
	return nil
}
