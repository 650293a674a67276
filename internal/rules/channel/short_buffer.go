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

// ShortBuffer reports a channel that more goroutines send on than buffer and receives can take.
var ShortBuffer = &rule.Rule{
	ID:        "channel/short-buffer",
	Title:     "more senders than buffer and receives",
	Checklist: []string{"4.6"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "short_buffer.md"),
	Check:     shortBuffer,
}

func shortBuffer(p *rule.Pass) {
	for _, c := range p.Effects.Channels().All {
		// A buffer of unknown size may be made to measure.
		if !c.Known || c.Capacity > 1 || c.ForeignReceives || !p.Watched(c.Func()) {
			continue
		}
		send, starts := crowd(p, c)
		if send == nil {
			continue
		}
		// When the receiver's end is the end of the process, nothing is left behind.
		if p.Effects.OncePerProcess(c.Func()) {
			continue
		}
		if why, pos := fewer(p, c, starts); pos != nil {
			tellShort(p, c, send, starts[0], why, pos)
		}
	}
}

// crowd returns a lone send on the channel that several goroutines of its maker run, and where they are started: one
// statement in a loop, or several.
func crowd(p *rule.Pass, c *effects.Channel) (send *effects.ChannelOp, starts []ssa.CallInstruction) {
	many := false
	for _, op := range c.Of(effects.ChannelSend) {
		if !op.Alone() || !op.Exact || len(op.Channels) != 1 {
			continue
		}
		start := startIn(p, op.Func, c.Func())
		if start == nil {
			continue
		}
		if send == nil {
			send = op
		}
		if effects.InLoop(start) && !effects.InLoop(c.Make) {
			many = true
		}
		known := false
		for _, s := range starts {
			known = known || s == start
		}
		if !known {
			starts = append(starts, start)
		}
	}
	if !many && len(starts) < 2+int(c.Capacity) {
		return nil, nil
	}
	return send, starts
}

// fewer returns the instruction by which the maker shows that it takes fewer values than are sent, and says how.
func fewer(p *rule.Pass, c *effects.Channel, starts []ssa.CallInstruction) (why string, at ssa.Instruction) {
	receives := c.Of(effects.ChannelReceive)
	single := 0
	for _, r := range receives {
		// Another function receives: how much is not known.
		if r.Func != c.Func() {
			return "", nil
		}
		if r.Select != nil || r.Range {
			continue
		}
		if !effects.InLoop(r.Instr) {
			single++
		}
	}
	if len(receives) == 0 {
		return "", nil
	}
	if wait := waitsFirst(p, c, starts[len(starts)-1], receives); wait != nil {
		return "waits for the senders before it receives", wait
	}
	if single == len(receives) && (effects.InLoop(starts[0]) || int64(single)+c.Capacity < int64(len(starts))) {
		return "receives once", receives[0].Instr
	}
	for _, r := range receives {
		if exit := leavesLoop(r); exit != nil {
			return "returns early from the loop that receives", exit
		}
	}
	return "", nil
}

// waitsFirst returns a wait for the end of the senders that comes before every receive: the senders can't end.
func waitsFirst(p *rule.Pass, c *effects.Channel, start ssa.CallInstruction, receives []*effects.ChannelOp) ssa.Instruction {
	for _, w := range p.Effects.GroupCalls(c.Func()) {
		call, ok := w.Site.(*ssa.Call)
		if !ok || w.Method != "Wait" || !effects.After(start, call) {
			continue
		}
		g := effects.Goroutine{Start: start}
		for _, e := range p.Program.Callees(start) {
			g.Func = e.Callee
		}
		if g.Func == nil || !p.Effects.JoinedBy(g, call) {
			continue
		}
		for _, r := range receives {
			if !effects.Before(call, r.Instr) {
				return nil
			}
		}
		return call
	}
	return nil
}

// leavesLoop returns the return that a loop around a lone receive can take before its condition ends it, or nil.
func leavesLoop(r *effects.ChannelOp) ssa.Instruction {
	if !r.Alone() || r.Range || !effects.InLoop(r.Instr) {
		return nil
	}
	inside := make(map[*ssa.BasicBlock]bool)
	for _, b := range effects.LoopOf(r.Instr.Block()) {
		inside[b] = true
	}
	ends := make(map[effects.Edge]bool)
	for b := range inside {
		if b != r.Instr.Block() && b.Dominates(r.Instr.Block()) {
			for _, to := range b.Succs {
				if !inside[to] {
					ends[effects.Edge{From: b, To: to}] = true
				}
			}
		}
	}
	if closed, ok := effects.ClosedEdge(r); ok {
		ends[closed] = true // v, ok := <-ch: the loop goes on until the senders are done
	}
	w := &effects.Paths{EndsOn: ends, Ends: func(instr ssa.Instruction) bool { return instr == r.Instr }}
	return w.ExitAfter(r.Instr)
}

func tellShort(p *rule.Pass, c *effects.Channel, send *effects.ChannelOp, start ssa.CallInstruction, why string, short ssa.Instruction) {
	maker := program.Name(c.Func())
	pos := leaving(short)
	sc := rule.NewScenario()
	m := sc.Actor(maker, "starts the senders")
	s := sc.Actor("last "+running(p, send.Func), verb(send))
	m.Step(start.Pos(), "starts goroutines that each send on "+c.Name, fmt.Sprintf("buffer of %d", c.Capacity))
	m.Step(pos, why, "")
	s.Step(send.Pos, verb(send), "waits for a receiver")
	sc.Outcome("the senders that come too late stay until the process ends")
	finish(p, send, c.Name, rule.Report{
		Severity: finding.High, Reason: often(p, c.Func()),
		Message: fmt.Sprintf("more goroutines send on %s than its buffer of %d and %s take (it %s); the others wait for ever",
			send.Expr, c.Capacity, maker, why),
		Related: []rule.Related{
			{Func: c.Func(), Pos: start.Pos(), Message: "the senders are started here"},
			{Func: c.Func(), Pos: pos, Message: why},
		},
		Scenario: sc,
		Fix: rule.Fix{Description: "give every sender room for its value",
			Sketch: fmt.Sprintf("%s := make(%s, n) // n: how many senders there are", c.Name, p.Words(c.Make).Type(c.Make.Type()))},
	})
}
