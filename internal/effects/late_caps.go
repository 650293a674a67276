// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LateCap is a delay that grows by a power of the number of attempts, in whole numbers, and that is compared with its maximum only
// then: after enough attempts the power no longer fits, and what is compared is zero or negative.
type LateCap struct {
	// Grows is the power, or the shift.
	Grows ssa.Instruction
	// Counter names the number of attempts.
	Counter string
	// Cap is where the delay is compared with its maximum.
	Cap ssa.Instruction
}

// LateCaps returns the delays of own code that are capped after they overflow, in source order. What nothing caps is never waited
// for that often: the delays before would take centuries.
func (e *Effects) LateCaps() []LateCap {
	var out []LateCap
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				grows, counter := powerOf(instr)
				if grows == nil || !e.endless(counter, instr, 0) {
					continue
				}
				w := capWalk{seen: make(map[ssa.Value]bool)}
				w.value(grows, isWhole(grows.Type()))
				if w.cap != nil && w.duration && !w.inTime {
					out = append(out, LateCap{Grows: instr, Counter: counterName(counter), Cap: w.cap})
				}
			}
		}
	}
	return out
}

// powerOf returns what an instruction computes as a power of a number greater than one, and the exponent; nil if it does not.
func powerOf(instr ssa.Instruction) (power, exponent ssa.Value) {
	switch x := instr.(type) {
	case *ssa.BinOp:
		if x.Op == token.SHL {
			power, exponent = x, x.Y
		}
	case *ssa.Call:
		target := program.Target(x)
		if target == nil || target.Pkg() == nil || target.Pkg().Path() != "math" || target.Name() != "Pow" {
			return nil, nil
		}
		if base, ok := x.Call.Args[0].(*ssa.Const); ok && base.Float64() <= 1 {
			return nil, nil
		}
		power, exponent = x, x.Call.Args[1]
	}
	if _, fixed := exponent.(*ssa.Const); fixed {
		return nil, nil
	}
	return power, exponent
}

func isWhole(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsInteger != 0
}

// capWalk follows a growing value to where it is compared with a maximum.
type capWalk struct {
	seen map[ssa.Value]bool
	// duration is set when it is, or becomes, a duration; inTime when it is compared as a fraction, which does not overflow.
	duration, inTime bool
	cap              ssa.Instruction
}

func (w *capWalk) value(v ssa.Value, whole bool) {
	if w.seen[v] {
		return
	}
	w.seen[v] = true
	whole = whole || isWhole(v.Type())
	w.duration = w.duration || isDuration(v.Type())
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.Convert, *ssa.ChangeType, *ssa.Phi:
			w.value(x.(ssa.Value), whole)
		case *ssa.BinOp:
			w.operator(x, v, whole)
		case *ssa.Call:
			if isSmaller(x) {
				w.capped(x, whole)
				w.value(x, whole)
			}
		}
	}
}

func (w *capWalk) operator(x *ssa.BinOp, v ssa.Value, whole bool) {
	switch x.Op {
	case token.MUL, token.ADD, token.SUB:
		w.value(x, whole)
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		other := x.X
		if other == v {
			other = x.Y
		}
		if c, ok := other.(*ssa.Const); !ok || c.Value == nil || constant.Sign(c.Value) > 0 {
			w.capped(x, whole)
		} else {
			w.inTime = true // it is asked whether it is negative
		}
	}
}

func (w *capWalk) capped(at ssa.Instruction, whole bool) {
	if !whole {
		w.inTime = true
	} else if w.cap == nil {
		w.cap = at
	}
}

// isSmaller recognises the smaller of two values: math.Min, and the language's own.
func isSmaller(call *ssa.Call) bool {
	if b, ok := call.Call.Value.(*ssa.Builtin); ok {
		return b.Name() == "min"
	}
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == "math" && target.Name() == "Min"
}
