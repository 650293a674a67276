// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"sync"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ChannelOpKind is what an operation does to its channel.
type ChannelOpKind int

// The operations on channels. A range over a channel is a Receive.
const (
	ChannelSend ChannelOpKind = iota
	ChannelReceive
	ChannelClose
)

// ChannelOp is one operation on a channel somewhere in own code.
type ChannelOp struct {
	Kind  ChannelOpKind
	Func  *ssa.Function
	Instr ssa.Instruction
	// Value is the channel operand; Expr is how the source writes it.
	Value ssa.Value
	Expr  string
	Pos   token.Pos
	// Select is the select statement that the operation is a case of, and Case its index there; nil if it stands alone.
	Select *ssa.Select
	Case   int
	// Sent is the value of a send.
	Sent ssa.Value
	// Channels are the channels that the operand can be.
	Channels []*Channel
	// Exact is set when every source of the operand is known and names a channel by its place: no way through maps,
	// slices or other channels was taken. A rule may blame an exact operation; one that is not may only excuse.
	Exact bool
	// Nil is set when the operand is never anything but nil.
	Nil bool
	// Range is set for the receive of a range statement.
	Range bool
	// Deferred is set for a deferred close.
	Deferred bool
}

// Blocking tells whether the operation can wait: it is no close and no case of a select with a default.
func (op *ChannelOp) Blocking() bool {
	return op.Kind != ChannelClose && (op.Select == nil || op.Select.Blocking)
}

// Alone tells whether the operation waits for nothing but its channel.
func (op *ChannelOp) Alone() bool { return op.Kind != ChannelClose && op.Select == nil }

// Channel is one channel, or all channels that one place of the code makes.
type Channel struct {
	Make *ssa.MakeChan
	// Name is the variable or field that the code keeps the channel in.
	Name string
	// Ops are the operations on it in own code, in source order.
	Ops []*ChannelOp
	// Capacity is the buffer's size; Known is false where it is not a constant.
	Capacity int64
	Known    bool
	// ForeignSends and ForeignReceives are set when code outside of the reviewed program holds the channel and can send to
	// it or close it, or receive from it.
	ForeignSends, ForeignReceives bool
}

// Func returns the function that makes the channel.
func (c *Channel) Func() *ssa.Function { return c.Make.Parent() }

// Unbuffered tells whether the channel surely has no buffer.
func (c *Channel) Unbuffered() bool { return c.Known && c.Capacity == 0 }

// Of returns the operations of one kind.
func (c *Channel) Of(kind ChannelOpKind) []*ChannelOp {
	var out []*ChannelOp
	for _, op := range c.Ops {
		if op.Kind == kind {
			out = append(out, op)
		}
	}
	return out
}

// Signals returns the sends and the closes: what lets a receiver go on.
func (c *Channel) Signals() []*ChannelOp {
	return append(c.Of(ChannelSend), c.Of(ChannelClose)...)
}

// Channels are the channels of a program and everything done to them.
type Channels struct {
	// All are the channels in source order of their makes, Ops all operations in source order.
	All []*Channel
	Ops []*ChannelOp

	byMake  map[*ssa.MakeChan]*Channel
	byFunc  map[*ssa.Function][]*ChannelOp
	byInstr map[ssa.Instruction][]*ChannelOp
}

// In returns the operations that stand in fn itself, in order.
func (c *Channels) In(fn *ssa.Function) []*ChannelOp { return c.byFunc[fn] }

// At returns the operations of one instruction: several for a select, none for anything that is no channel operation.
func (c *Channels) At(instr ssa.Instruction) []*ChannelOp { return c.byInstr[instr] }

// concurrency is what is gathered when the first rule asks for it.
type concurrency struct {
	once     sync.Once
	channels *Channels
	resolver *channelResolver

	reached map[*ssa.Function]map[*ssa.Function]bool
	roots   map[*ssa.Function][]Goroutine
	groups  map[*ssa.Function][]GroupCall
	// groupsAt are the calls on groups by the place of the group and the method.
	groupsAt map[[2]string][]GroupCall
	conds    []CondCall
}

// Channels returns the channels of the program. They are gathered once.
func (e *Effects) Channels() *Channels {
	e.conc.once.Do(func() {
		e.conc.resolver = newChannelResolver(e.Program)
		e.conc.channels = gatherChannels(e.Program, e.conc.resolver)
	})
	return e.conc.channels
}

// CloseAt returns where a close takes effect: in a deferred closure, at the defer statement of the function around it.
func (e *Effects) CloseAt(op *ChannelOp) (fn *ssa.Function, instr ssa.Instruction, deferred bool) {
	callers := e.Program.Callers(op.Func)
	if op.Func.Parent() != nil && len(callers) == 1 {
		if d, ok := callers[0].Site.(*ssa.Defer); ok {
			return d.Parent(), d, true
		}
	}
	return op.Func, op.Instr, op.Deferred
}

// isChannel tells whether t is a channel.
func isChannel(t types.Type) bool {
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

// isDone tells whether v is the Done channel of a context.
func isDone(p *program.Program, v ssa.Value) bool {
	for _, src := range p.Sources(v).Values {
		if call, ok := src.(*ssa.Call); ok && isMethodOf(call, "context", "Context", "Done") {
			return true
		}
	}
	return false
}

// DoneOf returns the context whose Done channel an operand is, or nil.
func DoneOf(v ssa.Value) ssa.Value {
	if call, ok := stripped(v).(*ssa.Call); ok && isDoneCall(call) {
		return program.Receiver(call)
	}
	return nil
}

// isMethodOf tells whether the call is of the named method of the named type (or interface).
func isMethodOf(site ssa.CallInstruction, pkg, typ, method string) bool {
	target := program.Target(site)
	if target == nil || target.Name() != method {
		return false
	}
	recv := program.Receiver(site)
	return recv != nil && program.IsNamed(recv.Type(), pkg, typ)
}
