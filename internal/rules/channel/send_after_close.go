// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// SendAfterClose reports a close that does not wait for a goroutine which still sends.
var SendAfterClose = &rule.Rule{
	ID:        "channel/send-after-close",
	Title:     "channel closed while a goroutine may still send on it",
	Checklist: []string{"4.7", "4.3"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "send_after_close.md"),
	Check:     sendAfterClose,
}

func sendAfterClose(p *rule.Pass) {
	told := make(map[*effects.ChannelOp]bool)
	for _, c := range p.Effects.Channels().All {
		if !p.Watched(c.Func()) {
			continue
		}
		for _, cl := range c.Of(effects.ChannelClose) {
			// The operand may be another channel.
			if !cl.Exact || len(cl.Channels) != 1 {
				continue
			}
			// Nothing in sight gets to the close; or nothing but the end of the process comes behind it.
			if !p.Strict && (p.Program.Unreached(cl.Func) || lastInMain(p, cl)) {
				continue
			}
			if late := outlive(p, c, cl); len(late) > 0 {
				for _, l := range late {
					told[l.op] = true
				}
				tellSendAfter(p, c, cl, late)
				break
			}
		}
	}
	sendUnlocked(p, told)
}

// lateSend is a send and the goroutine that can still be on its way to it.
type lateSend struct {
	op *effects.ChannelOp
	g  effects.Goroutine
}

// outlive returns the sends that a goroutine can still be on its way to when the close runs; those that a go statement
// leads to directly come first.
func outlive(p *rule.Pass, c *effects.Channel, cl *effects.ChannelOp) []lateSend {
	var direct, others []lateSend
	for _, send := range c.Of(effects.ChannelSend) {
		// The operand may be another channel; a sender that recovers has seen to it.
		if !send.Exact || len(send.Channels) != 1 || p.Effects.Recovers(send.Func) {
			continue
		}
		// Both under one lock: the closer's flag keeps the sender away.
		if shareLock(p, send.Instr, cl.Instr) {
			continue
		}
		for _, g := range p.Effects.GoroutinesOf(send.Func) {
			if p.Effects.Reach(g.Func)[cl.Func] || p.Effects.Recovers(g.Func) {
				continue // the close is its own and comes in its order
			}
			if !p.Program.Concurrency().OneProcess(g.Func, cl.Func) {
				continue // another program of the project closes
			}
			if closesItself(p, g, c) || p.Effects.OtherBranch(g, cl) {
				continue // each that sends has a channel of its own; or only one of the two runs for a channel
			}
			if g.Start == nil {
				if handles(p, g) && send.Alone() && p.Effects.AsideOf(g.Func, cl.Func) {
					others = append(others, lateSend{send, g})
					break
				}
				continue // not a goroutine of its own
			}
			// Somebody who knows the goroutine's end is the one who closes.
			if awaited(p, g, cl) || endedBefore(p, g, cl) {
				continue
			}
			if send.Func == g.Func {
				direct = append(direct, lateSend{send, g})
			} else {
				others = append(others, lateSend{send, g})
			}
			break
		}
	}
	return append(direct, others...)
}

// closesItself tells whether a goroutine closes the channel that it sends on when it ends. Another one that closes it as
// well would always be one too many: the two have channels of different calls or objects.
func closesItself(p *rule.Pass, g effects.Goroutine, c *effects.Channel) bool {
	if g.Start == nil {
		return false
	}
	for _, cl := range c.Of(effects.ChannelClose) {
		if fn, _, _ := p.Effects.CloseAt(cl); fn == g.Func && cl.Exact {
			return true
		}
	}
	return false
}

// lastInMain tells whether main itself closes, and does nothing behind it.
func lastInMain(p *rule.Pass, cl *effects.ChannelOp) bool {
	fn, at, _ := p.Effects.CloseAt(cl)
	return fn.Name() == "main" && fn.Parent() == nil && fn.Signature.Recv() == nil && (isDeferred(at) || !effects.WorksBehind(at))
}

func isDeferred(at ssa.Instruction) bool {
	_, ok := at.(*ssa.Defer)
	return ok
}

// handles tells whether a goroutine that other code starts runs a handler of events or requests: nobody who closes waits
// for it.
func handles(p *rule.Pass, g effects.Goroutine) bool {
	e := p.Program.EntryAt(g.Func)
	return e != nil && (e.Parallel() || e.Kind == program.EntryInformer)
}

// shareLock tells whether two instructions run under a common mutex.
func shareLock(p *rule.Pass, a, b ssa.Instruction) bool {
	held := p.Effects.LocksAround(a)
	for lock := range p.Effects.LocksAround(b) {
		if held[lock] {
			return true
		}
	}
	return false
}

// awaited tells whether every way to the close passes a wait for the goroutine's end, or a word from it.
func awaited(p *rule.Pass, g effects.Goroutine, cl *effects.ChannelOp) bool {
	fn, at, deferred := p.Effects.CloseAt(cl)
	joins := p.Effects.JoinEdges(g, fn)
	if deferred {
		// The close runs at the exits: is there one that the wait does not come before?
		w := &effects.Paths{EndsOn: joins, Ends: func(instr ssa.Instruction) bool { return joined(p, g, instr) }}
		w.CountLoops(fn)
		if g.Start.Parent() == fn && effects.After(at, g.Start) {
			at = g.Start
		}
		return w.ExitAfter(at) == nil || waitsIn(p, g, cl)
	}
	return waitsIn(p, g, cl) || comesAfter(joins, cl)
}

