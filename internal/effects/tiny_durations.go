// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"time"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// TinyDuration is a plain number that is used as a duration: 30, which is 30 nanoseconds.
type TinyDuration struct {
	Value time.Duration
	// At is where the code gives the number, Use where it is waited for or handed to a library.
	At, Use ssa.Instruction
}

// TinyDurations returns these numbers of own code, in source order: constants of two to a thousand nanoseconds that are waited for,
// given to a library, stored in a field of its, or read as seconds, with no unit on the way.
func (e *Effects) TinyDurations() []TinyDuration {
	var out []TinyDuration
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if d, use := e.tinyAt(instr); use != nil {
					out = append(out, TinyDuration{Value: d, At: instr, Use: use})
				}
			}
		}
	}
	return out
}

// tinyAt looks at the constants that an instruction stores or passes.
func (e *Effects) tinyAt(instr ssa.Instruction) (time.Duration, ssa.Instruction) {
	switch x := instr.(type) {
	case *ssa.Store:
		field, ok := x.Addr.(*ssa.FieldAddr)
		if d := tiny(x.Val); ok && d > 0 {
			if key, known := program.FieldKeyOf(field.X.Type(), field.Field); known && !e.Program.OwnType(key.Type) {
				return d, x
			}
		}
	case ssa.CallInstruction:
		for _, arg := range x.Common().Args {
			if d := tiny(arg); d > 0 {
				w := tinyWalk{e: e}
				if use := w.passed(x, arg, 0); use != nil && !w.scaled {
					return d, use
				}
			}
		}
	}
	return 0, nil
}

// tiny returns a constant duration of two to a thousand nanoseconds; 0 for any other value. One nanosecond is how code says at once.
func tiny(v ssa.Value) time.Duration {
	c, ok := v.(*ssa.Const)
	if !ok || !isDuration(c.Type()) || c.Value == nil {
		return 0
	}
	if d := time.Duration(c.Int64()); d > 1 && d < time.Microsecond {
		return d
	}
	return 0
}

// tinyWalk follows a constant through own functions, to what it is for.
type tinyWalk struct {
	e *Effects
	// scaled is set when it is multiplied, converted to a number or kept: the unit may come later.
	scaled bool
}

// passed follows an argument of a call.
func (w *tinyWalk) passed(site ssa.CallInstruction, arg ssa.Value, depth int) ssa.Instruction {
	t := program.Target(site)
	if t == nil || t.Pkg() == nil {
		w.scaled = true
		return nil
	}
	if !w.e.Program.OwnPackage(t.Pkg()) {
		if waitsByArgument(t.Pkg().Path(), t.Name(), program.Receiver(site) != nil) {
			return site
		}
		w.scaled = true
		return nil
	}
	callees := w.e.Program.Static(site)
	if len(callees) != 1 || depth > 1 {
		w.scaled = true
		return nil
	}
	var use ssa.Instruction
	for i, a := range site.Common().Args {
		if a == arg && i < len(callees[0].Params) {
			if found := w.value(callees[0].Params[i], site, depth+1); use == nil {
				use = found
			}
		}
	}
	return use
}

// waitsByArgument knows what takes a duration for a time to wait, or a period: in package time its functions, in others all that takes
// durations.
func waitsByArgument(path, name string, method bool) bool {
	switch path {
	case "time":
		return !method && slices.Contains([]string{"Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}, name)
	case "context", waitPath:
		return true
	}
	return false
}

// value follows a parameter of an own function, and what the function returns of it to the call.
func (w *tinyWalk) value(v ssa.Value, site ssa.CallInstruction, depth int) ssa.Instruction {
	var use ssa.Instruction
	keep := func(found ssa.Instruction) {
		if use == nil {
			use = found
		}
	}
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.DebugRef:
		case *ssa.Phi:
			keep(w.value(x, site, depth))
		case *ssa.Return:
			if result := site.Value(); result != nil && len(x.Results) == 1 {
				keep(w.read(result))
			} else {
				w.scaled = true
			}
		case *ssa.BinOp:
			w.scaled = w.scaled || !IsOrder(x.Op) && x.Op != token.EQL && x.Op != token.NEQ
		case ssa.CallInstruction:
			keep(w.passed(x, v, depth))
		default:
			w.scaled = true
		}
	}
	return use
}

// read returns where a duration is read as a number of seconds or minutes, or waited for.
func (w *tinyWalk) read(v ssa.Value) ssa.Instruction {
	for _, ref := range refs(v) {
		site, ok := ref.(ssa.CallInstruction)
		if !ok {
			continue
		}
		t := program.Target(site)
		if t == nil || t.Pkg() == nil || t.Pkg().Path() != "time" {
			continue
		}
		if program.Receiver(site) == v && slices.Contains([]string{"Seconds", "Minutes", "Hours", "Milliseconds"}, t.Name()) || waitsByArgument("time", t.Name(), program.Receiver(site) != nil) {
			return site
		}
	}
	return nil
}
