// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Broken is a wait whose only answerer can leave without the answer.
type Broken struct {
	Wait    *ChannelOp
	Channel *Channel
	// Answerer is the goroutine that must send or close; Exit is where it leaves without, in function In.
	Answerer Goroutine
	In       *ssa.Function
	Exit     ssa.Instruction
	// Signals are the operations that would have been the answer.
	Signals []*ChannelOp
}

// BrokenContract returns how the goroutine that must answer a wait can leave without, or nil when it can't or that is not
// known: another goroutine may answer as well, or the wait has a way out.
func (e *Effects) BrokenContract(wait *ChannelOp) *Broken {
	if wait.Kind != ChannelReceive || !wait.Blocking() || !wait.Exact {
		return nil
	}
	var signals []*ChannelOp
	for _, op := range append([]*ChannelOp{wait}, e.Others(wait)...) {
		if op.Kind != ChannelReceive || !op.Exact || len(op.Channels) != 1 || op.Channels[0].ForeignSends ||
			e.Awaits(op.Value) != AwaitChannel {
			return nil
		}
		signals = append(signals, op.Channels[0].Signals()...)
	}
	own := wait.Channels[0].Signals()
	if len(own) == 0 {
		return nil
	}
	g, ok := e.onlyGoroutine(signals)
	if !ok || g.Start == nil || InLoop(g.Start) || runsAgain(g.Start) || e.Reach(g.Func)[wait.Func] || !e.waitsBehind(g, wait) {
		return nil
	}
	at := make(map[ssa.Instruction]bool)
	in := make(map[*ssa.Function]bool)
	for _, s := range signals {
		at[s.Instr] = true
		in[s.Func] = true
	}
	c := &contract{e: e, at: at, in: in, waiter: wait.Func, asking: make(map[*ssa.Function]bool)}
	start, ok := e.startedBy(g, wait.Func)
	if !ok {
		return nil
	}
	exit := c.exit(g.Func, start)
	if exit == nil || e.contradict(exit.Block(), wait.Instr.Block()) {
		return nil
	}
	return &Broken{Wait: wait, Channel: wait.Channels[0], Answerer: g, In: exit.Parent(), Exit: exit, Signals: own}
}

// runsAgain tells whether a goroutine is a library's loop, which runs what it was given again after it returned.
func runsAgain(start ssa.CallInstruction) bool {
	row := program.Model(start)
	return row != nil && row.Effect == kube.Block && !row.GivesUp
}

// waitsBehind tells whether the wait surely concerns this start of the goroutine: both stand in one function, or the
// channel belongs to something that lives longer.
func (e *Effects) waitsBehind(g Goroutine, wait *ChannelOp) bool {
	if g.Start.Parent() == wait.Func {
		return After(g.Start, wait.Instr)
	}
	return true
}

// startedBy returns the instruction by which the goroutine itself starts the waiting one: only what it does after that can
// leave the waiter alone. It is nil when others start the waiter; ok is false when a function below the goroutine's does.
func (e *Effects) startedBy(g Goroutine, waiter *ssa.Function) (start ssa.Instruction, ok bool) {
	for _, root := range e.GoroutinesOf(waiter) {
		if root.Start == nil || !e.Reach(g.Func)[root.Start.Parent()] {
			continue
		}
		if root.Start.Parent() != g.Func {
			return nil, false
		}
		start = root.Start
	}
	return start, true
}

// onlyGoroutine returns the one goroutine that runs all the operations; ok is false when there are several.
func (e *Effects) onlyGoroutine(ops []*ChannelOp) (g Goroutine, ok bool) {
	for _, op := range ops {
		for _, root := range e.GoroutinesOf(op.Func) {
			if ok && root != g {
				return Goroutine{}, false
			}
			g, ok = root, true
		}
	}
	return g, ok
}

// contract asks whether a function fulfils its part on all ways out.
type contract struct {
	e      *Effects
	at     map[ssa.Instruction]bool
	in     map[*ssa.Function]bool
	waiter *ssa.Function
	asking map[*ssa.Function]bool
}

// exit returns a way out of fn on which nothing was signalled: a return of fn itself, or one of the function that fn
// leaves the signal to and does nothing about afterwards.
// A way that begins at start, where given, counts only.
func (c *contract) exit(fn *ssa.Function, start ssa.Instruction) ssa.Instruction {
	if c.asking[fn] || len(c.asking) > 4 {
		return nil
	}
	c.asking[fn] = true
	defer delete(c.asking, fn)
	ends := make(map[Edge]bool)
	for _, op := range c.e.Channels().In(fn) {
		if op.Select != nil && c.at[op.Instr] && op.Kind == ChannelSend {
			if edge, ok := CaseEdge(op.Select, op.Case); ok {
				ends[edge] = true
			}
		}
		// What ends with the process's own context is over for the waiter as well.
		if op.Select != nil && (isDone(c.e.Program, op.Value) || c.e.EndsWithProcess(op.Value)) {
			if edge, ok := CaseEdge(op.Select, op.Case); ok {
				ends[edge] = true
			}
		}
		// What the waiter itself closes when it leaves is open as long as it waits.
		if edge, ok := ClosedEdge(op); ok && op.Kind == ChannelReceive && closesLater(c.waiter, op.Value) {
			ends[edge] = true
		}
	}
	for _, edge := range shutDownEdges(fn) {
		ends[edge] = true
	}
	w := &Paths{Goexit: true, EndsOn: ends, Ends: func(instr ssa.Instruction) bool {
		if _, isSelect := instr.(*ssa.Select); isSelect {
			return false
		}
		return c.at[instr] || c.delegates(instr)
	}}
	w.CountLoops(fn)
	if start != nil {
		return w.ExitAfter(start)
	}
	if exit := w.ExitOf(fn); exit != nil {
		return exit
	}
	for site := range program.Sites(fn) {
		if callee := c.handsOver(fn, site); callee != nil {
			if exit := c.exit(callee, nil); exit != nil {
				return exit
			}
		}
	}
	return nil
}

// delegates tells whether an instruction hands the signal to another function: a call, a defer, a goroutine, or a closure
// that is kept for later.
func (c *contract) delegates(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case ssa.CallInstruction:
		return c.e.MayRun(x, c.in)
	case *ssa.MakeClosure:
		for fn := range c.e.Reach(x.Fn.(*ssa.Function)) {
			if c.in[fn] {
				return true
			}
		}
	}
	return false
}

// handsOver returns the function that a plain call leaves the signal to for good: nothing behind the call signals.
func (c *contract) handsOver(fn *ssa.Function, site ssa.CallInstruction) *ssa.Function {
	call, ok := site.(*ssa.Call)
	if !ok || !c.e.MayRun(call, c.in) {
		return nil
	}
	callees := c.e.Program.Callees(call)
	if len(callees) != 1 || callees[0].How != program.Calls {
		return nil
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if instr != call && (c.at[instr] || c.delegates(instr)) {
				return nil
			}
		}
	}
	return callees[0].Callee
}
