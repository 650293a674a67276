// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Text is what a string is made of: constants in quotes, fields of objects as Type.Field, joined by "+". Two strings of
// one text are equal where their objects are.
type Text struct {
	// Forms are the ways in which the string is made, sorted; more than one where callers or branches differ.
	Forms []string
	// Partial is set when part of it comes from where the code does not show.
	Partial bool
	// Unset names a field, as Type.field, that the string comes from and that own code never sets.
	Unset string
}

// Constant tells whether the text is one constant, and which.
func (t Text) Constant() (string, bool) {
	if t.Partial || len(t.Forms) != 1 {
		return "", false
	}
	return unquoted(t.Forms[0])
}

// Constants tells whether every form is a constant.
func (t Text) Constants() bool {
	for _, f := range t.Forms {
		if _, ok := unquoted(f); !ok {
			return false
		}
	}
	return !t.Partial && len(t.Forms) > 0
}

func unquoted(form string) (string, bool) {
	inner, ok := strings.CutPrefix(form, `"`)
	if !ok {
		return "", false
	}
	inner, ok = strings.CutSuffix(inner, `"`)
	return inner, ok && !strings.Contains(inner, `"`)
}

// TextOf answers what a string is made of.
func (e *Effects) TextOf(v ssa.Value) Text {
	r := &renderer{e: e, seen: make(map[ssa.Value]bool)}
	forms := r.forms(v, 0)
	slices.Sort(forms)
	return Text{Forms: slices.Compact(forms), Partial: r.partial, Unset: r.unset}
}

const maxForms = 12

// maxSteps bounds the search for one text: where fields are set from fields that are set from fields, the ways multiply.
const maxSteps = 5000

type renderer struct {
	e       *Effects
	seen    map[ssa.Value]bool
	steps   int
	partial bool
	unset   string
}

func (r *renderer) unknown() []string {
	r.partial = true
	return nil
}

func (r *renderer) forms(v ssa.Value, depth int) []string {
	r.steps++
	if depth > 12 || r.steps > maxSteps || r.seen[v] {
		return r.unknown()
	}
	r.seen[v] = true
	defer delete(r.seen, v)
	switch x := v.(type) {
	case *ssa.Const:
		if x.Value == nil {
			return []string{`""`}
		}
		if x.Value.Kind() == constant.String {
			return []string{`"` + strings.ReplaceAll(constant.StringVal(x.Value), `"`, "'") + `"`}
		}
	case *ssa.ChangeType:
		return r.forms(x.X, depth+1)
	case *ssa.Convert:
		return r.forms(x.X, depth+1)
	case *ssa.MakeInterface:
		return r.forms(x.X, depth+1)
	case *ssa.BinOp:
		if x.Op == token.ADD {
			return r.joined(r.forms(x.X, depth+1), r.forms(x.Y, depth+1))
		}
	case *ssa.Phi:
		var out []string
		for _, edge := range x.Edges {
			out = append(out, r.forms(edge, depth+1)...)
		}
		return out
	case *ssa.UnOp:
		if x.Op == token.MUL {
			return r.load(x, depth)
		}
	case *ssa.Field:
		return r.fieldForms(x.X.Type(), x.Field, depth)
	case *ssa.Parameter:
		return r.parameter(x, depth)
	case *ssa.Call:
		return r.call(x, depth)
	}
	return r.unknown()
}

func (r *renderer) joined(a, b []string) []string {
	var out []string
	for _, x := range a {
		for _, y := range b {
			if len(out) >= maxForms {
				return r.unknown()
			}
			if xs, ok := unquoted(x); ok {
				if ys, ok := unquoted(y); ok {
					out = append(out, `"`+xs+ys+`"`)
					continue
				}
			}
			out = append(out, x+"+"+y)
		}
	}
	return out
}

func (r *renderer) load(x *ssa.UnOp, depth int) []string {
	if f, ok := x.X.(*ssa.FieldAddr); ok {
		return r.fieldForms(f.X.Type(), f.Field, depth)
	}
	stored := r.e.Program.StoredAt(x.X)
	if len(stored) == 0 {
		return r.unknown()
	}
	var out []string
	for _, s := range stored {
		out = append(out, r.forms(s, depth+1)...)
	}
	return out
}

