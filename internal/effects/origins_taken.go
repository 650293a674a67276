// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// originsIn returns the values that a value was taken from, itself first: through variables, structs and slices of its
// function, and through the results of a function that it calls.
func (e *Effects) originsIn(of ssa.Value) []ssa.Value {
	var out []ssa.Value
	seen := make(map[ssa.Value]bool)
	var visit func(v ssa.Value)
	visitAll := func(all []ssa.Value) {
		for _, v := range all {
			visit(v)
		}
	}
	visit = func(v ssa.Value) {
		if seen[v] || len(out) > 64 {
			return
		}
		seen[v] = true
		out = append(out, v)
		switch x := v.(type) {
		case *ssa.Alloc:
			visitAll(storedUnder(x))
		case *ssa.Phi:
			visitAll(x.Edges)
		case *ssa.Call:
			if b, ok := x.Call.Value.(*ssa.Builtin); ok && b.Name() == "append" {
				visitAll(x.Call.Args)
			} else if x.Call.Signature().Results().Len() == 1 && x.Parent() == of.Parent() {
				visitAll(e.resultsOf(x, 0))
			}
		case *ssa.UnOp:
			if x.Op == token.MUL {
				visit(x.X)
			}
		case *ssa.Extract:
			if call, ok := x.Tuple.(*ssa.Call); ok && x.Parent() == of.Parent() {
				visitAll(e.resultsOf(call, x.Index))
				return
			}
			visit(x.Tuple)
		case *ssa.Next:
			visit(x.Iter)
		case *ssa.Range:
			visit(x.X)
		case *ssa.Lookup:
			visit(x.X)
		case *ssa.Slice:
			visit(x.X)
		case *ssa.FieldAddr:
			visit(x.X)
		case *ssa.Field:
			visit(x.X)
		case *ssa.IndexAddr:
			visit(x.X)
		}
	}
	visit(of)
	return out
}

// resultsOf returns what the functions of own code that a call runs return as its result at index.
func (e *Effects) resultsOf(call *ssa.Call, index int) []ssa.Value {
	var out []ssa.Value
	for _, edge := range e.Program.Callees(call) {
		for _, b := range edge.Callee.Blocks {
			if ret, ok := last(b).(*ssa.Return); ok && edge.Arg < 0 && index < len(ret.Results) {
				out = append(out, ret.Results[index])
			}
		}
	}
	return out
}

// storedUnder returns what is stored in a variable of a function, or in a part of it.
func storedUnder(addr ssa.Value) []ssa.Value {
	var out []ssa.Value
	for _, ref := range refs(addr) {
		switch ref := ref.(type) {
		case *ssa.Store:
			if ref.Addr == addr {
				out = append(out, ref.Val)
			}
		case *ssa.FieldAddr:
			out = append(out, storedUnder(ref)...)
		case *ssa.IndexAddr:
			out = append(out, storedUnder(ref)...)
		}
	}
	return out
}
