// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// GivenChange is a change of an API object that the same function gave to a goroutine before.
type GivenChange struct {
	Func *ssa.Function
	// Type is that of the object.
	Type types.Type
	// Go is the statement that starts the goroutine, Read where the goroutine reads the object.
	Go   *ssa.Go
	Read ssa.Instruction
	// Change is made later, without a wait for the goroutine.
	Change *Event
}

// GivenChanges returns the first such change for each go statement of own code, in source order.
func (e *Effects) GivenChanges() []GivenChange {
	k := &keeper{e: e}
	var out []GivenChange
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if started, ok := site.(*ssa.Go); ok {
				if c, found := k.changedBeside(fn, started); found {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// changedBeside looks for a change of an object that a goroutine has.
func (k *keeper) changedBeside(fn *ssa.Function, started *ssa.Go) (GivenChange, bool) {
	callee := started.Call.StaticCallee()
	if callee == nil || !k.e.Program.Own(callee) {
		return GivenChange{}, false
	}
	for _, given := range k.givenTo(started, callee) {
		object, read := given.object, k.reads(given.inner, 0)
		if read == nil {
			continue
		}
		at, one := k.e.Place(fn, object)
		if !one || at.Base != "" || at.Path != "" {
			continue
		}
		for _, ev := range slices.Concat(k.e.Events(fn), k.e.answered(fn)) {
			if ev.Kind == Change && ev.Root == at.Root && ev.Path != "" && !ev.Spawned && ev.At != ssa.Instruction(started) && staysWithin(started, ev.At, at.Root) && !mayAwait(started, ev.At) {
				return GivenChange{Func: fn, Type: object.Type(), Go: started, Read: read, Change: ev}, true
			}
		}
	}
	return GivenChange{}, false
}

// given is an object that a goroutine gets: as its maker has it, and as it has it itself.
type given struct{ object, inner ssa.Value }

// givenTo returns the objects that a goroutine gets.
func (k *keeper) givenTo(started *ssa.Go, callee *ssa.Function) []given {
	var out []given
	for i, arg := range started.Call.Args {
		if i < len(callee.Params) && isPointer(arg.Type()) && k.e.isObject(arg.Type()) {
			out = append(out, given{arg, callee.Params[i]})
		}
	}
	made, ok := started.Call.Value.(*ssa.MakeClosure)
	if !ok {
		return out
	}
	for i, bound := range made.Bindings {
		cell, ok := bound.(*ssa.Alloc)
		if !ok {
			if isPointer(bound.Type()) && k.e.isObject(bound.Type()) {
				out = append(out, given{bound, callee.FreeVars[i]})
			}
			continue
		}
		if stored := k.e.Program.StoredAt(cell); len(stored) == 1 && isPointer(stored[0].Type()) && k.e.isObject(stored[0].Type()) {
			for _, ref := range refs(callee.FreeVars[i]) {
				if load, ok := ref.(*ssa.UnOp); ok && load.Op == token.MUL {
					out = append(out, given{stored[0], load})
				}
			}
		}
	}
	return out
}

// reads returns where a function reads more of an object than what it is called, itself or in an own function that it calls.
func (k *keeper) reads(v ssa.Value, depth int) ssa.Instruction {
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.FieldAddr:
			if name, _ := fieldOf(x.X.Type(), x.Field); name == "Spec" || name == "Status" || name == "Data" {
				return x
			}
		case *ssa.Call:
			if row := program.Model(x); row != nil && row.Effect.IsWrite() && row.Object >= 0 && stripped(program.Argument(x, row.Object)) == v {
				return x
			}
			for _, callee := range k.e.Program.Static(x) {
				for i := range callee.Params {
					edge := program.Edge{Site: x, Callee: callee, Arg: -1}
					if depth < 3 && program.ArgumentFor(edge, i) == v {
						if read := k.reads(callee.Params[i], depth+1); read != nil {
							return read
						}
					}
				}
			}
		}
	}
	return nil
}

// mayAwait tells whether something between two instructions may wait for the goroutine, or keep it out.
func mayAwait(from, to ssa.Instruction) bool {
	for _, b := range from.Parent().Blocks {
		for _, instr := range b.Instrs {
			if !MayPrecede(from, instr) || !MayPrecede(instr, to) {
				continue
			}
			switch x := instr.(type) {
			case *ssa.Select, *ssa.Send:
				return true
			case *ssa.UnOp:
				if x.Op == token.ARROW {
					return true
				}
			case *ssa.Call:
				if target := program.Target(x); target != nil && slices.Contains([]string{"Wait", "Lock", "RLock", "Sleep"}, target.Name()) {
					return true
				}
			}
		}
	}
	return false
}
