// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Place names memory by where it belongs, the same for all instances: a field of a named struct type, a package
// variable, or a local variable that closures share. The zero Place is unknown.
type Place struct {
	Type   *types.Named // the struct type that has the field
	Global *ssa.Global
	Local  *ssa.Alloc
	// Foreign is set when the variable is a library's: what it holds is shared by the whole process.
	Foreign bool
	// Path leads from there to the memory: ".mu", ".state.mu" through unnamed structs, "[]" for elements.
	Path string
}

// Known tells whether the place is known.
func (p Place) Known() bool { return p != Place{} }

// Keyed tells whether the place stands for the many elements of a map or slice.
func (p Place) Keyed() bool { return strings.Contains(p.Path, "[]") }

// String renders the place as a reader of the code would name it: Type.mu, variable, or local.mu.
func (p Place) String() string {
	switch {
	case p.Type != nil:
		return p.Type.Obj().Name() + p.Path
	case p.Foreign:
		return p.Global.Pkg.Pkg.Name() + "." + p.Global.Name() + p.Path
	case p.Global != nil:
		return p.Global.Name() + p.Path
	case p.Local != nil:
		return p.Local.Comment + p.Path
	}
	return "unknown"
}

// Package returns the package that declares the place, or nil.
func (p Place) Package() *types.Package {
	switch {
	case p.Type != nil:
		return p.Type.Obj().Pkg()
	case p.Global != nil:
		return p.Global.Pkg.Pkg
	case p.Local != nil && p.Local.Parent().Pkg != nil:
		return p.Local.Parent().Pkg.Pkg
	}
	return nil
}

// Ref is a place of one instance: a value of some function and the fields from there. Two equal refs are the same
// instance; the zero Ref is an instance that is not known.
type Ref struct {
	Root ssa.Value
	Path string
}

// Base returns the ref of the struct that the last field belongs to.
func (r Ref) Base() Ref {
	if i := strings.LastIndexByte(r.Path, '.'); i >= 0 {
		return Ref{r.Root, r.Path[:i]}
	}
	return Ref{}
}

// String renders the ref as the code names it, or "" where it has no name there.
func (r Ref) String() string {
	switch root := r.Root.(type) {
	case *ssa.Parameter:
		return root.Name() + r.Path
	case *ssa.Global:
		return root.Name() + r.Path
	case *ssa.Alloc:
		if root.Comment != "" && token.IsIdentifier(root.Comment) {
			return root.Comment + r.Path
		}
	}
	return ""
}

// placer resolves addresses to places and refs.
type placer struct {
	p      *program.Program
	places map[ssa.Value]Place
	refs   map[ssa.Value]Ref
}

func newPlacer(p *program.Program) *placer {
	return &placer{p: p, places: make(map[ssa.Value]Place), refs: make(map[ssa.Value]Ref)}
}

// placeOf returns the place that an address, or the pointer kept at a place, stands for.
func (w *placer) placeOf(v ssa.Value) Place {
	if known, ok := w.places[v]; ok {
		return known
	}
	w.places[v] = Place{} // asked again while answering: unknown
	out := w.resolve(v)
	w.places[v] = out
	return out
}

func (w *placer) resolve(v ssa.Value) Place {
	switch x := v.(type) {
	case *ssa.FieldAddr:
		return w.field(x.X, x.Field)
	case *ssa.Field:
		return w.field(x.X, x.Field)
	case *ssa.IndexAddr:
		return w.element(x.X)
	case *ssa.Lookup:
		return w.element(x.X)
	case *ssa.Extract:
		if lookup, ok := x.Tuple.(*ssa.Lookup); ok {
			return w.element(lookup.X)
		}
	case *ssa.Global:
		return Place{Global: x}
	case *ssa.Alloc:
		if stored := w.only(x); stored != nil {
			return w.placeOf(stored)
		}
		return Place{Local: x}
	case *ssa.FreeVar:
		if b := w.p.Bindings(x); len(b) == 1 {
			return w.placeOf(b[0])
		}
	case *ssa.UnOp:
		if x.Op == token.MUL {
			return w.kept(x)
		}
	case *ssa.ChangeType:
		return w.placeOf(x.X)
	case *ssa.MakeInterface:
		return w.placeOf(x.X)
	case *ssa.Slice:
		return w.placeOf(x.X)
	case *ssa.Parameter, *ssa.Call:
		return w.fromSources(v)
	}
	return Place{}
}

