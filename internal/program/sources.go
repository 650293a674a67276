// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// Sources are the places where a value can come from.
type Sources struct {
	// Values are where the trace ended: allocations, constants, functions, closures, addresses of fields and globals,
	// results of calls that leave own code, parameters nobody in own code passes, in the order they were found.
	Values []ssa.Value
	// Partial is set when the trace gave up on its budget: there may be more.
	Partial bool
}

// sourceBudget bounds the values looked at for one answer; real wiring needs a few dozen.
const sourceBudget = 1500

// Sources answers where v can come from: a field-based, flow-insensitive walk back through assignments, parameters,
// results, closures and struct fields of own code. Every answer is the same in every run.
func (p *Program) Sources(v ssa.Value) Sources {
	if v == nil {
		return Sources{}
	}
	if known, ok := p.sources[v]; ok {
		return known
	}
	t := newTrace(p)
	t.from(v)
	p.sources[v] = t.out
	return t.out
}

// boxed answers like Sources, but stops where a concrete value becomes an interface value: its type is then known.
func (p *Program) boxed(v ssa.Value) []ssa.Value {
	t := newTrace(p)
	t.boxes = true
	t.from(v)
	return t.out.Values
}

func newTrace(p *Program) *trace {
	return &trace{p: p, seen: make(map[ssa.Value]bool), leaf: make(map[ssa.Value]bool)}
}

// SourcesUntil is Sources with places to stop at: a value for which stop says true is kept as a source and not followed.
func (p *Program) SourcesUntil(v ssa.Value, stop func(ssa.Value) bool) Sources {
	if v == nil {
		return Sources{}
	}
	t := newTrace(p)
	t.stop = stop
	t.from(v)
	return t.out
}

type trace struct {
	p    *Program
	stop func(ssa.Value) bool // may be nil
	seen map[ssa.Value]bool
	leaf map[ssa.Value]bool
	out  Sources
	// boxes keeps conversions to interfaces as sources.
	boxes bool
	// passed is the first parameter that was met.
	passed *ssa.Parameter
}

// from follows v back to its sources. Where all that is found is parameters that are passed to each other, as by wrappers
// that may wrap each other, nobody in own code gives a value: the first of them is the source.
func (t *trace) from(v ssa.Value) {
	t.value(v)
	if len(t.out.Values) == 0 && t.passed != nil {
		t.add(t.passed)
	}
}

func (t *trace) add(v ssa.Value) {
	if !t.leaf[v] {
		t.leaf[v] = true
		t.out.Values = append(t.out.Values, v)
	}
}

// value follows v one step back, or keeps it as a source.
func (t *trace) value(v ssa.Value) {
	if v == nil || t.seen[v] {
		return
	}
	if len(t.seen) >= sourceBudget {
		t.out.Partial = true
		return
	}
	t.seen[v] = true
	if t.stop != nil && t.stop(v) {
		t.add(v)
		return
	}
	switch x := v.(type) {
	case *ssa.Phi:
		for _, e := range x.Edges {
			t.value(e)
		}
	case *ssa.MakeInterface:
		if t.boxes {
			t.add(x)
			return
		}
		t.value(x.X)
	case *ssa.ChangeInterface:
		t.value(x.X)
	case *ssa.ChangeType:
		t.value(x.X)
	case *ssa.Convert:
		t.value(x.X)
	case *ssa.TypeAssert:
		t.value(x.X)
	case *ssa.Slice:
		t.value(x.X)
	case *ssa.Extract:
		t.extract(x)
	case *ssa.Call:
		t.result(x, 0, x)
	case *ssa.Parameter:
		t.parameter(x)
	case *ssa.FreeVar:
		t.freeVar(x)
	case *ssa.UnOp:
		if x.Op.String() == "*" {
			t.load(x)
		} else {
			t.add(x)
		}
	case *ssa.Field:
		t.fieldOf(x)
	default:
		t.add(v)
	}
}

func (t *trace) extract(x *ssa.Extract) {
	switch tuple := x.Tuple.(type) {
	case *ssa.Call:
		t.result(tuple, x.Index, x)
	case *ssa.TypeAssert:
		if x.Index == 0 {
			t.value(tuple.X)
			return
		}
		t.add(x)
	default:
		t.add(x)
	}
}

