// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Edge is a step of control from one block to the next.
type Edge struct{ From, To *ssa.BasicBlock }

// CaseEdge returns the edge that is taken when case i of sel was chosen; ok is false where the builder left none.
func CaseEdge(sel *ssa.Select, i int) (edge Edge, ok bool) {
	if sel == nil {
		return Edge{}, false
	}
	for _, ref := range refs(sel) {
		index, isExtract := ref.(*ssa.Extract)
		if !isExtract || index.Index != 0 {
			continue
		}
		for _, use := range refs(index) {
			cmp, isCmp := use.(*ssa.BinOp)
			if !isCmp || cmp.Op != token.EQL || !isInt(cmp.Y, int64(i)) {
				continue
			}
			for _, branch := range refs(cmp) {
				if cond, isIf := branch.(*ssa.If); isIf {
					return Edge{cond.Block(), cond.Block().Succs[0]}, true
				}
			}
		}
	}
	return Edge{}, false
}

func refs(v ssa.Value) []ssa.Instruction {
	if r := v.Referrers(); r != nil {
		return *r
	}
	return nil
}

func isInt(v ssa.Value, n int64) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.Value != nil && c.Value.Kind() == constant.Int && c.Int64() == n
}

// AwaitKind says what a case of a select waits for.
type AwaitKind int

// The kinds of waits.
const (
	AwaitUnknown AwaitKind = iota
	AwaitChannel           // a channel of own code
	AwaitDone              // the end of a context
	AwaitTime              // a timer, a ticker, time.After
)

// Awaits returns what the channel operand v stands for.
func (e *Effects) Awaits(v ssa.Value) AwaitKind {
	e.Channels()
	if isDone(e.Program, v) {
		return AwaitDone
	}
	for _, src := range e.Program.Sources(v).Values {
		if isClock(src) {
			return AwaitTime
		}
	}
	if len(e.conc.resolver.resolve(v).channels) > 0 {
		return AwaitChannel
	}
	return AwaitUnknown
}

// isClock tells whether a channel comes from a timer, a ticker or a clock.
func isClock(src ssa.Value) bool {
	if !isChannel(src.Type()) || !program.IsNamed(src.Type().Underlying().(*types.Chan).Elem(), "time", "Time") {
		return false
	}
	switch x := src.(type) {
	case *ssa.Call:
		return true
	case *ssa.UnOp:
		_, field := x.X.(*ssa.FieldAddr)
		return field
	case *ssa.Field, *ssa.FieldAddr:
		return true
	}
	return false
}

// Others returns the other cases of the select that op is a case of.
func (e *Effects) Others(op *ChannelOp) []*ChannelOp {
	var out []*ChannelOp
	if op.Select == nil {
		return nil
	}
	for _, other := range e.Channels().At(op.Instr) {
		if other != op {
			out = append(out, other)
		}
	}
	return out
}

// EndsWithProcess tells whether v is the Done channel of a context that ends with the process or its leadership only.
func (e *Effects) EndsWithProcess(v ssa.Value) bool {
	found := false
	for _, src := range e.Program.Sources(v).Values {
		call, ok := src.(*ssa.Call)
		if !ok || !isDoneCall(call) {
			return false
		}
		for _, origin := range e.Contexts().Of(program.Receiver(call)) {
			switch origin.Kind {
			case ProcessContext, LeaderContext, ReconcileContext:
				if origin.Bounded || origin.Cancellable {
					return false
				}
			default:
				return false
			}
			found = true
		}
	}
	return found
}

// offersSend tells whether one case of a choice sends.
func offersSend(choice *ssa.Select) bool {
	return slices.ContainsFunc(choice.States, func(st *ssa.SelectState) bool { return st.Send != nil })
}