// waitsIn tells whether the function that holds the close waits for the goroutine before it, or for what never comes.
func waitsIn(p *rule.Pass, g effects.Goroutine, cl *effects.ChannelOp) bool {
	for _, b := range cl.Func.Blocks {
		for _, instr := range b.Instrs {
			// A loop of waits counts: that it runs at least once can't be seen.
			precedes := effects.Before(instr, cl.Instr) || effects.InLoop(instr) && effects.After(instr, cl.Instr)
			if cl.Deferred || !precedes || instr == cl.Instr {
				continue
			}
			if joined(p, g, instr) || toldToEnd(p, g, instr) || waitsForEver(p, instr) {
				return true
			}
		}
	}
	return false
}

// comesAfter tells whether the close lies behind a select case that only the goroutine can bring about.
func comesAfter(joins map[effects.Edge]bool, cl *effects.ChannelOp) bool {
	for edge := range joins {
		if edge.To.Dominates(cl.Instr.Block()) {
			return true
		}
	}
	return false
}

// joined tells whether an instruction waits for the goroutine, be it by a range over what it sends.
func joined(p *rule.Pass, g effects.Goroutine, instr ssa.Instruction) bool {
	if p.Effects.JoinedBy(g, instr) {
		return true
	}
	call, ok := instr.(ssa.CallInstruction)
	if !ok {
		return false
	}
	for _, e := range p.Program.Callees(call) {
		if e.How == program.Starts {
			continue
		}
		for fn := range p.Effects.Reach(e.Callee) {
			for _, op := range p.Effects.Channels().In(fn) {
				if p.Effects.JoinedBy(g, op.Instr) {
					return true
				}
			}
		}
	}
	return false
}

func waitsForEver(p *rule.Pass, instr ssa.Instruction) bool {
	call, ok := instr.(*ssa.Call)
	return ok && p.Effects.Contexts().WaitsForEver(call)
}

// toldToEnd tells whether an instruction hands the goroutine the word to end, and waits until it has taken it.
func toldToEnd(p *rule.Pass, g effects.Goroutine, instr ssa.Instruction) bool {
	for _, op := range p.Effects.Channels().At(instr) {
		if p.Effects.Handshake(g, op) {
			return true
		}
	}
	return false
}

// endedBefore tells whether the goroutine that closes was told of the sender's end by its own start: the sender is
// started after the close, or the closer is the one that the sender's goroutine started.
func endedBefore(p *rule.Pass, g effects.Goroutine, cl *effects.ChannelOp) bool {
	if g.Start.Parent() == cl.Func && !cl.Deferred && !effects.After(g.Start, cl.Instr) {
		return true
	}
	if _, at, deferred := p.Effects.CloseAt(cl); deferred && g.Start.Parent() == at.Parent() && !effects.After(at, g.Start) && !effects.After(g.Start, at) {
		return true // deferred on a way on which the sender is not started
	}
	for _, root := range p.Effects.GoroutinesOf(cl.Func) {
		// One go statement that may start several functions starts one of them for each channel.
		if root.Start == g.Start {
			return true
		}
		if root.Start != nil && p.Effects.Reach(g.Func)[root.Start.Parent()] {
			return true
		}
	}
	return false
}

// begins returns where the goroutine of a sender begins.
func begins(g effects.Goroutine) rule.Related {
	if g.Start != nil {
		return rule.Related{Func: g.Start.Parent(), Pos: g.Start.Pos()}
	}
	return rule.Related{Func: g.Func, Pos: g.Func.Pos()}
}

func tellSendAfter(p *rule.Pass, c *effects.Channel, cl *effects.ChannelOp, late []lateSend) {
	closer := program.Name(cl.Func)
	send, g := late[0].op, late[0].g
	started := begins(g)
	more := []rule.Related{
		{Func: cl.Func, Pos: cl.Pos, Message: "closed here"},
		{Func: started.Func, Pos: started.Pos, Message: "the sender is started here"},
	}
	for _, l := range late[1:] {
		more = append(more, rule.Related{Func: l.op.Func, Pos: l.op.Pos, Message: verb(l.op) + " as well"})
	}
	sc := rule.NewScenario()
	k := sc.Actor(closer, verb(cl))
	s := sc.Actor(running(p, send.Func), verb(send))
	s.Step(started.Pos, "runs "+program.Name(g.Func), "nobody waits for its end")
	k.Step(cl.Pos, verb(cl), "closed")
	s.Step(send.Pos, verb(send), "panic: send on closed channel")
	sc.Outcome("the process goes down")
	sev, why := finding.Critical, ""
	if p.Effects.OncePerProcess(cl.Func) {
		sev, why = finding.Medium, "the channel is closed when the process ends"
	}
	finish(p, send, c.Name, rule.Report{
		Severity: sev, Reason: why,
		Message: fmt.Sprintf("%s closes %s (%s) without waiting for the %s; a send after that panics",
			closer, cl.Expr, at(p, cl.Pos), running(p, send.Func)),
		Related:  more,
		Scenario: sc,
		Fix: rule.Fix{Description: "wait for every sender before the close, or do not close at all",
			Sketch: fmt.Sprintf("senders.Wait() // senders: a sync.WaitGroup, which every sender of %[1]s is added to and calls Done on\nclose(%[1]s)", cl.Expr)},
	})
}