// result follows the i-th result of a call into the own functions it may run; at is the value that stands for it.
func (t *trace) result(call *ssa.Call, i int, at ssa.Value) {
	followed := false
	for _, e := range t.p.calls.out[call] {
		if e.Arg >= 0 {
			continue
		}
		for _, b := range e.Callee.Blocks {
			if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && i < len(ret.Results) {
				followed = true
				t.value(ret.Results[i])
			}
		}
	}
	if !followed {
		t.add(at)
	}
}

func (t *trace) parameter(x *ssa.Parameter) {
	fn := x.Parent()
	index := parameterIndex(fn, x)
	if t.passed == nil {
		t.passed = x
	}
	followed := false
	for _, e := range t.p.calls.to[fn] {
		for _, arg := range t.p.Arguments(e, index) {
			followed = true
			t.value(arg)
		}
	}
	if !followed {
		t.add(x)
	}
}

func parameterIndex(fn *ssa.Function, x *ssa.Parameter) int {
	for i, param := range fn.Params {
		if param == x {
			return i
		}
	}
	return -1
}

// ArgumentFor returns the value that the call of an edge gives to the callee's parameter at index (the receiver
// counted), or nil where the library that runs the callee makes it.
func ArgumentFor(e Edge, index int) ssa.Value {
	common := e.Site.Common()
	if e.Arg >= 0 {
		// A bound method has its receiver bound; everything else is made by the library.
		if closure, ok := unwrapFunc(common.Args[e.Arg]).(*ssa.MakeClosure); ok && index == 0 && len(closure.Bindings) == 1 {
			if fn := closure.Fn.(*ssa.Function); fn != e.Callee && e.Callee.Signature.Recv() != nil {
				return closure.Bindings[0]
			}
		}
		return nil
	}
	if common.IsInvoke() {
		if index == 0 {
			return common.Value
		}
		if index-1 < len(common.Args) {
			return common.Args[index-1]
		}
		return nil
	}
	args := common.Args
	if callee := common.StaticCallee(); callee == nil && e.Callee.Signature.Recv() != nil {
		// A bound method value: its receiver is bound in the closure.
		if index == 0 {
			return nil
		}
		index--
	}
	if index < len(args) {
		return args[index]
	}
	return nil
}

func unwrapFunc(v ssa.Value) ssa.Value {
	for {
		switch x := v.(type) {
		case *ssa.ChangeType:
			v = x.X
		case *ssa.MakeInterface:
			v = x.X
		default:
			return v
		}
	}
}

func (t *trace) freeVar(x *ssa.FreeVar) {
	for _, b := range t.p.stores.bindings[x] {
		t.value(b)
	}
	if len(t.p.stores.bindings[x]) == 0 {
		t.add(x)
	}
}

// load follows what was stored at the places that the loaded address can name.
func (t *trace) load(x *ssa.UnOp) {
	followed := false
	for _, addr := range t.p.addresses(x.X) {
		for _, stored := range t.p.storedAt(addr) {
			followed = true
			t.value(stored)
		}
	}
	if !followed {
		t.add(x)
	}
}

// addresses lists the places that an address can name. Most addresses say it themselves.
func (p *Program) addresses(addr ssa.Value) []ssa.Value {
	switch addr.(type) {
	case *ssa.FieldAddr, *ssa.IndexAddr, *ssa.Global, *ssa.Alloc:
		return []ssa.Value{addr}
	}
	return p.Sources(addr).Values
}

func (t *trace) fieldOf(x *ssa.Field) {
	key, ok := FieldKeyOf(x.X.Type(), x.Field)
	stored := t.p.stores.fields[key]
	if !ok || len(stored) == 0 {
		t.add(x)
		return
	}
	for _, v := range stored {
		t.value(v)
	}
}

// FieldKey names a field of a named struct type: all instances of the type share it.
type FieldKey struct {
	Type  *types.Named
	Index int
}

// Var returns the field that the key names.
func (k FieldKey) Var() *types.Var {
	if s, ok := k.Type.Underlying().(*types.Struct); ok && k.Index < s.NumFields() {
		return s.Field(k.Index)
	}
	return nil
}

// String renders the key as Type.Field.
func (k FieldKey) String() string {
	if v := k.Var(); v != nil {
		return k.Type.Obj().Name() + "." + v.Name()
	}
	return k.Type.Obj().Name()
}

