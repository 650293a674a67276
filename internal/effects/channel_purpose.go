// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// BlocksOnPurpose tells whether a lone receive is another way to write select{}: it keeps alive what its function has set
// up. Either the channel is made as one that nobody can send to or close, or it is the last deed of code that runs once
// and the function shows the channel to nobody. What it does in goroutines goes on meanwhile.
func (e *Effects) BlocksOnPurpose(op *ChannelOp) bool {
	if op.Kind != ChannelReceive || !op.Alone() || len(op.Channels) != 1 {
		return false
	}
	c := op.Channels[0]
	if len(c.Signals()) > 0 {
		return false
	}
	if t, ok := c.Make.Type().Underlying().(*types.Chan); ok && t.Dir() == types.RecvOnly {
		return true
	}
	if madeToWait(c.Make, op.Instr) {
		return true
	}
	return c.Func() == op.Func && !c.ForeignSends && len(c.Ops) == 1 && (!WorksBehind(op.Instr) || e.endlessBefore(op)) && !e.repeatsFor(op)
}

// endlessBefore tells whether a function has started a goroutine before it waits that never ends, or ends the process: what
// comes behind the wait is not meant to run.
func (e *Effects) endlessBefore(op *ChannelOp) bool {
	return slices.ContainsFunc(e.Program.CallsFrom(op.Func), func(edge program.Edge) bool {
		if edge.How != program.Starts || !Before(edge.Site, op.Instr) {
			return false
		}
		w := &Paths{Goexit: true, Ends: func(ssa.Instruction) bool { return false }}
		return w.ExitOf(edge.Callee) == nil
	})
}

// NothingToSay tells whether a receive is all that a method does, and another type, which calls of the same interface may mean,
// has more to say: this one is there because the interface is.
func (e *Effects) NothingToSay(op *ChannelOp) bool {
	if len(op.Func.Blocks) != 1 || op.Func.Signature.Recv() == nil || !op.Alone() || last(op.Instr.Block()) == op.Instr {
		return false
	}
	if slices.ContainsFunc(op.Func.Blocks[0].Instrs, func(instr ssa.Instruction) bool { return writes(instr) }) {
		return false
	}
	return slices.ContainsFunc(e.Program.Callers(op.Func), func(edge program.Edge) bool {
		return edge.Site.Common().IsInvoke() && len(e.Program.Callees(edge.Site)) > 1
	})
}

// writes tells whether an instruction sends, stores or sets something.
func writes(instr ssa.Instruction) bool {
	switch instr.(type) {
	case *ssa.Store, *ssa.Send, *ssa.MapUpdate, *ssa.Go, *ssa.Defer:
		return true
	}
	return false
}

// madeToWait tells whether a channel is made right before the receive from it, for nothing else, and what it would give is
// returned: a source of nothing, for which nobody has forgotten to send.
func madeToWait(made *ssa.MakeChan, receive ssa.Instruction) bool {
	if ret, ok := last(receive.Block()).(*ssa.Return); !ok || len(ret.Results) == 0 {
		return false
	}
	uses := slices.DeleteFunc(slices.Clone(*made.Referrers()), func(ref ssa.Instruction) bool {
		_, debug := ref.(*ssa.DebugRef)
		return debug
	})
	if len(uses) != 1 || uses[0] != receive || made.Block() != receive.Block() {
		return false
	}
	between := false
	for _, instr := range made.Block().Instrs {
		if instr == receive {
			return true
		}
		if _, call := instr.(ssa.CallInstruction); call && between {
			return false
		}
		between = between || instr == made
	}
	return false
}

// repeatsFor tells whether what runs again and again (a request, a reconcile, an event) leads to an operation, or a
// goroutine of its own that is started more than a few times.
func (e *Effects) repeatsFor(op *ChannelOp) bool {
	if slices.ContainsFunc(e.GoroutinesOf(op.Func), func(g Goroutine) bool { return g.Start != nil && !e.Program.FewTimes(g.Start) }) {
		return true
	}
	return slices.ContainsFunc(e.Program.EntriesOf(op.Func), func(entry *program.Entry) bool {
		return entry.Kind != program.EntryMain && entry.Kind != program.EntryRunnable && entry.Kind != program.EntryElected
	})
}
