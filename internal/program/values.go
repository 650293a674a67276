// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// FieldOf returns the values that the field called name of a struct value (or of the struct behind a pointer) can hold;
// a name such as Client.Cache leads through a struct within the struct.
// whole is false when part of the struct comes from outside of own code, so that there may be more.
func (p *Program) FieldOf(v ssa.Value, name string) (values []ssa.Value, whole bool) {
	r := &fieldReader{p: p, name: name, seen: make(map[ssa.Value]bool), whole: true}
	r.read(v)
	return r.values, r.whole
}

type fieldReader struct {
	p      *Program
	name   string
	seen   map[ssa.Value]bool
	values []ssa.Value
	whole  bool
}

func (r *fieldReader) read(v ssa.Value) {
	if v == nil || r.seen[v] {
		return
	}
	r.seen[v] = true
	switch x := v.(type) {
	case *ssa.UnOp:
		if x.Op == token.MUL {
			if r.place(x.X) {
				return
			}
		}
	case *ssa.Alloc:
		r.place(x)
		return
	case *ssa.Const:
		return // the zero value
	}
	// A variable on the way is read here: its fields can be set in place, one by one.
	variable := func(src ssa.Value) bool {
		load, ok := src.(*ssa.UnOp)
		return ok && load.Op == token.MUL && src != v && isStruct(load.Type())
	}
	for _, src := range r.p.SourcesUntil(v, variable).Values {
		if src == v {
			r.whole = false
			continue
		}
		r.read(src)
	}
}

func isStruct(t types.Type) bool {
	_, ok := t.Underlying().(*types.Struct)
	return ok
}

// place reads the field from a variable: what is stored into the field, and what is stored as a whole.
func (r *fieldReader) place(addr ssa.Value) bool {
	switch a := addr.(type) {
	case *ssa.Alloc:
		r.fieldStores(a)
		if handedOut(a) {
			r.whole = false
			r.throughPointers(a)
		}
		for _, stored := range r.p.stores.cells[a] {
			r.read(stored)
		}
		return true
	case *ssa.FreeVar:
		for _, cell := range r.p.stores.allocsOf(a, 0) {
			r.place(cell)
		}
		return true
	case *ssa.FieldAddr, *ssa.Global:
		if g, ok := addr.(*ssa.Global); ok {
			r.fieldStores(g)
		}
		for _, stored := range r.p.storedAt(addr) {
			r.read(stored)
		}
		return len(r.p.storedAt(addr)) > 0
	}
	return false
}

// handedOut tells whether the address of a variable is given to other code, which may set its fields.
func handedOut(a *ssa.Alloc) bool {
	for _, ref := range *a.Referrers() {
		switch x := ref.(type) {
		case *ssa.Call, *ssa.Defer, *ssa.Go, *ssa.MakeInterface, *ssa.MakeClosure:
			return true
		case *ssa.Store:
			if x.Val == a {
				return true
			}
		}
	}
	return false
}

// throughPointers adds what own code stores into the field through a pointer to the struct's type.
func (r *fieldReader) throughPointers(a *ssa.Alloc) {
	named := Named(a.Type())
	if named == nil {
		return
	}
	s, ok := named.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i := range s.NumFields() {
		if s.Field(i).Name() != r.name {
			continue
		}
		for _, store := range r.p.stores.fieldSites[FieldKey{named, i}] {
			if field, ok := store.Addr.(*ssa.FieldAddr); ok {
				if _, local := field.X.(*ssa.Alloc); !local {
					r.values = append(r.values, store.Val)
				}
			}
		}
	}
}

func (r *fieldReader) fieldStores(base ssa.Value) { r.storesAt(base, r.name) }

