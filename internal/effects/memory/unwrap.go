// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// unwrap follows a ref through objects that were just made to hold others: the client in newAPI(c) is c. It goes on only
// where the field is set in one place of the program, so that nobody can have put another one there since.
func (w *placer) unwrap(ref Ref) Ref {
	for range 4 {
		field, rest, ok := strings.Cut(strings.TrimPrefix(ref.Path, "."), ".")
		if ref.Path == "" || field == "" {
			return ref
		}
		held := w.heldIn(ref.Root, field)
		if held == nil {
			return ref
		}
		to := w.refOf(held)
		ref = to
		if ok {
			ref.Path += "." + rest
		}
	}
	return ref
}

// heldIn returns what the field of an object is that the running function made, itself or by a call; nil if not known.
func (w *placer) heldIn(root ssa.Value, field string) ssa.Value {
	switch x := root.(type) {
	case *ssa.Alloc:
		return w.setOnce(x, field)
	case *ssa.Call:
		callees := w.p.Static(x)
		if len(callees) != 1 {
			return nil
		}
		fn := callees[0]
		made := onlyResult(fn)
		if made == nil {
			return nil
		}
		alloc, ok := w.refOf(made).Root.(*ssa.Alloc)
		if !ok {
			return nil
		}
		param, ok := w.setOnce(alloc, field).(*ssa.Parameter)
		if !ok || param.Parent() != fn {
			return nil
		}
		if i := slices.Index(fn.Params, param); i < len(x.Call.Args) && x.Call.StaticCallee() != nil {
			return x.Call.Args[i]
		}
	}
	return nil
}

// setOnce returns the value of a field of an object that is made here, where nothing else in the program sets that field.
func (w *placer) setOnce(alloc *ssa.Alloc, field string) ssa.Value {
	for _, ref := range *alloc.Referrers() {
		addr, ok := ref.(*ssa.FieldAddr)
		if !ok || program.FieldName(addr.X.Type(), addr.Field) != field {
			continue
		}
		key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field)
		if !ok {
			return nil
		}
		if stores := w.p.FieldStores(key); len(stores) == 1 && stores[0].Addr == addr {
			return plain(stores[0].Val)
		}
	}
	return nil
}

// plain takes away conversions between interfaces, which do not change what is held.
func plain(v ssa.Value) ssa.Value {
	for {
		switch x := v.(type) {
		case *ssa.ChangeInterface:
			v = x.X
		case *ssa.MakeInterface:
			v = x.X
		default:
			return v
		}
	}
}

// onlyResult returns the value that a function with one return and one result returns.
func onlyResult(fn *ssa.Function) ssa.Value {
	var out ssa.Value
	for _, b := range fn.Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok {
			continue
		}
		if out != nil || len(ret.Results) != 1 {
			return nil
		}
		out = ret.Results[0]
	}
	return out
}
