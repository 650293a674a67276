// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// ClosedEdge returns the edge that a receive with two results takes when the channel is closed: the other side of "ok".
func ClosedEdge(r *ChannelOp) (Edge, bool) {
	if r.Range {
		return rangeDone(r)
	}
	received, isValue := r.Instr.(ssa.Value)
	if !isValue {
		return Edge{}, false
	}
	for _, ref := range refs(received) {
		ok, isExtract := ref.(*ssa.Extract)
		if !isExtract || ok.Index != 1 {
			continue
		}
		if r.Select == nil {
			return falseEdge(ok, nil)
		}
		// One value for all cases of the statement, which each case takes out anew.
		if edge, found := CaseEdge(r.Select, r.Case); found {
			if closed, found := falseEdge(ok, edge.To); found {
				return closed, true
			}
		}
	}
	return Edge{}, false
}

// falseEdge returns the edge that a test of a truth value takes when it does not hold; within bounds where the test stands.
func falseEdge(v ssa.Value, within *ssa.BasicBlock) (Edge, bool) {
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.If:
			if within == nil || within.Dominates(x.Block()) {
				return Edge{x.Block(), x.Block().Succs[1]}, true
			}
		case *ssa.UnOp:
			if x.Op != token.NOT {
				continue
			}
			for _, use := range refs(x) {
				if branch, ok := use.(*ssa.If); ok && (within == nil || within.Dominates(branch.Block())) {
					return Edge{branch.Block(), branch.Block().Succs[0]}, true
				}
			}
		}
	}
	return Edge{}, false
}

// Handshake tells whether a lone send before a close is received by the goroutine as the last thing that it does with
// its channels: an unbuffered channel which only that goroutine receives from, and after that it only returns.
func (e *Effects) Handshake(g Goroutine, send *ChannelOp) bool {
	if send.Kind != ChannelSend || !send.Alone() || !send.Exact || len(send.Channels) != 1 || !send.Channels[0].Unbuffered() {
		return false
	}
	receives := send.Channels[0].Of(ChannelReceive)
	for _, r := range receives {
		if r.Func != g.Func || !returnsAfter(r) {
			return false
		}
	}
	return len(receives) > 0
}

// returnsAfter tells whether a function does nothing more than return once it received: no way back into a loop, no call.
func returnsAfter(r *ChannelOp) bool {
	from := r.Instr.Block()
	if r.Select != nil {
		edge, ok := CaseEdge(r.Select, r.Case)
		if !ok {
			return false
		}
		from = edge.To
	} else if InLoop(r.Instr) {
		return false
	}
	for b := from; ; b = b.Succs[0] {
		for _, instr := range b.Instrs {
			if r.Select == nil && b == from && Before(instr, r.Instr) {
				continue
			}
			switch instr.(type) {
			case *ssa.Return:
				return true
			case *ssa.Call, *ssa.Go, *ssa.Send, *ssa.Select, *ssa.If:
				return false
			}
		}
		if len(b.Succs) != 1 || InLoop(b.Instrs[0]) {
			return false
		}
	}
}
