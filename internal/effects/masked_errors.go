// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Masked is a deferred call whose error takes the place of the one that its function returns, be it nil or not.
type Masked struct {
	// Func defers it and returns the error.
	Func *ssa.Function
	// Call gives the error that is kept, Store keeps it, Lost is a place where Func sets the one that goes.
	Call  *ssa.Call
	Store *ssa.Store
	Lost  *ssa.Store
}

// MaskedErrors returns the deferred requests that do so, in source order.
func (e *Effects) MaskedErrors() []Masked {
	var out []Masked
	for _, fn := range e.Program.Funcs {
		cell := errorCell(fn)
		if cell == nil {
			continue // its error has no variable that something deferred can set
		}
		for site := range program.Sites(fn) {
			d, ok := site.(*ssa.Defer)
			if !ok {
				continue
			}
			lost := failsBehind(d, cell)
			if lost == nil {
				continue // it has no error yet that could be replaced
			}
			for _, v := range cellIn(d, cell) {
				for _, st := range storesTo(v) {
					if call := e.masks(v, st); call != nil {
						out = append(out, Masked{Func: fn, Call: call, Store: st, Lost: lost})
					}
				}
			}
		}
	}
	return out
}

// errorCell returns the variable of the error that a function returns, where what it defers can set it.
func errorCell(fn *ssa.Function) *ssa.Alloc {
	for _, b := range fn.Blocks {
		ret, ok := last(b).(*ssa.Return)
		if !ok || len(ret.Results) == 0 {
			continue
		}
		load, ok := ret.Results[len(ret.Results)-1].(*ssa.UnOp)
		if !ok || !isErrorType(load.Type()) {
			return nil
		}
		cell, _ := load.X.(*ssa.Alloc)
		return cell
	}
	return nil
}

// failsBehind returns a place behind a defer where the function sets an error.
func failsBehind(d *ssa.Defer, cell *ssa.Alloc) *ssa.Store {
	for _, st := range storesTo(cell) {
		if !program.IsNil(st.Val) && MayPrecede(d, st) {
			return st
		}
	}
	return nil
}

func storesTo(cell ssa.Value) []*ssa.Store {
	var out []*ssa.Store
	for _, ref := range *cell.Referrers() {
		if st, ok := ref.(*ssa.Store); ok && st.Addr == cell {
			out = append(out, st)
		}
	}
	return out
}

// cellIn returns what the deferred function calls the variable: a captured one, or a parameter that holds its address.
func cellIn(d *ssa.Defer, cell *ssa.Alloc) []ssa.Value {
	var out []ssa.Value
	if closure, ok := d.Call.Value.(*ssa.MakeClosure); ok {
		fn := closure.Fn.(*ssa.Function)
		if i := slices.Index(closure.Bindings, ssa.Value(cell)); i >= 0 {
			out = append(out, fn.FreeVars[i])
		}
	}
	if fn := d.Call.StaticCallee(); fn != nil {
		for i, arg := range d.Call.Args {
			if arg == cell && i < len(fn.Params) && len(fn.Blocks) > 0 {
				out = append(out, fn.Params[i])
			}
		}
	}
	return out
}

// masks returns the request whose error a store puts into the variable without a look at what it held; nil if it is none.
func (e *Effects) masks(cell ssa.Value, st *ssa.Store) *ssa.Call {
	for _, ref := range *cell.Referrers() {
		if _, stored := ref.(*ssa.Store); !stored && (MayPrecede(ref, st) || ref == ssa.Instruction(st)) {
			return nil // it is looked at, combined, or handed on
		}
	}
	call := erring(st.Val)
	if call == nil || slices.Contains(e.FailureBlocks(call), st.Block()) {
		return nil // not the error of a call, or kept only where there is one
	}
	if row := program.Model(call); row != nil && row.Effect.IsWrite() {
		return call
	}
	callees := e.Program.Static(call)
	if len(callees) == 0 && mayWrite(call) {
		return call
	}
	for _, callee := range callees {
		if writes, opaque := e.WritesBelow(callee); len(writes) > 0 || opaque {
			return call
		}
	}
	return nil // it sends nothing
}

// erring returns the call that a value is the error of, perhaps wrapped.
func erring(v ssa.Value) *ssa.Call {
	switch x := v.(type) {
	case *ssa.Extract:
		call, _ := x.Tuple.(*ssa.Call)
		return call
	case *ssa.Call:
		if keepsNil(x) {
			return erring(x.Call.Args[0])
		}
		return x
	}
	return nil
}
