// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// UnorderedText tells whether a text ends in the annotations or labels of an object, under a key whose texts own code does
// not order by their letters. Times with offsets come in another order than their texts.
func (e *Effects) UnorderedText(fate Fate) bool {
	update, ok := fate.At.(*ssa.MapUpdate)
	if !ok {
		return false
	}
	keys, _ := e.Program.String(update.Key)
	return !slices.ContainsFunc(keys, func(key string) bool { return e.orderedKeys()[key] })
}

// orderedKeys are the keys of annotations and labels that own code compares as texts with < or >.
func (e *Effects) orderedKeys() map[string]bool {
	if e.textOrder != nil {
		return e.textOrder
	}
	e.textOrder = make(map[string]bool)
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				op, ok := instr.(*ssa.BinOp)
				if !ok || !IsOrder(op.Op) || !isText(op.X.Type()) {
					continue
				}
				for _, lookup := range append(e.lookups(op.X), e.lookups(op.Y)...) {
					keys, _ := e.Program.String(lookup.Index)
					for _, key := range keys {
						e.textOrder[key] = true
					}
				}
			}
		}
	}
	return e.textOrder
}

// IsOrder tells whether an operator asks which of two values comes first.
func IsOrder(op token.Token) bool {
	return op == token.LSS || op == token.LEQ || op == token.GTR || op == token.GEQ
}

func isText(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}

// lookups returns the readings of maps that a text comes from.
func (e *Effects) lookups(text ssa.Value) []*ssa.Lookup {
	var out []*ssa.Lookup
	for _, src := range e.Program.Sources(text).Values {
		if ex, ok := src.(*ssa.Extract); ok {
			src = ex.Tuple
		}
		if lookup, ok := src.(*ssa.Lookup); ok {
			out = append(out, lookup)
		}
	}
	return out
}
