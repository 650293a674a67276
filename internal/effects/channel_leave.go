// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Leaving is a way in which the only receiver of a channel goes away although a send may still come.
type Leaving struct {
	Send    *ChannelOp
	Channel *Channel
	// Sender is the goroutine that the send runs in; Start may be nil.
	Sender Goroutine
	// Receiver is the function that holds all receives, Receive the one that is passed by.
	Receiver *ssa.Function
	Receive  *ChannelOp
	// Exit is where the receiver returns; Instead is the select case that it takes, nil for a plain return.
	Exit    ssa.Instruction
	Instead *ChannelOp
	// Once is set when the sender sends a single value: a buffer of one would free it.
	Once bool
	// Local is set when the receiver made the channel and started the sender.
	Local bool
}

// LeftAlone returns how the receiver of a lone send can go away first, or nil when it can't or that is not known. It
// looks at unbuffered channels that are received from in one function only.
func (e *Effects) LeftAlone(op *ChannelOp) *Leaving {
	if op.Kind != ChannelSend || !op.Alone() || !op.Exact || len(op.Channels) != 1 {
		return nil
	}
	c := op.Channels[0]
	receives := c.Of(ChannelReceive)
	if !c.Unbuffered() || c.ForeignReceives || len(receives) == 0 {
		return nil
	}
	receiver := receives[0].Func
	for _, cl := range c.Of(ChannelClose) {
		if fn, _, _ := e.CloseAt(cl); fn == receiver {
			return nil // who comes too late panics: that is another question
		}
	}
	for _, r := range receives {
		if r.Func != receiver {
			return nil
		}
	}
	for _, g := range e.GoroutinesOf(op.Func) {
		if e.Reach(g.Func)[receiver] {
			continue // the receiver runs in the sender's own goroutine
		}
		if g.Start == nil && !e.repeats(g.Func) {
			continue // who calls from outside, and when, is not known
		}
		l := &Leaving{Send: op, Channel: c, Sender: g, Receiver: receiver, Receive: receives[0], Once: e.sendsOnce(op, g)}
		l.Local = g.Start != nil && g.Start.Parent() == receiver && c.Func() == receiver
		if e.leaves(l, receives) {
			return l
		}
	}
	return nil
}

// repeats tells whether fn is entered again and again while the process runs.
func (e *Effects) repeats(fn *ssa.Function) bool {
	for _, entry := range e.Program.EntriesOf(fn) {
		if entry.Func == fn && (entry.Parallel() || entry.Kind == program.EntryReconcile || entry.Kind == program.EntryInformer) {
			return true
		}
	}
	return false
}

// sendsOnce tells whether a goroutine runs the operation at most once, and is itself started once a channel.
func (e *Effects) sendsOnce(op *ChannelOp, g Goroutine) bool {
	if InLoop(op.Instr) {
		return false
	}
	if g.Start != nil && InLoop(g.Start) && !(op.Channels[0].Func() == g.Start.Parent() && InLoop(op.Channels[0].Make)) {
		return false
	}
	for fn, depth := op.Func, 0; fn != g.Func && fn != op.Channels[0].Func(); depth++ {
		callers := e.Program.Callers(fn)
		if len(callers) != 1 || InLoop(callers[0].Site) || depth > 4 {
			return false
		}
		fn = callers[0].Caller()
	}
	for _, other := range e.Channels().In(op.Func) {
		if other != op && other.Kind == ChannelSend && len(other.Channels) == 1 && other.Channels[0] == op.Channels[0] &&
			After(other.Instr, op.Instr) {
			return false
		}
	}
	return true
}

