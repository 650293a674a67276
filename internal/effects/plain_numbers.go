// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// BareNumber is a number of seconds, minutes or such that became a duration without a unit: it counts nanoseconds.
type BareNumber struct {
	Convert ssa.Instruction
	// Of names the number, Unit is what its name says that it counts.
	Of, Unit string
	// Use is where it is waited for, or compared with a duration.
	Use ssa.Instruction
}

// BareNumbers returns these numbers, in source order, where nothing multiplies them by a unit on the way to their use.
func (e *Effects) BareNumbers() []BareNumber {
	var out []BareNumber
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				number, ok := numberMadeDuration(instr)
				if !ok {
					continue
				}
				name := numberName(number)
				unit := unitIn(name)
				if unit == "" {
					continue
				}
				w := bareWalk{e: e, seen: make(map[ssa.Value]bool)}
				w.from(instr.(ssa.Value), 0)
				if w.use != nil && !w.other {
					out = append(out, BareNumber{Convert: instr, Of: name, Unit: unit, Use: w.use})
				}
			}
		}
	}
	return out
}

// numberMadeDuration returns the number of a conversion to time.Duration; one of int64 is no more than a change of its type.
func numberMadeDuration(instr ssa.Instruction) (number ssa.Value, ok bool) {
	switch x := instr.(type) {
	case *ssa.Convert:
		number = x.X
	case *ssa.ChangeType:
		number = x.X
	default:
		return nil, false
	}
	return number, isDuration(instr.(ssa.Value).Type()) && !isDuration(number.Type())
}

// numberName is the name of the parameter, field, variable or getter that a number comes from.
func numberName(v ssa.Value) string {
	for range 4 {
		switch x := v.(type) {
		case *ssa.Convert:
			v = x.X
		case *ssa.ChangeType:
			v = x.X
		case *ssa.UnOp:
			if x.Op != token.MUL {
				return ""
			}
			switch x.X.(type) {
			case *ssa.UnOp, *ssa.Field: // of a pointer
				v = x.X
			default:
				return durationName(x)
			}
		case *ssa.Call:
			if t := program.Target(x); t != nil {
				return t.Name()
			}
			return ""
		default:
			return durationName(v)
		}
	}
	return ""
}

// unitIn returns the unit of time that a name ends in, longer than a nanosecond; "" if there is none.
func unitIn(name string) string {
	for _, suffix := range []string{"Milliseconds", "Millis", "Seconds", "Secs", "Minutes", "Mins", "Hours", "Days"} {
		if strings.HasSuffix(name, suffix) || name == strings.ToLower(suffix) {
			return strings.ToLower(suffix)
		}
	}
	return ""
}

// bareWalk follows a duration that was a number forward to its uses.
type bareWalk struct {
	e    *Effects
	seen map[ssa.Value]bool
	use  ssa.Instruction
	// other is set when it is multiplied by something, or goes where the code does not show.
	other bool
}

func (w *bareWalk) from(v ssa.Value, depth int) {
	if w.seen[v] || len(w.seen) > 60 {
		return
	}
	w.seen[v] = true
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.BinOp:
			w.operator(x, v, depth)
		case *ssa.Phi:
			w.from(x, depth)
		case *ssa.ChangeType, *ssa.Convert:
			w.other = w.other || !isDuration(x.(ssa.Value).Type()) // a number again
			w.from(x.(ssa.Value), depth)
		case *ssa.Store:
			w.stored(x, v, depth)
		case *ssa.Return, *ssa.MakeClosure:
			w.other = true
		case ssa.CallInstruction:
			w.passed(x, v, depth)
		}
	}
}

func (w *bareWalk) operator(op *ssa.BinOp, v ssa.Value, depth int) {
	side := op.X
	if side == v {
		side = op.Y
	}
	switch {
	case op.Op == token.MUL || op.Op == token.QUO:
		w.other = true
	case op.Op == token.ADD || op.Op == token.SUB:
		w.from(op, depth)
	case IsOrder(op.Op) && w.e.realDuration(side) != "":
		w.found(op)
	}
}

func (w *bareWalk) found(use ssa.Instruction) {
	if w.use == nil {
		w.use = use
	}
}

// stored goes on with a local variable, and ends at a field that is waited for.
func (w *bareWalk) stored(st *ssa.Store, v ssa.Value, depth int) {
	switch addr := st.Addr.(type) {
	case *ssa.Alloc:
		for _, ref := range refs(addr) {
			switch x := ref.(type) {
			case *ssa.UnOp:
				w.from(x, depth)
			case *ssa.MakeClosure:
				w.other = true
			}
		}
	case *ssa.FieldAddr:
		if key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field); ok && !w.e.Program.OwnType(key.Type) {
			w.found(st)
			return
		}
		w.other = true // of own code: whoever reads it may multiply
	default:
		w.other = true
	}
}

// passed ends at what waits, and goes on in own functions.
func (w *bareWalk) passed(site ssa.CallInstruction, v ssa.Value, depth int) {
	common := site.Common()
	if b, ok := common.Value.(*ssa.Builtin); ok {
		if result := site.Value(); result != nil && (b.Name() == "max" || b.Name() == "min") {
			w.from(result, depth)
		}
		return
	}
	if t := program.Target(site); t != nil && t.Pkg() != nil {
		switch t.Pkg().Path() {
		case "time", "context", waitPath:
			if program.Receiver(site) != v { // not its methods: Seconds, String
				w.found(site)
			}
			return
		}
	}
	edges := w.e.Program.Callees(site)
	if len(edges) == 0 || depth > 1 {
		w.other = w.other || slices.Contains(common.Args, v)
		return
	}
	for _, edge := range edges {
		for i, param := range edge.Callee.Params {
			if program.ArgumentFor(edge, i) == v {
				w.from(param, depth+1)
			}
		}
	}
}