// fieldForms names a field of an object; a field of any other struct stands for what own code stores into it, and for
// nothing when own code never sets it.
func (r *renderer) fieldForms(t types.Type, index, depth int) []string {
	named := program.Named(t)
	if named == nil {
		return r.unknown()
	}
	name, _ := fieldOf(t, index)
	if r.e.IsAPIPart(t) {
		return []string{named.Obj().Name() + "." + name}
	}
	key, _ := program.FieldKeyOf(t, index)
	var out []string
	for _, st := range r.e.Program.FieldStores(key) {
		if !r.e.Program.InTest(st.Parent()) {
			out = append(out, r.forms(st.Val, depth+1)...)
		}
	}
	if len(out) == 0 {
		if r.e.neverSet(key, name) {
			r.unset = named.Obj().Name() + "." + name
		}
		return r.unknown()
	}
	return out
}

// neverSet tells whether a field keeps its zero value: own code outside of tests neither stores to it, nor hands out its
// address, nor overwrites the whole of a struct from elsewhere, and it has no name that a decoder would look for.
func (e *Effects) neverSet(key program.FieldKey, name string) bool {
	if !e.Program.OwnType(key.Type) || token.IsExported(name) && key.Type.Underlying().(*types.Struct).Tag(key.Index) != "" {
		return false
	}
	if e.fieldsSet == nil {
		e.fieldsSet = e.findFieldsSet()
	}
	return !e.fieldsSet[key]
}

// findFieldsSet collects the fields that own code outside of tests does more with than read them.
func (e *Effects) findFieldsSet() map[program.FieldKey]bool {
	out := make(map[program.FieldKey]bool)
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				f, ok := instr.(*ssa.FieldAddr)
				if !ok {
					continue
				}
				if key, ok := program.FieldKeyOf(f.X.Type(), f.Field); ok && !out[key] && !onlyLoaded(f) {
					out[key] = true
				}
			}
		}
	}
	return out
}

func onlyLoaded(f *ssa.FieldAddr) bool {
	for _, ref := range *f.Referrers() {
		if load, ok := ref.(*ssa.UnOp); !ok || load.Op != token.MUL {
			return false
		}
	}
	return true
}

func (r *renderer) parameter(x *ssa.Parameter, depth int) []string {
	var out []string
	index := paramIndex(x.Parent(), x)
	for _, edge := range r.e.Program.Callers(x.Parent()) {
		if r.e.Program.InTest(edge.Caller()) || r.e.Program.TestSupport(edge.Caller()) {
			continue
		}
		if arg := program.ArgumentFor(edge, index); arg != nil {
			out = append(out, r.forms(arg, depth+1)...)
		}
	}
	if len(out) == 0 {
		return r.unknown()
	}
	return out
}

// call knows Sprintf and the getters of objects, and goes into own functions.
func (r *renderer) call(x *ssa.Call, depth int) []string {
	target := program.Target(x)
	if target == nil {
		return r.unknown()
	}
	if target.Name() == "Sprintf" && target.Pkg() != nil && target.Pkg().Path() == "fmt" && len(x.Call.Args) == 2 {
		return r.sprintf(x, depth)
	}
	if recv := program.Receiver(x); recv != nil && (target.Name() == "GetName" || target.Name() == "GetNamespace" || target.Name() == "GetUID") {
		name := "object"
		if named := program.Named(recv.Type()); named != nil {
			name = named.Obj().Name()
		}
		return []string{name + "." + strings.TrimPrefix(target.Name(), "Get")}
	}
	var out []string
	for _, callee := range r.e.Program.Static(x) {
		for _, b := range callee.Blocks {
			if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && len(ret.Results) > 0 {
				out = append(out, r.forms(ret.Results[0], depth+1)...)
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	r.partial = true
	return []string{target.Name() + "(…)"}
}

func (r *renderer) sprintf(x *ssa.Call, depth int) []string {
	out := r.forms(x.Call.Args[0], depth+1)
	elements, ok := program.Elements(x.Call.Args[1])
	if !ok {
		return r.unknown()
	}
	for _, el := range elements {
		out = r.joined(out, r.forms(el, depth+1))
	}
	return out
}