// FieldKeyOf makes the key of the field at index of struct type t; ok is false for unnamed structs.
func FieldKeyOf(t types.Type, index int) (FieldKey, bool) {
	named := Named(t)
	if named == nil {
		return FieldKey{}, false
	}
	return FieldKey{named, index}, true
}

// stores is what is stored where, over all own code.
type stores struct {
	fields   map[FieldKey][]ssa.Value
	globals  map[*ssa.Global][]ssa.Value
	cells    map[*ssa.Alloc][]ssa.Value
	bindings map[*ssa.FreeVar][]ssa.Value
	// fieldSites are the store instructions behind fields.
	fieldSites map[FieldKey][]*ssa.Store
}

// indexStores walks own code once, in source order.
func indexStores(fns []*ssa.Function) stores {
	s := stores{
		fields:     make(map[FieldKey][]ssa.Value),
		globals:    make(map[*ssa.Global][]ssa.Value),
		cells:      make(map[*ssa.Alloc][]ssa.Value),
		bindings:   make(map[*ssa.FreeVar][]ssa.Value),
		fieldSites: make(map[FieldKey][]*ssa.Store),
	}
	var throughFree []*ssa.Store
	visit := func(fn *ssa.Function) {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				switch x := instr.(type) {
				case *ssa.MakeClosure:
					for i, binding := range x.Bindings {
						free := x.Fn.(*ssa.Function).FreeVars[i]
						s.bindings[free] = append(s.bindings[free], binding)
					}
				case *ssa.Store:
					switch addr := x.Addr.(type) {
					case *ssa.FieldAddr:
						if key, ok := FieldKeyOf(addr.X.Type(), addr.Field); ok {
							s.fields[key] = append(s.fields[key], x.Val)
							s.fieldSites[key] = append(s.fieldSites[key], x)
						}
					case *ssa.Global:
						s.globals[addr] = append(s.globals[addr], x.Val)
					case *ssa.Alloc:
						s.cells[addr] = append(s.cells[addr], x.Val)
					case *ssa.FreeVar:
						throughFree = append(throughFree, x)
					}
				}
			}
		}
	}
	for _, fn := range fns {
		visit(fn)
		if fn.Pkg != nil && fn.Name() == "init" && fn.Parent() == nil {
			continue
		}
	}
	seen := make(map[*ssa.Package]bool)
	for _, fn := range fns {
		if fn.Pkg != nil && !seen[fn.Pkg] {
			seen[fn.Pkg] = true
			if init := fn.Pkg.Func("init"); init != nil {
				visit(init)
			}
		}
	}
	for _, store := range throughFree {
		for _, cell := range s.allocsOf(store.Addr.(*ssa.FreeVar), 0) {
			s.cells[cell] = append(s.cells[cell], store.Val)
		}
	}
	return s
}

// allocsOf returns the variables that a captured variable stands for.
func (s *stores) allocsOf(free *ssa.FreeVar, depth int) []*ssa.Alloc {
	var out []*ssa.Alloc
	for _, b := range s.bindings[free] {
		switch b := b.(type) {
		case *ssa.Alloc:
			out = append(out, b)
		case *ssa.FreeVar:
			if depth < 8 {
				out = append(out, s.allocsOf(b, depth+1)...)
			}
		}
	}
	return out
}

// storedAt returns the values stored at the place that addr names.
func (p *Program) storedAt(addr ssa.Value) []ssa.Value {
	switch a := addr.(type) {
	case *ssa.Alloc:
		return p.stores.cells[a]
	case *ssa.Global:
		return p.stores.globals[a]
	case *ssa.FieldAddr:
		if key, ok := FieldKeyOf(a.X.Type(), a.Field); ok {
			return p.stores.fields[key]
		}
	case *ssa.FreeVar:
		var out []ssa.Value
		for _, cell := range p.stores.allocsOf(a, 0) {
			out = append(out, p.stores.cells[cell]...)
		}
		return out
	}
	return nil
}

// FieldStores returns the instructions of own code that store to a field, in source order.
func (p *Program) FieldStores(key FieldKey) []*ssa.Store { return p.stores.fieldSites[key] }

// StoredAt returns the values that own code stores at a variable, global or field.
func (p *Program) StoredAt(addr ssa.Value) []ssa.Value { return p.storedAt(addr) }

// Bindings returns what a captured variable is bound to where its closure is made.
func (p *Program) Bindings(free *ssa.FreeVar) []ssa.Value { return p.stores.bindings[free] }
