// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// SpentTimer is a timer that each round of a loop waits for, made before the loop and never set again: it sends one value, and
// whoever comes back to wait for another waits for ever.
type SpentTimer struct {
	// Made is the call that makes it, Wait the select or receive in the loop.
	Made *ssa.Call
	Wait ssa.Instruction
	// Works is a call that the value leads to before the loop comes back.
	Works ssa.CallInstruction
}

// SpentTimers returns these timers of own code, in source order, where every other case of the wait leaves the loop: once the
// value is taken, nothing but the end is left to come.
func (e *Effects) SpentTimers() []SpentTimer {
	var out []SpentTimer
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				switch x := instr.(type) {
				case *ssa.Select:
					if t, ok := e.spentIn(x); ok {
						out = append(out, t)
					}
				case *ssa.UnOp:
					if x.Op != token.ARROW {
						continue
					}
					if made := timerOf(x.X); made != nil && madeBefore(made, x) {
						if works := e.worksOn(x.Block(), x.Block(), x); works != nil {
							out = append(out, SpentTimer{Made: made, Wait: x, Works: works})
						}
					}
				}
			}
		}
	}
	return out
}

// spentIn looks at the cases of a select in a loop.
func (e *Effects) spentIn(sel *ssa.Select) (SpentTimer, bool) {
	if !sel.Blocking || !InLoop(sel) {
		return SpentTimer{}, false
	}
	var found SpentTimer
	for i, st := range sel.States {
		edge, ok := CaseEdge(sel, i)
		if !ok {
			return SpentTimer{}, false
		}
		comesBack := edge.To == sel.Block() || comesTo(edge.To, sel.Block(), nil)
		made := timerOf(st.Chan)
		switch {
		case !comesBack:
		case st.Dir != types.RecvOnly || made == nil || !madeBefore(made, sel) || found.Made != nil:
			return SpentTimer{}, false // something else goes on
		default:
			if found.Works = e.worksOn(edge.To, sel.Block(), sel); found.Works == nil {
				return SpentTimer{}, false
			}
			found.Made, found.Wait = made, sel
		}
	}
	return found, found.Made != nil
}

// timerOf returns the call that made the timer of a channel, where nothing sets the timer again: time.NewTimer of which no more than
// the channel and Stop are used, or time.After.
func timerOf(ch ssa.Value) *ssa.Call {
	if call, ok := stripped(ch).(*ssa.Call); ok && isTimeCall(call, "After") {
		return call
	}
	load, ok := stripped(ch).(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return nil
	}
	field, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return nil
	}
	call, ok := field.X.(*ssa.Call)
	if !ok || !isTimeCall(call, "NewTimer") {
		return nil
	}
	for _, ref := range refs(call) {
		switch x := ref.(type) {
		case *ssa.FieldAddr, *ssa.DebugRef:
		case ssa.CallInstruction:
			if t := program.Target(x); t == nil || t.Name() != "Stop" || program.Receiver(x) != call {
				return nil
			}
		default:
			return nil
		}
	}
	return call
}

func isTimeCall(call *ssa.Call, name string) bool {
	t := program.Target(call)
	return t != nil && t.Pkg() != nil && t.Pkg().Path() == "time" && t.Name() == name && program.Receiver(call) == nil
}

// madeBefore tells whether a timer is made outside the loop that waits for it.
func madeBefore(made *ssa.Call, wait ssa.Instruction) bool {
	loop := LoopOf(wait.Block())
	return len(loop) > 0 && made.Parent() == wait.Parent() && !slices.Contains(loop, made.Block())
}

// worksOn returns a call of own code, or one that leaves the process, on the way from a block back to the wait.
func (e *Effects) worksOn(from, to *ssa.BasicBlock, wait ssa.Instruction) ssa.CallInstruction {
	work := e.Work()
	for _, b := range LoopOf(to) {
		if b != from && !comesTo(from, b, nil) || b == to && from != to {
			continue
		}
		for _, instr := range b.Instrs {
			site, ok := instr.(ssa.CallInstruction)
			if ok && (b != to || MayPrecede(wait, site)) && (len(e.Program.Static(site)) > 0 || work.At(site) != NoWork) {
				return site
			}
		}
	}
	return nil
}
