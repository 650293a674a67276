// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// spelling is the data of a raw patch as far as the code spells it out.
type spelling struct {
	fields []spelledField
	// whole is set when all of its fields are known down to single fields of metadata, spec or status.
	whole bool
}

// spelledField is one field of the data.
type spelledField struct {
	// keys lead to it, as they stand in the data; a key that is computed is "*".
	keys []string
	at   ssa.Instruction
	deps Deps
}

// spelled answers what the data of a raw patch consists of: a map or struct that is marshalled, or a text with holes, in the
// function of the value.
func (e *Effects) spelled(payload ssa.Value) spelling {
	fn := valueFunc(payload)
	if fn == nil {
		return spelling{}
	}
	s := &speller{e: e, fn: fn, out: spelling{whole: true}, seen: make(map[ssa.Value]bool)}
	s.data(payload)
	s.out.whole = s.out.whole && len(s.out.fields) > 0
	return s.out
}

func valueFunc(v ssa.Value) *ssa.Function {
	if instr, ok := v.(ssa.Instruction); ok {
		return instr.Parent()
	}
	return nil
}

// has tells whether the data has the field that keys lead to.
func (s spelling) has(keys ...string) bool {
	return slices.ContainsFunc(s.fields, func(f spelledField) bool { return slices.Equal(f.keys, keys) })
}

type speller struct {
	e    *Effects
	fn   *ssa.Function
	out  spelling
	seen map[ssa.Value]bool
}

// data reads bytes: what is marshalled, or a text.
func (s *speller) data(v ssa.Value) {
	switch x := v.(type) {
	case *ssa.Extract:
		if call, ok := x.Tuple.(*ssa.Call); ok && x.Index == 0 && marshals(call) {
			s.value(call.Call.Args[0], nil, call)
			return
		}
	case *ssa.Convert, *ssa.Call, *ssa.Const, *ssa.BinOp:
		if s.text(v) {
			return
		}
	}
	s.out.whole = false
}

func marshals(call *ssa.Call) bool {
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && len(call.Call.Args) > 0 &&
		(target.Name() == "Marshal" || target.Name() == "MarshalIndent") && strings.HasSuffix(target.Pkg().Path(), "json")
}

// value reads what is marshalled at the end of keys.
func (s *speller) value(v ssa.Value, keys []string, at ssa.Instruction) {
	switch x := v.(type) {
	case *ssa.MakeInterface:
		s.value(x.X, keys, at)
		return
	case *ssa.ChangeType:
		s.value(x.X, keys, at)
		return
	case *ssa.MakeMap:
		if !s.again(x) {
			s.entries(x, keys)
			return
		}
	case *ssa.Alloc:
		if isStruct(x.Type()) && !s.again(x) && !s.holdsRead(x) {
			s.members(x, keys)
			return
		}
	case *ssa.UnOp:
		if a, ok := x.X.(*ssa.Alloc); ok {
			if isStruct(a.Type()) {
				s.value(a, keys, at)
				return
			}
			if stored := s.e.storedHere(s.fn, a); len(stored) == 1 {
				s.value(stored[0], keys, at)
				return
			}
		}
	}
	s.leaf(keys, at, s.e.DepsOf(s.fn, v))
}

// again tells whether a part has been read before: one that stands in two places is left alone.
func (s *speller) again(v ssa.Value) bool {
	had := s.seen[v]
	s.seen[v] = true
	return had
}

// holdsRead tells whether a variable is an API object that was read or copied: all of it is marshalled, not what is set here.
func (s *speller) holdsRead(a *ssa.Alloc) bool {
	return s.e.isObject(a.Type()) && slices.ContainsFunc(s.e.Events(s.fn), func(ev *Event) bool {
		return ev.Root == a && (ev.Kind == Read || ev.Kind == Copy)
	})
}

func isStruct(t types.Type) bool {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	_, ok := t.Underlying().(*types.Struct)
	return ok
}

func (s *speller) leaf(keys []string, at ssa.Instruction, deps Deps) {
	if len(keys) == 0 || len(keys) == 1 && keys[0] == "metadata" {
		s.out.whole = false // what is in it is not known
		return
	}
	s.out.fields = append(s.out.fields, spelledField{keys: keys, at: at, deps: deps})
}

// entries reads what is put into a map.
func (s *speller) entries(m *ssa.MakeMap, keys []string) {
	for _, ref := range *m.Referrers() {
		put, ok := ref.(*ssa.MapUpdate)
		if !ok || put.Map != m {
			continue
		}
		key := "*"
		if c, isConst := put.Key.(*ssa.Const); isConst {
			key = textOf(c)
		}
		s.value(put.Value, append(keys[:len(keys):len(keys)], key), put)
	}
}

// members reads what is stored into the fields of a struct.
func (s *speller) members(v ssa.Value, keys []string) {
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.FieldAddr:
			if x.X != v {
				continue
			}
			below := keys
			if key := jsonKey(x.X.Type(), x.Field); key != "" {
				below = append(keys[:len(keys):len(keys)], key)
			}
			s.member(x, below)
		case *ssa.Store:
			if load, ok := x.Val.(*ssa.UnOp); ok && x.Addr == v {
				s.value(load, keys, x)
			}
		}
	}
}