// storesAt follows the way of names from base through structs that are set in place.
func (r *fieldReader) storesAt(base ssa.Value, way string) {
	refs := base.Referrers()
	if refs == nil {
		return
	}
	name, rest, inner := strings.Cut(way, ".")
	for _, ref := range *refs {
		field, ok := ref.(*ssa.FieldAddr)
		if !ok || FieldName(field.X.Type(), field.Field) != name || field.Referrers() == nil {
			continue
		}
		if inner {
			r.storesAt(field, rest)
		}
		for _, use := range *field.Referrers() {
			store, ok := use.(*ssa.Store)
			if !ok || store.Addr != field {
				continue
			}
			if !inner {
				r.values = append(r.values, store.Val)
				continue
			}
			values, whole := r.p.FieldOf(store.Val, rest)
			r.values, r.whole = append(r.values, values...), r.whole && whole
		}
	}
}

// FieldName returns the name of the field at index of the struct behind t.
func FieldName(t types.Type, index int) string {
	t = types.Unalias(t)
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	if s, ok := t.Underlying().(*types.Struct); ok && index < s.NumFields() {
		return s.Field(index).Name()
	}
	return ""
}

// Truth is what is known of a bool.
type Truth struct {
	Known bool
	Value bool
	// Flag is the command line flag that Value is the default of.
	Flag string
}

// Bool answers what v can be: a constant, or the default of a flag. Pointers to bools (ptr.To(false)) are looked through.
func (p *Program) Bool(v ssa.Value) Truth {
	var out Truth
	first := true
	for _, src := range p.SourcesUntil(v, p.boundToFlag).Values {
		t := p.boolSource(src)
		if !t.Known {
			return Truth{}
		}
		if !first && t != out {
			return Truth{}
		}
		out, first = t, false
	}
	return out
}

func (p *Program) boolSource(src ssa.Value) Truth {
	switch x := src.(type) {
	case *ssa.Const:
		if x.Value == nil {
			return Truth{Known: true}
		}
		if x.Value.Kind() == constant.Bool {
			return Truth{Known: true, Value: constant.BoolVal(x.Value)}
		}
	case *ssa.UnOp:
		if x.Op == token.MUL {
			if t, ok := p.flagAt(x.X); ok {
				return t
			}
		}
	case *ssa.Call:
		return p.boolCall(x)
	case *ssa.Alloc:
		if t, ok := p.flagAt(x); ok {
			return t
		}
		stored := p.stores.cells[x]
		if len(stored) == 1 {
			return p.Bool(stored[0])
		}
		if len(stored) == 0 {
			return Truth{Known: true}
		}
	}
	return Truth{}
}

// boolCall knows ptr.To(x) and pointer.Bool(x), and flag.Bool(name, default, usage).
func (p *Program) boolCall(call *ssa.Call) Truth {
	target := Target(call)
	if target == nil || target.Pkg() == nil {
		return Truth{}
	}
	args := call.Call.Args
	switch path := target.Pkg().Path(); {
	case strings.HasPrefix(path, "k8s.io/utils/p") && len(args) == 1:
		return p.Bool(args[0])
	case target.Name() == "Bool" && isFlagPackage(path):
		return p.flagTruth(call)
	}
	return Truth{}
}

// flagAt finds the flag that a variable is bound to: flag.BoolVar(&v, "name", default, usage) or pflag's like.
func (p *Program) flagAt(addr ssa.Value) (Truth, bool) {
	for _, src := range p.Sources(addr).Values {
		if call, ok := src.(*ssa.Call); ok {
			if target := Target(call); target != nil && target.Name() == "Bool" && target.Pkg() != nil && isFlagPackage(target.Pkg().Path()) {
				return p.flagTruth(call), true
			}
		}
		for _, site := range p.flagBindings() {
			for _, arg := range site.Common().Args {
				if p.samePlace(arg, src) {
					t := p.flagTruth(site)
					return t, t.Known
				}
			}
		}
	}
	return Truth{}, false
}

// boundToFlag tells whether a value is read from a field that a flag is bound to: the command line decides it, whatever is
// stored there before.
func (p *Program) boundToFlag(v ssa.Value) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return false
	}
	addr, ok := load.X.(*ssa.FieldAddr)
	return ok && slices.ContainsFunc(p.flagBindings(), func(site ssa.CallInstruction) bool {
		return slices.ContainsFunc(site.Common().Args, func(arg ssa.Value) bool { return p.samePlace(arg, addr) })
	})
}

