// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// PanicContract reports a signal that a recovered panic skips.
var PanicContract = &rule.Rule{
	ID:        "goroutine/panic-contract",
	Title:     "a recovered panic skips the signal that others wait for",
	Checklist: []string{"6.3"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "panic_contract.md"),
	Check:     panicContract,
}

// signal is what a goroutine owes to those who wait: a close, a send, or a Done.
type signal struct {
	instr ssa.Instruction
	what  string
	wait  ssa.Instruction
	same  func(fn *ssa.Function) bool // whether fn gives the signal as well
}

func panicContract(p *rule.Pass) {
	for _, fn := range p.Program.Funcs {
		// Without a recover a panic ends the process, and nobody waits any more.
		if p.Program.Generated(fn) || !p.Effects.Recovers(fn) || !spawned(p, fn) {
			continue
		}
		for _, s := range owed(p, fn) {
			// A deferred function that gives the signal gives it after the panic, too.
			if deferredSignal(p, fn, s) || !mayPanicBefore(fn, s.instr) {
				continue
			}
			tellPanic(p, fn, s)
			break
		}
	}
}

func spawned(p *rule.Pass, fn *ssa.Function) bool {
	for _, e := range p.Program.Callers(fn) {
		if e.How == program.Starts {
			return true
		}
	}
	return false
}

// owed returns the signals that fn gives outside of defers, and that others wait for without a way out.
func owed(p *rule.Pass, fn *ssa.Function) []signal {
	var out []signal
	for _, op := range p.Effects.Channels().In(fn) {
		if op.Kind == effects.ChannelReceive || op.Deferred || !op.Exact || len(op.Channels) != 1 || op.Channels[0].ForeignSends {
			continue
		}
		c := op.Channels[0]
		for _, r := range c.Of(effects.ChannelReceive) {
			if !r.Alone() || p.Effects.Reach(fn)[r.Func] {
				continue
			}
			if closedFirst(c, r) {
				continue // a range over what was sent before the close ends all the same
			}
			out = append(out, signal{op.Instr, op.Expr, r.Instr, func(other *ssa.Function) bool {
				for _, s := range c.Signals() {
					if s.Func == other {
						return true
					}
				}
				return false
			}})
			break
		}
	}
	for _, done := range p.Effects.GroupCalls(fn) {
		if _, plain := done.Site.(*ssa.Call); !plain || done.Method != "Done" {
			continue
		}
		for _, g := range starts(p, fn) {
			if wait := method(p, g.Parent(), done.Place, "Wait"); wait != nil {
				out = append(out, signal{done.Site, "Done", wait.Site, func(other *ssa.Function) bool {
					return method(p, other, done.Place, "Done") != nil
				}})
			}
		}
	}
	return out
}

// closedFirst tells whether the receiver closes the channel itself, before it receives.
func closedFirst(c *effects.Channel, r *effects.ChannelOp) bool {
	return slices.ContainsFunc(c.Of(effects.ChannelClose), func(cl *effects.ChannelOp) bool {
		return cl.Func == r.Func && effects.Before(cl.Instr, r.Instr)
	})
}

// deferredSignal tells whether a deferred call of fn gives the signal.
func deferredSignal(p *rule.Pass, fn *ssa.Function, s signal) bool {
	for site := range program.Sites(fn) {
		d, ok := site.(*ssa.Defer)
		if !ok {
			continue
		}
		for _, op := range p.Effects.Channels().At(d) {
			if op.Kind == effects.ChannelClose {
				return true
			}
		}
		for _, e := range p.Program.Callees(d) {
			for reached := range p.Effects.Reach(e.Callee) {
				if s.same(reached) {
					return true
				}
			}
		}
	}
	return false
}

// mayPanicBefore tells whether a call stands on the way to the signal: what it does, and whether it panics, is not known.
func mayPanicBefore(fn *ssa.Function, signal ssa.Instruction) bool {
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || call == signal || !effects.After(call, signal) {
			continue
		}
		if _, builtin := call.Call.Value.(*ssa.Builtin); builtin {
			continue
		}
		if target := program.Target(call); target != nil && target.Pkg() != nil {
			switch target.Pkg().Path() {
			case "sync", "sync/atomic", "time", "log":
				continue
			}
		}
		return true
	}
	return false
}

func tellPanic(p *rule.Pass, fn *ssa.Function, s signal) {
	name := program.Name(fn)
	waiter := program.Name(s.wait.Parent())
	sc := rule.NewScenario()
	g := sc.Actor(name, "must signal "+s.what)
	w := sc.Actor(waiter, "waits")
	g.Step(fn.Pos(), "panics before the signal", "recovered by its own defer")
	g.Step(s.instr.Pos(), "never gets here", s.what+" is not signalled")
	w.Step(s.wait.Pos(), "waits", "nobody is left to signal")
	sc.Outcome("%s waits for ever", waiter)
	set := p.Program.DomainOf(fn)
	p.Report(rule.Report{
		Func: fn, Pos: s.instr.Pos(), About: s.what, Severity: finding.Medium,
		Message: fmt.Sprintf("a panic that %s recovers skips the signal on %s; %s waits for ever", name, s.what, waiter),
		Domain:  set.Worst(), Proof: set.Proof(set.Worst()),
		Related:  []rule.Related{{Func: s.wait.Parent(), Pos: s.wait.Pos(), Message: "waits here"}},
		Scenario: sc,
		Fix:      rule.Fix{Description: "signal in a defer", Sketch: "defer " + p.Words(s.instr).Line() + " // first statement of the goroutine"},
	})
}
