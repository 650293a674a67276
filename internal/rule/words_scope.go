// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
)

// nearest is the variable in scope whose type fits: of the innermost block, the last one declared. Package variables are
// not looked at.
func (w *Words) nearest(fits func(types.Type) bool) string {
	pkg := w.p.Package(w.fn)
	if pkg == nil {
		return ""
	}
	for scope := pkg.Types.Scope().Innermost(w.at); scope != nil && scope != pkg.Types.Scope(); scope = scope.Parent() {
		found, declared := "", token.NoPos
		for _, name := range scope.Names() {
			v, ok := scope.Lookup(name).(*types.Var)
			if ok && name != "_" && fits(v.Type()) && v.Pos() > declared && w.Means(name) == types.Object(v) {
				found, declared = name, v.Pos()
			}
		}
		if found != "" {
			return found
		}
	}
	return ""
}

// Means returns what a name stands for at the place, or nil.
func (w *Words) Means(name string) types.Object {
	pkg := w.p.Package(w.fn)
	if pkg == nil {
		return nil
	}
	scope := pkg.Types.Scope().Innermost(w.at)
	if scope == nil {
		return nil
	}
	_, obj := scope.LookupParent(name, w.at)
	return obj
}

// Import is the name of a package in the file; the given one where the file does not import it.
func (w *Words) Import(path, customary string) string {
	if name := w.p.ImportName(w.at, path); name != "" {
		return name
	}
	return customary
}

// Return leaves the function with an error: the zero values of its other results stand before it. A function that
// returns no error is left without one.
func (w *Words) Return(err string) string {
	results := w.fn.Signature.Results()
	if results.Len() == 0 {
		return "return"
	}
	out := make([]string, results.Len())
	for i := range out {
		out[i] = w.zero(results.At(i).Type())
	}
	if last := results.Len() - 1; types.Identical(results.At(last).Type(), types.Universe.Lookup("error").Type()) {
		out[last] = err
	}
	return "return " + strings.Join(out, ", ")
}

// zero spells the zero value of a type.
func (w *Words) zero(t types.Type) string {
	if _, ok := t.(*types.TypeParam); ok {
		return "*new(" + w.Type(t) + ")"
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsBoolean != 0:
			return "false"
		case u.Info()&types.IsNumeric != 0:
			return "0"
		}
	case *types.Struct, *types.Array:
		return w.Type(t) + "{}"
	}
	return "nil"
}

// Type spells a type as the file would.
func (w *Words) Type(t types.Type) string {
	own := w.p.Package(w.fn)
	return types.TypeString(t, func(pkg *types.Package) string {
		if own != nil && pkg == own.Types {
			return ""
		}
		return w.Import(pkg.Path(), pkg.Name())
	})
}

func isContext(t types.Type) bool { return isNamed(t, "context", "Context") }

// isSignal tells whether a type is that of a channel which tells that something has happened, and nothing else.
func isSignal(t types.Type) bool {
	ch, ok := t.Underlying().(*types.Chan)
	if !ok || ch.Dir() == types.SendOnly {
		return false
	}
	value, ok := ch.Elem().Underlying().(*types.Struct)
	return ok && value.NumFields() == 0
}

func isNamed(t types.Type, pkg, name string) bool { return t != nil && program.IsNamed(t, pkg, name) }

func pointsTo(t types.Type, pkg, name string) bool {
	pointer, ok := t.(*types.Pointer)
	return ok && isNamed(pointer.Elem(), pkg, name)
}

// isObject tells whether a type is that of an API object or of a list of them.
func isObject(t types.Type) bool {
	if t == nil {
		return false
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "GetObjectKind")
	_, ok := obj.(*types.Func)
	return ok
}
