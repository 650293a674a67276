// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// SinceStart tells whether a comparison tells old objects from new ones by their creation time and an earlier reading of
// this process's clock: one that is kept in a field or variable, or taken before a loop that waits for events.
func (t TimePair) SinceStart() bool {
	if t.Op == "Equal" {
		return false
	}
	return created(t.A) && t.kept(t.B, t.Y) || created(t.B) && t.kept(t.A, t.X)
}

// created tells whether all origins are the time at which the API server made an object.
func created(all []Moment) bool {
	for _, m := range all {
		if !strings.HasSuffix(m.Stored, "CreationTimestamp") || m.Moved {
			return false
		}
	}
	return len(all) > 0
}

// kept tells whether a side is nothing but a reading of the clock that is older than the comparison.
func (t TimePair) kept(all []Moment, side ssa.Value) bool {
	for _, m := range all {
		if m.Clock == nil || m.Moved {
			return false
		}
	}
	if len(all) == 0 {
		return false
	}
	if load, ok := stripped(side).(*ssa.UnOp); ok && load.Op == token.MUL {
		side = load.X
	}
	switch x := side.(type) {
	case *ssa.FieldAddr:
		return !program.IsNamed(x.X.Type(), metaPath, "Time") // made to be stored: the reading is of whoever wrote it
	case *ssa.Global, *ssa.FreeVar:
		return true
	case *ssa.Call:
		return x.Parent() == t.Func() && receivesBetween(x.Block(), t.At.Block())
	case *ssa.Alloc:
		clock := all[0].Clock
		return clock.Parent() == t.Func() && receivesBetween(clock.Block(), t.At.Block())
	}
	return false
}

// awaitsChannel tells whether an instruction waits for a channel.
func awaitsChannel(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.Select:
		return true
	case *ssa.UnOp:
		return x.Op == token.ARROW
	}
	return false
}

// receivesBetween tells whether at lies in a loop that waits for a channel and that from is outside of.
func receivesBetween(from, at *ssa.BasicBlock) bool {
	loop := LoopOf(at)
	if slices.Contains(loop, from) {
		return false
	}
	for _, b := range loop {
		for _, instr := range b.Instrs {
			if awaitsChannel(instr) {
				return true
			}
		}
	}
	return false
}
