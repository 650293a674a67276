// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"golang.org/x/tools/go/ssa"
)

// DeafWait is a receive that nothing but a value ends, in a function that ends with a context everywhere else.
type DeafWait struct {
	Receive *ChannelOp
	// Heard is the case of a later select that waits for the end of the context.
	Heard *ChannelOp
	Reach *InReach
}

// DeafWaits returns the lone receives of a function that come before its first look at the context that it ends with, from
// channels which somebody else sends to when there is something to send, and which nobody closes.
func (e *Effects) DeafWaits(fn *ssa.Function) []DeafWait {
	reach := ownContext(fn)
	if reach == nil {
		return nil
	}
	var out []DeafWait
	ops := e.Channels().In(fn)
	for _, op := range ops {
		if op.Kind != ChannelReceive || !op.Alone() || op.Range || !op.Exact || len(op.Channels) != 1 || InLoop(op.Instr) {
			continue
		}
		c := op.Channels[0]
		if len(c.Of(ChannelClose)) > 0 || c.ForeignSends || len(c.Of(ChannelSend)) == 0 || e.Awaits(op.Value) != AwaitChannel {
			continue // it can be closed, or who sends is not known
		}
		if e.startsSender(fn, c) {
			continue // an answer to what the function itself has started
		}
		for _, heard := range ops {
			if heard.Select != nil && heard.Select.Blocking && e.Awaits(heard.Value) == AwaitDone && Before(op.Instr, heard.Instr) {
				out = append(out, DeafWait{op, heard, reach})
				break
			}
		}
	}
	return out
}

// startsSender tells whether a goroutine that sends on the channel is started by fn, or by a function that fn is written in.
func (e *Effects) startsSender(fn *ssa.Function, c *Channel) bool {
	for _, send := range c.Of(ChannelSend) {
		for _, g := range e.GoroutinesOf(send.Func) {
			if g.Start != nil && (enclosing(fn, g.Start.Parent()) || e.Reach(fn)[g.Start.Parent()]) {
				return true
			}
		}
	}
	return false
}
