// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

const pkgErrors = "github.com/pkg/errors"

// textWalk follows an error through its function: whether it is returned, or looked at, as it is, and whether another error that
// does not wrap it is made of it and returned.
type textWalk struct {
	e        *Effects
	depth    int
	seen     map[ssa.Value]bool
	visible  bool
	returned bool
	made     ssa.Instruction
}

// failed follows the error itself, and errors that wrap it.
func (w *textWalk) failed(v ssa.Value) {
	if w.seen[v] || v.Referrers() == nil {
		return
	}
	w.seen[v] = true
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.Return:
			if !knownNil(v, x.Block()) {
				w.visible, w.returned = true, true
			}
		case *ssa.Phi:
			if carriesFailure(v, x) {
				w.failed(x)
			}
		case *ssa.ChangeInterface:
			w.failed(x)
		case *ssa.MakeInterface:
			w.failed(x)
		case *ssa.TypeAssert:
			w.visible = true
		case *ssa.Store:
			w.stored(x, v)
		case *ssa.Call:
			w.passed(x, v)
		}
	}
}

// nilSide returns where a branch goes on when v is nil; nil where it asks for something else.
func nilSide(v ssa.Value, branch *ssa.If) *ssa.BasicBlock {
	op, ok := branch.Cond.(*ssa.BinOp)
	if !ok || op.X != v && op.Y != v || !program.IsNil(op.X) && !program.IsNil(op.Y) {
		return nil
	}
	switch op.Op {
	case token.EQL:
		return branch.Block().Succs[0]
	case token.NEQ:
		return branch.Block().Succs[1]
	}
	return nil
}

// carriesFailure tells whether an error can come into a phi on an edge on which it is not known to be nil.
func carriesFailure(v ssa.Value, phi *ssa.Phi) bool {
	for i, edge := range phi.Edges {
		if edge != v {
			continue
		}
		from := phi.Block().Preds[i]
		branch, ok := from.Instrs[len(from.Instrs)-1].(*ssa.If)
		nilEdge := ok && nilSide(v, branch) == phi.Block() && from.Succs[0] != from.Succs[1]
		if !nilEdge && !knownNil(v, from) {
			return true
		}
	}
	return false
}

// stored follows a variable of the function, and the errors that hold another; what leaves it otherwise may be looked at.
func (w *textWalk) stored(at *ssa.Store, v ssa.Value) {
	switch addr := at.Addr.(type) {
	case *ssa.IndexAddr:
		if call := variadicCall(addr); call != nil {
			w.among(call)
		}
	case *ssa.Alloc:
		for _, ref := range *addr.Referrers() {
			switch x := ref.(type) {
			case *ssa.UnOp:
				if x.Op == token.MUL {
					w.failed(x)
				}
			case *ssa.MakeClosure:
				w.visible = true
			}
		}
	case *ssa.FreeVar:
		for _, ref := range *addr.Referrers() {
			if load, ok := ref.(*ssa.UnOp); ok && load.Op == token.MUL && loadsWhat(at, load) {
				w.failed(load)
			}
		}
	case *ssa.FieldAddr:
		if holder, ok := addr.X.(*ssa.Alloc); ok && opaqueError(holder) {
			w.errorOfText(holder)
			return
		}
		w.visible = true
	default:
		w.visible = true
	}
}

// loadsWhat tells whether a variable can still hold what was stored where it is loaded.
func loadsWhat(st *ssa.Store, load *ssa.UnOp) bool {
	if !MayPrecede(st, load) {
		return false
	}
	for _, ref := range *st.Addr.Referrers() {
		other, ok := ref.(*ssa.Store)
		if ok && other != st && MayPrecede(st, other) && MustPrecede(other, load) {
			return false
		}
	}
	return true
}

// opaqueError tells whether a struct is an error that tells nobody which error it holds.
func opaqueError(holder *ssa.Alloc) bool {
	named := program.Named(holder.Type())
	if named == nil {
		return false
	}
	methods := types.NewMethodSet(types.NewPointer(named))
	has := func(name string) bool { return methods.Lookup(named.Obj().Pkg(), name) != nil }
	return has("Error") && !has("Unwrap") && !has("Is") && !has("As") && !has("Cause") && !has("Status")
}

// passed judges a call that gets the error as it is: a logger does nothing with it, others may wrap it or look at it.
func (w *textWalk) passed(call *ssa.Call, v ssa.Value) {
	if call.Call.IsInvoke() && call.Call.Value == v && call.Call.Method.Name() == "Error" {
		w.text(call)
		return
	}
	if call.Call.Signature().Results().Len() == 0 {
		return
	}
	t := program.Target(call)
	if t != nil && t.Pkg() != nil && t.Pkg().Path() == pkgErrors {
		if w.e.blindToWrapped() {
			w.errorOfText(call)
			return
		}
		w.failed(call)
	}
	if callees := w.e.Program.Static(call); len(callees) == 1 && w.depth < 2 && errorResult(call) != nil {
		if inner := w.within(callees[0], call, v); inner.made != nil && !inner.visible {
			w.errorOfText(call)
			return
		}
	}
	w.visible = true
}