func (w *placer) field(base ssa.Value, index int) Place {
	key, ok := program.FieldKeyOf(base.Type(), index)
	name := program.FieldName(base.Type(), index)
	if ok {
		return Place{Type: key.Type, Path: "." + name}
	}
	outer := w.placeOf(base)
	if outer.Known() {
		outer.Path += "." + name
	}
	return outer
}

func (w *placer) element(container ssa.Value) Place {
	outer := w.placeOf(container)
	if outer.Known() {
		outer.Path += "[]"
	}
	return outer
}

// kept resolves a pointer that was loaded from somewhere: to what it points to where that is one field or variable,
// else to the place it was loaded from.
func (w *placer) kept(load *ssa.UnOp) Place {
	if isPointer(load.Type()) {
		if to := w.pointee(load); to.Known() {
			return to
		}
	}
	return w.placeOf(load.X)
}

// pointee returns the field or package variable that all sources of v are the address of.
func (w *placer) pointee(v ssa.Value) Place {
	var out Place
	for _, src := range w.p.Sources(v).Values {
		switch src.(type) {
		case *ssa.FieldAddr, *ssa.Global:
			to := w.placeOf(src)
			if out.Known() && to != out {
				return Place{}
			}
			out = to
		default:
			return Place{}
		}
	}
	return out
}

// fromSources resolves a parameter or a result where all its sources agree.
func (w *placer) fromSources(v ssa.Value) Place {
	srcs := w.p.Sources(v)
	var out Place
	for _, src := range srcs.Values {
		if src == v {
			return Place{}
		}
		to := w.placeOf(src)
		if !to.Known() || out.Known() && to != out {
			return Place{}
		}
		out = to
	}
	if srcs.Partial {
		return Place{}
	}
	return out
}

// only returns the one value that a pointer variable ever holds, or nil.
func (w *placer) only(cell *ssa.Alloc) ssa.Value {
	elem := elementOf(cell.Type())
	if !isPointer(elem) && !types.IsInterface(elem) {
		return nil
	}
	if stored := w.p.StoredAt(cell); len(stored) == 1 {
		return stored[0]
	}
	return nil
}

// refOf names the instance behind an address or value. It does not tell an address from what is stored there.
func (w *placer) refOf(v ssa.Value) Ref {
	if known, ok := w.refs[v]; ok {
		return known
	}
	w.refs[v] = Ref{Root: v}
	out := w.follow(v)
	w.refs[v] = out
	return out
}

func (w *placer) follow(v ssa.Value) Ref {
	switch x := v.(type) {
	case *ssa.FieldAddr:
		return w.refOf(x.X).dot(program.FieldName(x.X.Type(), x.Field))
	case *ssa.Field:
		return w.refOf(x.X).dot(program.FieldName(x.X.Type(), x.Field))
	case *ssa.UnOp:
		if x.Op == token.MUL {
			return w.refOf(x.X)
		}
	case *ssa.Alloc:
		if stored := w.only(x); stored != nil {
			return w.refOf(stored)
		}
	case *ssa.FreeVar:
		if b := w.p.Bindings(x); len(b) == 1 {
			return w.refOf(b[0])
		}
	case *ssa.ChangeType:
		return w.refOf(x.X)
	case *ssa.MakeInterface:
		return w.refOf(x.X)
	case *ssa.ChangeInterface:
		return w.refOf(x.X)
	case *ssa.TypeAssert:
		return w.refOf(x.X)
	}
	return Ref{Root: v}
}

func (r Ref) dot(field string) Ref { return Ref{r.Root, r.Path + "." + field} }

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}
