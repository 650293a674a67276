// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// textOrder is what own code orders by the letters of its text: keys of maps, such as annotations, and fields.
type textOrder struct {
	keys   map[string]bool
	fields map[program.FieldKey]bool
}

// OrderedText tells whether a text ends under a key of a map, or in a field, whose texts own code orders by their letters;
// or goes to somebody else, of whom that is not known. Times with offsets come in another order than their texts.
func (e *Effects) OrderedText(fate Fate) bool {
	order := e.textOrders()
	switch at := fate.At.(type) {
	case *ssa.MapUpdate:
		keys, _ := e.Program.String(at.Key)
		ordered := func(key string) bool { return order.keys[key] }
		if _, helper := at.Key.(*ssa.Parameter); helper {
			return len(keys) > 0 && !slices.ContainsFunc(keys, func(key string) bool { return !ordered(key) }) // of many keys, not all are this one
		}
		return slices.ContainsFunc(keys, ordered)
	case *ssa.Store:
		if addr, ok := at.Addr.(*ssa.FieldAddr); ok {
			key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field)
			return ok && order.fields[key]
		}
	case ssa.CallInstruction:
		if t := program.Target(at); t != nil && strings.HasPrefix(t.Name(), "SetMetaData") {
			keys, _ := e.Program.String(program.Argument(at, 1))
			return slices.ContainsFunc(keys, func(key string) bool { return order.keys[key] })
		}
		// A patch is most likely of a field that the API server reads with its offset. What is set on an object, through whatever
		// helper, is read by its key, and no key that is ordered was seen.
		return fate.Where != "patch" && !setsOnObject(fate.At)
	}
	return false
}

// setsOnObject tells whether a call is of a method of an API object, such as SetAnnotations, or is given one.
func setsOnObject(at ssa.Instruction) bool {
	site, ok := at.(ssa.CallInstruction)
	if !ok {
		return false
	}
	return isObject(program.Receiver(site)) || slices.ContainsFunc(site.Common().Args, isObject)
}

func isObject(v ssa.Value) bool {
	if v == nil {
		return false
	}
	for _, name := range []string{"GetResourceVersion", "GetObjectKind"} {
		if method, _, _ := types.LookupFieldOrMethod(v.Type(), true, nil, name); method != nil {
			return true
		}
	}
	return false
}

// textOrders gathers what own code compares as texts with < or >.
func (e *Effects) textOrders() *textOrder {
	if e.textOrder != nil {
		return e.textOrder
	}
	e.textOrder = &textOrder{make(map[string]bool), make(map[program.FieldKey]bool)}
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if op, ok := instr.(*ssa.BinOp); ok && IsOrder(op.Op) && isText(op.X.Type()) {
					e.textOrder.note(e, op.X)
					e.textOrder.note(e, op.Y)
				}
			}
		}
	}
	return e.textOrder
}

// note keeps where a text that is ordered is read from.
func (o *textOrder) note(e *Effects, text ssa.Value) {
	for _, lookup := range e.lookups(text) {
		keys, _ := e.Program.String(lookup.Index)
		for _, key := range keys {
			o.keys[key] = true
		}
	}
	if load, ok := text.(*ssa.UnOp); ok && load.Op == token.MUL {
		if addr, ok := load.X.(*ssa.FieldAddr); ok {
			if key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field); ok {
				o.fields[key] = true
			}
		}
	}
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