// member reads what is stored at a field, or into the fields of it.
func (s *speller) member(f *ssa.FieldAddr, keys []string) {
	if isStruct(f.Type()) {
		s.members(f, keys)
	}
	for _, ref := range *f.Referrers() {
		if st, ok := ref.(*ssa.Store); ok && st.Addr == f {
			if load, ok := st.Val.(*ssa.UnOp); ok && isStruct(f.Type()) && load.X == f {
				continue
			}
			s.value(st.Val, keys, st)
		}
	}
}

// jsonKey is the key of a field in marshalled data; "" for one that is spread into what holds it.
func jsonKey(t types.Type, index int) string {
	if name := jsonName(t, index); name != "" {
		return name
	}
	name, embedded := fieldOf(t, index)
	if embedded {
		return ""
	}
	return name
}

// pathOf translates keys of data to the path of a field of an object of type t, as far as the type tells.
func pathOf(t types.Type, keys []string) string {
	path := ""
	if keys[0] == "metadata" {
		keys = keys[1:]
		t = nil // the maps and lists of metadata are known
	}
	for _, key := range keys {
		if m := mapElem(t); m != nil || key == "*" || path == "Labels" || path == "Annotations" {
			path, t = join(path, "[]"), m
			continue
		}
		name := strings.ToUpper(key[:min(1, len(key))]) + key[min(1, len(key)):]
		if t != nil {
			name, t = fieldWithKey(t, key, name)
		}
		path = join(path, name)
	}
	return path
}

func mapElem(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	if m, ok := t.Underlying().(*types.Map); ok {
		return m.Elem()
	}
	return nil
}

// fieldWithKey finds the field of a struct that has a key in marshalled data.
func fieldWithKey(t types.Type, key, otherwise string) (string, types.Type) {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return otherwise, nil
	}
	for i := range st.NumFields() {
		if jsonKey(t, i) == key {
			return st.Field(i).Name(), st.Field(i).Type()
		}
	}
	return otherwise, fieldType(t, otherwise)
}

// spell adds what a raw patch says about the object before the write itself. The object is the one that the request names:
// one that is made for the request alone stands for that whose name it has.
func (g *gatherer) spell(ev *Event, object ssa.Value) bool {
	p := ev.Patch
	if p.Payload == nil || p.Type != MergePatch && p.Type != StrategicPatch || valueFunc(p.Payload) != g.fn {
		return false
	}
	said := g.e.spelled(p.Payload)
	if !said.whole {
		return false
	}
	target, t, ok := g.named(ev, object)
	if !ok {
		return false
	}
	for _, f := range said.fields {
		g.add(&Event{Kind: Spelled, Origin: f.at, Object: target, Path: pathOf(t, f.keys), Type: t, deps: &f.deps, For: ev.Origin})
	}
	ev.Object, ev.Type, p.Spelled = target, t, true
	return true
}

// named finds the object that a request is about: the one that it is given, or that whose name it is given.
func (g *gatherer) named(ev *Event, object ssa.Value) (Object, types.Type, bool) {
	site := ev.Origin.(ssa.CallInstruction)
	if object != nil {
		given := g.e.Objects(g.fn, object)
		if len(given) != 1 {
			return Object{}, nil, false
		}
		t := stripped(object).Type()
		if made, ok := given[0].Root.(*ssa.Alloc); ok && given[0].Base == "" {
			if other, known := g.bearer(storedName(made), t); known {
				ev.Partial = true
				return other, t, true
			}
		}
		return given[0], t, true
	}
	t := servedType(ev.Client.Type())
	if t == nil {
		return Object{}, nil, false
	}
	other, known := g.bearer(program.Argument(site, ev.Call.Key), t)
	ev.Partial = true
	return other, t, known
}

// bearer returns the object of a type whose name a value is.
func (g *gatherer) bearer(name ssa.Value, t types.Type) (Object, bool) {
	kind, known := kube.KindOf(t)
	if name == nil || !known {
		return Object{}, false
	}
	for _, p := range g.e.DepsOf(g.fn, name).Places {
		if p.Path != "Name" || p.Root == nil {
			continue
		}
		if k, ok := kube.KindOf(typeOfObject(p.Object)); ok && k.Same(kind) {
			return p.Object, true
		}
	}
	return Object{}, false
}

// storedName returns what is stored as the name of a new object; nil if it is not one value.
func storedName(made *ssa.Alloc) ssa.Value {
	var names []ssa.Value
	var within func(v ssa.Value)
	within = func(v ssa.Value) {
		for _, ref := range *v.Referrers() {
			f, ok := ref.(*ssa.FieldAddr)
			if !ok || f.X != v {
				continue
			}
			name, stored := program.FieldName(f.X.Type(), f.Field), storedAt(f)
			switch {
			case name == "Name":
				names = append(names, stored...)
			case name == "ObjectMeta":
				within(f)
				for _, val := range stored {
					if load, ok := val.(*ssa.UnOp); ok {
						if part, ok := load.X.(*ssa.Alloc); ok {
							within(part)
						}
					}
				}
			}
		}
	}
	within(made)
	if len(names) != 1 {
		return nil
	}
	return names[0]
}

// storedAt returns what is stored at a field.
func storedAt(f *ssa.FieldAddr) []ssa.Value {
	var out []ssa.Value
	for _, ref := range *f.Referrers() {
		if st, ok := ref.(*ssa.Store); ok && st.Addr == f {
			out = append(out, st.Val)
		}
	}
	return out
}
