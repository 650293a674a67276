// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LateResult is a failure that a goroutine reports to a channel, and that its starter does not hear of before it is told to
// stop for another reason.
type LateResult struct {
	Start *ssa.Go
	Send  *ChannelOp
	// Failing is the call whose error is sent.
	Failing *ssa.Call
	// Stop is the receive that the starter waits in, Receive the one by which it hears of the failure afterwards; nil for none.
	Stop, Receive *ChannelOp
}

// LateResults returns the failures that are heard too late, in source order.
func (e *Effects) LateResults() []LateResult {
	var out []LateResult
	for _, c := range e.Channels().All {
		starter := c.Func()
		if e.Program.InTest(starter) || e.Program.Generated(starter) || c.ForeignReceives || c.ForeignSends || !isErrorType(chanElem(c.Make)) {
			continue
		}
		if late, ok := e.lateResult(c); ok {
			out = append(out, late)
		}
	}
	return out
}

func (e *Effects) lateResult(c *Channel) (LateResult, bool) {
	sends, receives := c.Of(ChannelSend), c.Of(ChannelReceive)
	if len(sends) != 1 || !sends[0].Alone() || !sends[0].Exact || slices.ContainsFunc(receives, func(r *ChannelOp) bool { return r.Func != c.Func() }) {
		return LateResult{}, false // somebody else may hear of it
	}
	late := LateResult{Send: sends[0], Start: e.startOf(sends[0].Func, c.Func())}
	if late.Start == nil || InLoop(late.Start) {
		return LateResult{}, false
	}
	if late.Failing = failingCall(late.Send); late.Failing == nil || tellsElsewhere(late.Send.Func, late.Failing) {
		return LateResult{}, false // it can't fail, or says so in another way
	}
	for _, stop := range e.Channels().In(c.Func()) {
		if stop.Kind != ChannelReceive || !stop.Alone() || stop.Range || !Before(late.Start, stop.Instr) || !e.tellsToStop(stop) {
			continue
		}
		if slices.ContainsFunc(receives, func(r *ChannelOp) bool { return !Before(stop.Instr, r.Instr) }) {
			return LateResult{}, false // it listens before, on some way
		}
		if late.Stop = stop; len(receives) > 0 {
			late.Receive = receives[0]
		}
		return late, true
	}
	return LateResult{}, false
}

// tellsToStop tells whether a receive waits for the end of a context, or of a channel of empty structs or signals, that comes
// from elsewhere: the function's own ones may end with the failure.
func (e *Effects) tellsToStop(op *ChannelOp) bool {
	if !e.Contexts().ends(op.Value) || slices.ContainsFunc(op.Channels, func(c *Channel) bool { return c.Func() == op.Func && len(c.Signals()) > 0 }) {
		return false
	}
	ctx := DoneOf(op.Value)
	for site := range program.Sites(op.Func) {
		if d := derivationAt(site); ctx != nil && d != nil && d.is(ctx, op.Instr, 0) {
			return false
		}
	}
	return true
}

// startOf returns the go statement by which a function, and nothing else, runs another, or nil.
func (e *Effects) startOf(body, starter *ssa.Function) *ssa.Go {
	callers := e.Program.Callers(body)
	if len(callers) != 1 {
		return nil
	}
	start, ok := callers[0].Site.(*ssa.Go)
	if !ok || start.Parent() != starter {
		return nil
	}
	return start
}

// failingCall returns the call whose error a send hands over, or nil.
func failingCall(send *ChannelOp) *ssa.Call {
	v := send.Sent
	if ex, ok := v.(*ssa.Extract); ok {
		v = ex.Tuple
	}
	call, ok := v.(*ssa.Call)
	if !ok || call.Parent() != send.Func {
		return nil
	}
	return call
}

// tellsElsewhere tells whether a function does more with what a call came back with than to log and send it: it may cancel a
// context or end the process.
func tellsElsewhere(fn *ssa.Function, failing *ssa.Call) bool {
	for site := range program.Sites(fn) {
		if site == ssa.CallInstruction(failing) || !After(failing, site) && !isDeferred(site) || prints(site) || computes(site) {
			continue
		}
		return true
	}
	return false
}

func isDeferred(site ssa.CallInstruction) bool {
	_, ok := site.(*ssa.Defer)
	return ok
}
