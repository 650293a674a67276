// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LastingSpins returns the loops of a function that answer a failure which lasts by the next try, at once: a request that
// is refused, a stream or a channel that has ended. In order, and none that [Effects.Spins] returns.
func (e *Effects) LastingSpins(fn *ssa.Function) []Spin {
	var out []Spin
	told := make(map[*ssa.BasicBlock]bool)
	for _, s := range e.Spins(fn) {
		markLoop(told, s.Wait)
	}
	for _, s := range append(e.lastingCalls(fn), e.lastingReceives(fn)...) {
		if told[s.Wait.Block()] || !roundAtOnce(s.Back, s.Wait) {
			continue // it waits, leaves, or does something that may
		}
		markLoop(told, s.Wait)
		out = append(out, s)
	}
	return out
}

// markLoop notes the blocks of the loop around an instruction: one loop, one finding.
func markLoop(told map[*ssa.BasicBlock]bool, at ssa.Instruction) {
	for _, b := range LoopOf(at.Block()) {
		told[b] = true
	}
}

// lastingCalls returns the calls in loops of a function that can fail for good, with the branch that is taken then.
func (e *Effects) lastingCalls(fn *ssa.Function) []Spin {
	var out []Spin
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || !InLoop(call) {
			continue
		}
		if why := endOfInput(call); why != "" {
			back, ok := endEdge(call)
			if !ok {
				back, ok = failureEdge(call)
			}
			if ok {
				out = append(out, Spin{Wait: call, Back: back, Lasting: why})
			}
			continue
		}
		if why := e.refused(call); why != "" && !toldApart(call) {
			if back, ok := failureEdge(call); ok {
				out = append(out, Spin{Wait: call, Back: back, Lasting: why})
			}
		}
	}
	return out
}

// lastingReceives returns the receives in loops of a function from channels that somebody closes, with the branch that is
// taken when they are closed.
func (e *Effects) lastingReceives(fn *ssa.Function) []Spin {
	var out []Spin
	for _, op := range e.Channels().In(fn) {
		if op.Kind != ChannelReceive || op.Range || !InLoop(op.Instr) || !e.getsClosed(op) {
			continue
		}
		if back, ok := ClosedEdge(op); ok {
			out = append(out, Spin{Wait: op.Instr, Back: back, Lasting: op.Expr + " is closed"})
		}
	}
	return out
}

// refused says in which state a request fails for good; "" where a call is none.
func (e *Effects) refused(call *ssa.Call) string {
	path := e.Work().Through(call)
	if path == nil || e.mayPause(call) || makesRequest(path.Last()) {
		return ""
	}
	switch e.Work().At(path.Last()) {
	case APIWork:
		return "the object is gone or the request is refused"
	case NetworkWork:
		return "the other side refuses it"
	}
	return ""
}

// toldApart tells whether a failure of a call is asked what kind of failure it is.
func toldApart(call *ssa.Call) bool {
	results := call.Call.Signature().Results()
	err := tupleElement(call, results.Len()-1)
	return err != nil && slices.ContainsFunc(refs(err), func(ref ssa.Instruction) bool {
		switch x := ref.(type) {
		case *ssa.BinOp:
			return !program.IsNil(x.Y)
		case *ssa.Call:
			results := x.Call.Signature().Results()
			return results.Len() > 0 && types.Identical(results.At(0).Type(), types.Typ[types.Bool])
		case *ssa.TypeAssert:
			return true
		}
		return false
	})
}

// endOfInput knows the calls that fail at once, and for ever, when what they read from has ended.
func endOfInput(call *ssa.Call) string {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || target.Signature().Recv() == nil {
		return ""
	}
	recv, name := target.Signature().Recv().Type(), target.Name()
	switch {
	case (name == "Recv" || name == "RecvMsg") && (isClientStream(recv) || isStream(recv)):
		return "the stream has ended"
	case name == "Accept" && program.IsNamed(recv, "net", "Listener"):
		return "the listener is closed"
	case program.IsNamed(recv, "github.com/gorilla/websocket", "Conn") && (strings.HasPrefix(name, "Read") || name == "NextReader"):
		return "the connection is closed"
	case program.IsNamed(recv, "bufio", "Reader") && strings.HasPrefix(name, "Read"), program.IsNamed(recv, "encoding/json", "Decoder") && name == "Decode":
		return "what it reads from has ended"
	}
	return ""
}

// endEdge returns the branch that is taken when a reader says that its input has ended: its error is io.EOF.
func endEdge(call *ssa.Call) (Edge, bool) {
	results := call.Call.Signature().Results()
	if results.Len() == 0 || !isErrorType(results.At(results.Len()-1).Type()) {
		return Edge{}, false
	}
	err := tupleElement(call, results.Len()-1)
	if err == nil {
		return Edge{}, false
	}
	for _, ref := range refs(err) {
		switch x := ref.(type) {
		case *ssa.BinOp:
			if x.Op == token.EQL && isGlobal(x.Y, "io", "EOF") {
				return takenWhen(x)
			}
		case *ssa.Call:
			if t := program.Target(x); t != nil && t.Name() == "Is" && len(x.Call.Args) == 2 && isGlobal(x.Call.Args[1], "io", "EOF") {
				return takenWhen(x)
			}
		}
	}
	return Edge{}, false
}

// takenWhen returns the branch that is taken when a condition holds.
func takenWhen(cond ssa.Value) (Edge, bool) {
	for _, ref := range refs(cond) {
		if branch, ok := ref.(*ssa.If); ok {
			return Edge{branch.Block(), branch.Block().Succs[0]}, true
		}
	}
	return Edge{}, false
}

// getsClosed tells whether a channel that is received from is one which another function of own code closes, while the
// receiver has nothing else to end with at that time.
func (e *Effects) getsClosed(op *ChannelOp) bool {
	others := e.Others(op)
	return len(op.Channels) > 0 && !slices.ContainsFunc(op.Channels, func(c *Channel) bool {
		return !slices.ContainsFunc(c.Of(ChannelClose), func(end *ChannelOp) bool {
			fn, _, _ := e.CloseAt(end)
			return fn != op.Func && !slices.ContainsFunc(others, func(other *ChannelOp) bool { return e.endsWith(other, fn) })
		})
	})
}

// endsWith tells whether what a receive waits for may come about when a function does its last: the function closes that channel
// too, sends to it, or waits for the end of a context itself.
func (e *Effects) endsWith(receive *ChannelOp, fn *ssa.Function) bool {
	if receive.Kind != ChannelReceive {
		return false
	}
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	for inner := range e.Reach(fn) {
		for _, op := range e.Channels().In(inner) {
			if op.Kind == ChannelReceive {
				return true
			}
			if slices.ContainsFunc(op.Channels, func(c *Channel) bool { return slices.Contains(receive.Channels, c) }) {
				return true
			}
		}
	}
	return false
}
