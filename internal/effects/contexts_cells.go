// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// contextCell returns the variable of type context.Context that a value was loaded from, in the function that declares
// it, and the instruction there at which its content counts: the load, or the making of the closure that captured it.
// ok is false for everything else. ctx, cancel := context.WithTimeout(ctx, …) stores to one variable twice, and only the
// later store is what a closure below it sees.
func contextCell(v ssa.Value) (cell *ssa.Alloc, at ssa.Instruction, ok bool) {
	load, isLoad := v.(*ssa.UnOp)
	if !isLoad || load.Op != token.MUL || !isContextType(load.Type()) {
		return nil, nil, false
	}
	switch x := load.X.(type) {
	case *ssa.Alloc:
		return x, load, true
	case *ssa.FreeVar:
		return captured(x, 0)
	}
	return nil, nil, false
}

// captured follows a captured variable to the function that declares it.
func captured(free *ssa.FreeVar, depth int) (cell *ssa.Alloc, at ssa.Instruction, ok bool) {
	fn := free.Parent()
	if depth > 6 || fn.Parent() == nil {
		return nil, nil, false
	}
	for _, b := range fn.Parent().Blocks {
		for _, instr := range b.Instrs {
			closure, isClosure := instr.(*ssa.MakeClosure)
			if !isClosure || closure.Fn != fn {
				continue
			}
			for i, other := range fn.FreeVars {
				if other != free {
					continue
				}
				switch x := closure.Bindings[i].(type) {
				case *ssa.Alloc:
					return x, closure, true
				case *ssa.FreeVar:
					return captured(x, depth+1)
				}
			}
		}
	}
	return nil, nil, false
}

// contentOf returns the values that a variable can hold at an instruction: the last store that all paths pass, and those
// that some path passes after it. Stores by closures are not seen; nil if nothing was stored on all paths.
func contentOf(cell *ssa.Alloc, at ssa.Instruction) []ssa.Value {
	var stores []*ssa.Store
	for _, ref := range *cell.Referrers() {
		if store, ok := ref.(*ssa.Store); ok && store.Addr == cell {
			stores = append(stores, store)
		}
	}
	var last *ssa.Store
	for _, s := range stores {
		if precedes(s, at) && (last == nil || precedes(last, s)) {
			last = s
		}
	}
	if last == nil {
		return nil
	}
	out := []ssa.Value{last.Val}
	for _, s := range stores {
		if s != last && After(last, s) && After(s, at) && !precedes(s, last) {
			out = append(out, s.Val)
		}
	}
	return out
}

// precedes tells whether every path to b passes a, both in one function.
func precedes(a, b ssa.Instruction) bool {
	if a.Parent() != b.Parent() || a.Block() == nil || b.Block() == nil {
		return false
	}
	if a.Block() != b.Block() {
		return a.Block().Dominates(b.Block())
	}
	return indexOf(a) < indexOf(b)
}
