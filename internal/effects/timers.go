// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// StoppedByHolder returns a call that stops the timer which a goroutine waits for alone, by somebody to whom the starter
// of the goroutine hands the timer out; nil if there is none.
func (e *Effects) StoppedByHolder(op *ChannelOp, g Goroutine) ssa.CallInstruction {
	made := timerIn(op.Value, g)
	if made == nil {
		return nil
	}
	for _, t := range heldTypes(made) {
		if stop := e.stopOf(t, g.Start.Parent(), op.Func); stop != nil {
			return stop
		}
	}
	return nil
}

// timerIn returns the timer of the starter whose channel a goroutine receives from: the field C of a time.Timer, or what
// the method C of another clock's timer returns.
func timerIn(ch ssa.Value, g Goroutine) ssa.Value {
	var timer ssa.Value
	switch x := ch.(type) {
	case *ssa.UnOp:
		if field, ok := x.X.(*ssa.FieldAddr); ok && x.Op == token.MUL && program.IsNamed(field.X.Type(), "time", "Timer") {
			timer = field.X
		}
	case *ssa.Call:
		if target := program.Target(x); target != nil && target.Name() == "C" && isClock(x) {
			timer = program.Receiver(x)
		}
	}
	if load, ok := timer.(*ssa.UnOp); ok && load.Op == token.MUL {
		timer = load.X
	}
	free, ok := timer.(*ssa.FreeVar)
	closure, isClosure := g.Start.Common().Value.(*ssa.MakeClosure)
	if !ok || !isClosure {
		return nil
	}
	i := slices.Index(closure.Fn.(*ssa.Function).FreeVars, free)
	if i < 0 {
		return nil
	}
	return closure.Bindings[i]
}

// heldTypes returns the types as which a value leaves its function: returned, or stored in a field or a map.
func heldTypes(v ssa.Value) []types.Type {
	var out []types.Type
	for _, alias := range aliases(v) {
		for _, ref := range refs(alias) {
			_, returned := ref.(*ssa.Return)
			if returned || keepsName(ref, alias) {
				out = append(out, alias.Type())
			}
		}
	}
	return out
}

// stopOf returns a call of Stop on a value of a type, in the package of the starter but not in the goroutine itself.
func (e *Effects) stopOf(t types.Type, starter, waiter *ssa.Function) ssa.CallInstruction {
	for _, fn := range e.Program.Funcs {
		if fn == waiter || e.Program.Package(fn) != e.Program.Package(starter) || e.Program.InTest(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			target, recv := program.Target(site), program.Receiver(site)
			if target != nil && target.Name() == "Stop" && recv != nil && types.Identical(recv.Type(), t) {
				return site
			}
		}
	}
	return nil
}
