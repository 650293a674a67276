// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"time"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Squared is a product of two durations: both count nanoseconds, so that one of them is taken for a number.
type Squared struct {
	Product *ssa.BinOp
	// Of names the duration that was meant as a number, Unit is the other one.
	Of   string
	Unit time.Duration
	// Why says what shows that it is a duration already.
	Why string
}

// SquaredDurations returns the products of own code of a unit of time and what is a duration already, in source order.
func (e *Effects) SquaredDurations() []Squared {
	var out []Squared
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				op, ok := instr.(*ssa.BinOp)
				if !ok || op.Op != token.MUL || !isDuration(op.Type()) || scaledDown(op) {
					continue
				}
				for _, sides := range [][2]ssa.Value{{op.X, op.Y}, {op.Y, op.X}} {
					unit := durationOf(sides[0])
					if unit < time.Microsecond {
						continue // a number
					}
					if why := e.realDuration(sides[1]); why != "" {
						out = append(out, Squared{Product: op, Of: durationName(sides[1]), Unit: unit, Why: why})
						break
					}
				}
			}
		}
	}
	return out
}

// scaledDown tells whether a product is divided again: a share of a duration, computed in whole numbers.
func scaledDown(op *ssa.BinOp) bool {
	for _, ref := range refs(op) {
		if div, ok := ref.(*ssa.BinOp); ok && div.Op == token.QUO && div.X == op {
			return true
		}
	}
	return false
}

// realDuration says what shows that a value counts nanoseconds, whatever it comes from; "" where it may be a plain number that
// got the type for the sake of the product.
func (e *Effects) realDuration(v ssa.Value) (why string) {
	for {
		c, ok := v.(*ssa.Convert)
		if !ok {
			break
		}
		if !isDuration(c.X.Type()) {
			return ""
		}
		v = c.X
	}
	if shown := shownDuration(v); shown != "" {
		return shown
	}
	sources := e.Program.Sources(v)
	if sources.Partial {
		return ""
	}
	for _, src := range sources.Values {
		if !isDuration(src.Type()) && !isDurationPart(src) || plainNumber(src) {
			return ""
		}
		if one := shownDuration(src); one != "" {
			why = one
		}
	}
	return why
}

// isDurationPart tells whether a source is the address of a variable or field that holds a duration, or a call that gives one with
// more.
func isDurationPart(src ssa.Value) bool {
	switch x := src.(type) {
	case *ssa.FieldAddr, *ssa.Global, *ssa.Alloc:
		return isDuration(elem(src.Type()))
	case *ssa.Extract:
		return isDuration(x.Type())
	}
	return false
}

// plainNumber tells whether a source got the type of a duration for the sake of a product: a small constant, or an integer.
func plainNumber(src ssa.Value) bool {
	switch x := src.(type) {
	case *ssa.Const:
		return x.Value != nil && x.Value.Kind() == constant.Int && x.Int64() != 0 && time.Duration(x.Int64()) < time.Millisecond
	case *ssa.Convert:
		return !isDuration(x.X.Type())
	}
	return false
}

// shownDuration says what shows that one source is a duration.
func shownDuration(src ssa.Value) string {
	if ex, ok := src.(*ssa.Extract); ok {
		src = ex.Tuple
	}
	switch x := src.(type) {
	case *ssa.Const:
		if x.Value != nil && x.Value.Kind() == constant.Int {
			if d := time.Duration(x.Int64()); d >= time.Millisecond {
				return "it is " + d.String()
			}
		}
	case *ssa.Call:
		if t := program.Target(x); t != nil && t.Pkg() != nil && t.Pkg().Path() == "time" {
			switch t.Name() {
			case "Since", "Until", "Sub", "ParseDuration":
				return "time." + t.Name() + " gives it"
			}
		}
	case *ssa.UnOp:
		if field, ok := x.X.(*ssa.FieldAddr); ok && x.Op == token.MUL && program.IsNamed(field.X.Type(), metaPath, "Duration") {
			return "a metav1.Duration holds it"
		}
	}
	return ""
}