// leaves looks for the receiver's way out and notes it.
func (e *Effects) leaves(l *Leaving, receives []*ChannelOp) bool {
	w := &Paths{Goexit: true, EndsOn: e.JoinEdges(l.Sender, l.Receiver)}
	for _, op := range e.Channels().In(l.Receiver) {
		if edge, ok := CaseEdge(op.Select, op.Case); ok && op.Kind == ChannelReceive && e.excused(l.Send, op) {
			w.EndsOn[edge] = true
		}
	}
	at := make(map[ssa.Instruction]bool)
	for _, r := range receives {
		at[r.Instr] = true
		if r.Select != nil {
			if edge, ok := CaseEdge(r.Select, r.Case); ok {
				w.EndsOn[edge] = true
			}
		}
		if edge, ok := ClosedEdge(r); ok {
			w.EndsOn[edge] = true // closed: a send after that panics, it does not wait
		}
	}
	if l.Local && !receives[0].Range {
		w.Ends = func(instr ssa.Instruction) bool {
			_, isSelect := instr.(*ssa.Select)
			return at[instr] && !isSelect || e.JoinedBy(l.Sender, instr)
		}
		l.Exit = w.ExitAfter(l.Sender.Start)
		if l.Exit == nil {
			return false
		}
		for _, r := range receives {
			for _, other := range e.Others(r) {
				if edge, ok := CaseEdge(other.Select, other.Case); ok && !w.EndsOn[edge] && w.ExitOn(edge) != nil {
					l.Receive, l.Instead, l.Exit = r, other, w.ExitOn(edge)
					return true
				}
			}
		}
		return true
	}
	w.Ends = func(instr ssa.Instruction) bool { return at[instr] || e.JoinedBy(l.Sender, instr) }
	for _, r := range receives {
		if e.leavesFrom(l, r, w) {
			return true
		}
	}
	return false
}

// excused tells whether a case of the receiver's select leaves nobody behind: it comes with the end of the process or never, or is
// signalled under a lock that the sender holds while it sends.
func (e *Effects) excused(send, instead *ChannelOp) bool {
	if e.EndsWithProcess(instead.Value) || e.Contexts().NeverEnds(DoneOf(instead.Value)) {
		return true
	}
	held := e.LocksAround(send.Instr)
	if len(held) == 0 || len(instead.Channels) == 0 {
		return false
	}
	for _, c := range instead.Channels {
		for _, signal := range c.Signals() {
			shared := false
			for lock := range e.LocksAround(signal.Instr) {
				shared = shared || held[lock]
			}
			if !shared {
				return false
			}
		}
	}
	return true
}

// HearsToo tells whether the sender waits, between its sends, for the very word at which the receiver leaves: only a word
// that comes at the moment of a send leaves it behind.
func (e *Effects) HearsToo(l *Leaving) bool {
	if l.Instead == nil {
		return false
	}
	for _, op := range e.Channels().In(l.Send.Func) {
		if op.Kind != ChannelReceive || op.Select == nil {
			continue
		}
		for _, c := range op.Channels {
			if slices.Contains(l.Instead.Channels, c) {
				return true
			}
		}
		if sameChannel(e.Program, op.Value, l.Instead.Value) {
			return true
		}
	}
	return false
}

// sameChannel tells whether two operands are the same field of own code.
func sameChannel(p *program.Program, a, b ssa.Value) bool {
	x, ok := fieldOfLoad(a)
	y, same := fieldOfLoad(b)
	return ok && same && x == y && p.OwnType(x.Type)
}

func fieldOfLoad(v ssa.Value) (program.FieldKey, bool) {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return program.FieldKey{}, false
	}
	addr, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return program.FieldKey{}, false
	}
	return program.FieldKeyOf(addr.X.Type(), addr.Field)
}

// leavesFrom looks at the ways out next to one receive: the other cases of its select, and what follows once a value came
// although more will come.
func (e *Effects) leavesFrom(l *Leaving, r *ChannelOp, w *Paths) bool {
	for _, other := range e.Others(r) {
		edge, ok := CaseEdge(other.Select, other.Case)
		if !ok || w.EndsOn[edge] {
			continue
		}
		if exit := w.ExitOn(edge); exit != nil {
			l.Receive, l.Instead, l.Exit = r, other, exit
			return true
		}
	}
	if l.Once || !InLoop(r.Instr) {
		return false
	}
	if r.Select != nil {
		edge, ok := CaseEdge(r.Select, r.Case)
		if ok {
			l.Exit = w.ExitOn(edge)
		}
	} else {
		l.Exit = w.ExitAfter(r.Instr)
	}
	l.Receive = r
	return l.Exit != nil
}

// rangeDone returns the edge that a range over a channel takes when the channel is closed.
func rangeDone(r *ChannelOp) (Edge, bool) {
	cond, ok := last(r.Instr.Block()).(*ssa.If)
	if !ok {
		return Edge{}, false
	}
	return Edge{cond.Block(), cond.Block().Succs[1]}, true
}
