// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ElectionCloses are two closes of one channel by the callbacks of one leader election of client-go. It starts
// OnStartedLeading in a goroutine of its own, and calls OnStoppedLeading whenever it ends: each that has led runs both.
type ElectionCloses struct {
	Channel          *Channel
	Started, Stopped *ChannelOp
	// OnStarted and OnStopped are the callbacks.
	OnStarted, OnStopped *ssa.Function
}

// ElectionCloses returns the closes that both callbacks of an election make with nothing that stops the second one, at
// most one pair a channel.
func (e *Effects) ElectionCloses() map[*Channel]ElectionCloses {
	out := make(map[*Channel]ElectionCloses)
	for _, fn := range e.Program.Funcs {
		for _, pair := range e.electionCallbacks(fn) {
			e.closedByBoth(pair, out)
		}
	}
	return out
}

// callbacks are the functions that one struct of callbacks holds.
type callbacks struct {
	started, stopped []*ssa.Function
}

// electionCallbacks lists the pairs of callbacks that a function puts together, in order.
func (e *Effects) electionCallbacks(fn *ssa.Function) []*callbacks {
	var out []*callbacks
	of := make(map[ssa.Value]*callbacks)
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			store, ok := instr.(*ssa.Store)
			if !ok {
				continue
			}
			addr, ok := store.Addr.(*ssa.FieldAddr)
			if !ok || !program.IsNamed(addr.X.Type(), "k8s.io/client-go/tools/leaderelection", "LeaderCallbacks") {
				continue
			}
			pair := of[addr.X]
			if pair == nil {
				pair = &callbacks{}
				of[addr.X] = pair
				out = append(out, pair)
			}
			switch program.FieldName(addr.X.Type(), addr.Field) {
			case "OnStartedLeading":
				pair.started = append(pair.started, e.Program.FunctionsOf(store.Val)...)
			case "OnStoppedLeading":
				pair.stopped = append(pair.stopped, e.Program.FunctionsOf(store.Val)...)
			}
		}
	}
	return out
}

// closedByBoth notes the channels that both callbacks close.
func (e *Effects) closedByBoth(pair *callbacks, out map[*Channel]ElectionCloses) {
	if len(pair.started) != 1 || len(pair.stopped) != 1 {
		return // which one runs is not known
	}
	started, stopped := pair.started[0], pair.stopped[0]
	if mayEndProcess(started) || mayEndProcess(stopped) {
		return // the process is over one way or the other
	}
	first := e.surelyCloses(started, 0)
	for c, second := range e.surelyCloses(stopped, 0) {
		op := first[c]
		if op == nil || e.Reach(started)[c.Func()] || e.Reach(stopped)[c.Func()] {
			continue // one of them only, or it makes the channel itself
		}
		if _, known := out[c]; !known && e.oneChannel(c, started, stopped) {
			out[c] = ElectionCloses{Channel: c, Started: op, Stopped: second, OnStarted: started, OnStopped: stopped}
		}
	}
}

// oneChannel tells whether both callbacks surely mean the same channel: the function around them makes it, or it is made
// once in the life of the process.
func (e *Effects) oneChannel(c *Channel, started, stopped *ssa.Function) bool {
	if started.Parent() == c.Func() && stopped.Parent() == c.Func() && !InLoop(c.Make) {
		return true
	}
	return e.Program.RunsOnce(c.Make)
}

// surelyCloses returns the closes that a call of fn makes under no condition but what it waits for: itself, deferred, or in
// a function that it calls.
func (e *Effects) surelyCloses(fn *ssa.Function, depth int) map[*Channel]*ChannelOp {
	out := make(map[*Channel]*ChannelOp)
	for _, op := range e.Channels().In(fn) {
		if op.Kind == ChannelClose && op.Exact && len(op.Channels) == 1 && !conditional(op.Instr, e.awaitsOthers(op.Channels[0])) {
			out[op.Channels[0]] = op
		}
	}
	if depth == 2 {
		return out
	}
	for site := range program.Sites(fn) {
		callee := site.Common().StaticCallee()
		if _, started := site.(*ssa.Go); started || callee == nil || !e.Program.Own(callee) {
			continue
		}
		for c, op := range e.surelyCloses(callee, depth+1) {
			if out[c] == nil && !conditional(site, e.awaitsOthers(c)) {
				out[c] = op
			}
		}
	}
	return out
}

// awaitsOthers tells of a branch whether it is the case of a select that only waits, and not for the channel itself.
func (e *Effects) awaitsOthers(c *Channel) func(*ssa.If) bool {
	return func(branch *ssa.If) bool {
		cond, ok := branch.Cond.(*ssa.BinOp)
		if !ok {
			return false
		}
		index, ok := cond.X.(*ssa.Extract)
		if !ok {
			return false
		}
		sel, ok := index.Tuple.(*ssa.Select)
		return ok && index.Index == 0 && sel.Blocking && !slices.ContainsFunc(e.Channels().At(sel), func(op *ChannelOp) bool {
			return op.Kind != ChannelReceive || e.mayBe(op, c)
		})
	}
}

// mayBe tells whether the operand of an operation can be a channel.
func (e *Effects) mayBe(op *ChannelOp, c *Channel) bool {
	if isDone(e.Program, op.Value) {
		return false
	}
	return slices.Contains(op.Channels, c) || !op.Exact && types.Identical(chanElem(op.Value), chanElem(c.Make))
}

// mayEndProcess tells whether a function itself ends the process somewhere.
func mayEndProcess(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		if EndsProcess(site) {
			return true
		}
	}
	return false
}