// flagBindings lists the BoolVar calls of own code.
func (p *Program) flagBindings() []ssa.CallInstruction {
	if p.bindings != nil {
		return p.bindings
	}
	out := []ssa.CallInstruction{}
	for _, fn := range p.Funcs {
		for site := range Sites(fn) {
			t := Target(site)
			if t != nil && t.Pkg() != nil && strings.HasPrefix(t.Name(), "BoolVar") && isFlagPackage(t.Pkg().Path()) {
				out = append(out, site)
			}
		}
	}
	p.bindings = out
	return out
}

// samePlace tells whether two addresses name the same variable or the same field of a type.
func (p *Program) samePlace(a, b ssa.Value) bool {
	if a == b {
		return true
	}
	x, ok1 := a.(*ssa.FieldAddr)
	y, ok2 := b.(*ssa.FieldAddr)
	if ok1 && ok2 {
		k1, ok1 := FieldKeyOf(x.X.Type(), x.Field)
		k2, ok2 := FieldKeyOf(y.X.Type(), y.Field)
		return ok1 && ok2 && k1 == k2
	}
	if free, ok := a.(*ssa.FreeVar); ok {
		for _, cell := range p.stores.allocsOf(free, 0) {
			if cell == b {
				return true
			}
		}
	}
	return false
}

func isFlagPackage(path string) bool {
	return path == "flag" || path == "github.com/spf13/pflag"
}

// flagTruth reads name and default from the arguments of a flag definition.
func (p *Program) flagTruth(site ssa.CallInstruction) Truth {
	t := Truth{}
	for _, arg := range site.Common().Args {
		switch x := arg.(type) {
		case *ssa.Call:
			// A default taken from the environment, with a fallback: envBool("NAME", true).
			if v, ok := fallback(x); ok {
				t.Value, t.Known = v, true
			}
		case *ssa.UnOp:
			// A default that stands where the flag is stored: BoolVar(&o.Elect, "elect", o.Elect, usage).
			if basic, ok := x.Type().Underlying().(*types.Basic); ok && basic.Kind() == types.Bool {
				t.Value, t.Known = p.stored(x)
			}
		case *ssa.Const:
			switch {
			case x.Value == nil:
			case x.Value.Kind() == constant.String && t.Flag == "":
				t.Flag = constant.StringVal(x.Value)
			case x.Value.Kind() == constant.Bool:
				t.Value, t.Known = constant.BoolVal(x.Value), true
			}
		}
	}
	return t
}

// stored returns the one constant that is stored where a bool is loaded from; false where nothing is.
func (p *Program) stored(load *ssa.UnOp) (value, ok bool) {
	for i, src := range p.Sources(load).Values {
		c, isConst := src.(*ssa.Const)
		if src == ssa.Value(load) {
			continue
		}
		if !isConst || c.Value == nil || c.Value.Kind() != constant.Bool || i > 0 && constant.BoolVal(c.Value) != value {
			return false, false
		}
		value = constant.BoolVal(c.Value)
	}
	return value, true
}

// fallback returns the only constant bool among the arguments of a call.
func fallback(call *ssa.Call) (value, ok bool) {
	for _, arg := range call.Call.Args {
		if c, isConst := arg.(*ssa.Const); isConst && c.Value != nil && c.Value.Kind() == constant.Bool {
			if ok {
				return false, false
			}
			value, ok = constant.BoolVal(c.Value), true
		}
	}
	return value, ok
}

// String returns the constant strings that v can be; ok is false when one of its sources is not a constant.
func (p *Program) String(v ssa.Value) (values []string, ok bool) {
	ok = true
	for _, src := range p.Sources(v).Values {
		c, isConst := src.(*ssa.Const)
		if !isConst || c.Value == nil || c.Value.Kind() != constant.String {
			ok = false
			continue
		}
		values = append(values, constant.StringVal(c.Value))
	}
	return values, ok && len(values) > 0
}