// within follows the error into an own function that gets it.
func (w *textWalk) within(fn *ssa.Function, call *ssa.Call, v ssa.Value) *textWalk {
	inner := &textWalk{e: w.e, depth: w.depth + 1, seen: make(map[ssa.Value]bool)}
	for i, arg := range call.Call.Args {
		if arg == v && i < len(fn.Params) {
			inner.failed(fn.Params[i])
		}
	}
	return inner
}

// among judges a call that has the error among its variadic arguments, or in a list.
func (w *textWalk) among(call *ssa.Call) {
	t := program.Target(call)
	switch {
	case isBuiltin(call, "append"):
		w.collected(call)
	case t != nil && t.Pkg() != nil && t.Pkg().Path() == "fmt" && t.Name() == "Errorf":
		format, ok := call.Call.Args[0].(*ssa.Const)
		if !ok || strings.Contains(format.Value.ExactString(), "%w") && !w.e.blindToWrapped() {
			w.visible = true
			w.failed(call)
			return
		}
		w.errorOfText(call)
	case t != nil && t.Pkg() != nil && t.Pkg().Path() == "fmt" && strings.HasPrefix(t.Name(), "Sprint"):
		w.text(call)
	case isAggregate(call):
		w.errorOfText(call)
	case call.Call.Signature().Results().Len() > 0:
		w.visible = true
	}
}

// isAggregate tells whether a call makes the API machinery's aggregate of errors, which errors.As does not look into.
func isAggregate(call *ssa.Call) bool {
	t := program.Target(call)
	return t != nil && t.Pkg() != nil && t.Pkg().Path() == "k8s.io/apimachinery/pkg/util/errors" && t.Name() == "NewAggregate"
}

// collected follows a list of errors to the one error that is made of it.
func (w *textWalk) collected(list ssa.Value) {
	if w.seen[list] || list.Referrers() == nil {
		return
	}
	w.seen[list] = true
	for _, ref := range *list.Referrers() {
		switch x := ref.(type) {
		case *ssa.Phi:
			w.collected(x)
		case *ssa.Call:
			switch {
			case isBuiltin(x, "append"):
				w.collected(x)
			case isBuiltin(x, "len"):
			case isAggregate(x):
				w.errorOfText(x)
			default:
				w.visible = true
			}
		case *ssa.DebugRef:
		default:
			w.visible = true
		}
	}
}

// text follows the text of the error to the error that is made of it.
func (w *textWalk) text(v ssa.Value) {
	if w.seen[v] || v.Referrers() == nil {
		return
	}
	w.seen[v] = true
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.BinOp:
			if x.Op == token.ADD {
				w.text(x)
			}
		case *ssa.MakeInterface:
			w.text(x)
		case *ssa.Store:
			if addr, ok := x.Addr.(*ssa.IndexAddr); ok {
				if call := variadicCall(addr); call != nil {
					w.madeOf(call)
				}
			}
		case *ssa.Call:
			w.madeOf(x)
		}
	}
}

func (w *textWalk) madeOf(call *ssa.Call) {
	switch {
	case isErrorType(call.Type()):
		w.errorOfText(call)
	case isText(call.Type()):
		w.text(call)
	}
}

// errorOfText notes an error that does not wrap the one it is made of, where it is returned.
func (w *textWalk) errorOfText(v ssa.Instruction) {
	err := v.(ssa.Value)
	if call, ok := v.(*ssa.Call); ok && errorResult(call) != nil {
		err = errorResult(call)
	}
	made := &textWalk{e: w.e, depth: w.depth, seen: make(map[ssa.Value]bool)}
	if load := loadOf(err); load != nil {
		made.failed(load) // the struct itself, not its address
	}
	if made.failed(err); made.returned && w.made == nil {
		w.made = v
	}
}

// loadOf returns what is loaded from a struct that is made in place; nil if nothing is.
func loadOf(v ssa.Value) ssa.Value {
	alloc, ok := v.(*ssa.Alloc)
	if !ok {
		return nil
	}
	for _, ref := range *alloc.Referrers() {
		if load, ok := ref.(*ssa.UnOp); ok && load.Op == token.MUL {
			return load
		}
	}
	return nil
}

// variadicCall returns the call that gets the slice which an element is stored into.
func variadicCall(at *ssa.IndexAddr) *ssa.Call {
	if at.X.Referrers() == nil {
		return nil
	}
	for _, ref := range *at.X.Referrers() {
		slice, ok := ref.(*ssa.Slice)
		if !ok {
			continue
		}
		for _, use := range *slice.Referrers() {
			if call, ok := use.(*ssa.Call); ok {
				return call
			}
		}
	}
	return nil
}

func isBuiltin(call *ssa.Call, name string) bool {
	b, ok := call.Call.Value.(*ssa.Builtin)
	return ok && b.Name() == name
}
