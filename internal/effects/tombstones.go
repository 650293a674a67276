// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// client-go hands a delete handler a cache.DeletedFinalStateUnknown where it missed the delete itself, see
// tools/cache/delta_fifo.go. controller-runtime unwraps it for its own events.
const (
	toolsCachePath = "k8s.io/client-go/tools/cache"
	tombstoneName  = "DeletedFinalStateUnknown"
)

// Deletion is a handler of client-go for deleted objects that asserts what it is given without a thought of tombstones.
type Deletion struct {
	// Handler is the function that the informer calls.
	Handler *ssa.Function
	// Registered is where it is given away.
	Registered ssa.Instruction
	// Assert is the assertion of what the handler was given, in the handler or in what it calls.
	Assert *ssa.TypeAssert
	// Filter is set when the handler is a filter, which deletes pass as well.
	Filter bool
}

// Panics tells whether the assertion ends the process when it fails.
func (d Deletion) Panics() bool {
	return (!d.Assert.CommaOk || usedBlindly(d.Assert)) && !sifted(d.Assert)
}

// sifted tells whether the function asks another one about what it was given, and comes to the assertion only by some of the
// answers: that may be where a tombstone is dropped.
func sifted(assert *ssa.TypeAssert) bool {
	param, ok := assert.X.(*ssa.Parameter)
	return ok && slices.ContainsFunc(refs(param), func(ref ssa.Instruction) bool {
		call, ok := ref.(*ssa.Call)
		return ok && call.Block() != assert.Block() && call.Block().Dominates(assert.Block()) && answerDecides(call)
	})
}

// answerDecides tells whether what a call returns is branched on.
func answerDecides(call *ssa.Call) bool {
	work := []ssa.Value{call}
	for ; len(work) > 0; work = work[1:] {
		for _, ref := range refs(work[0]) {
			switch x := ref.(type) {
			case *ssa.If:
				return true
			case *ssa.Extract:
				work = append(work, x)
			case *ssa.BinOp:
				work = append(work, x)
			case *ssa.UnOp:
				work = append(work, x)
			}
		}
	}
	return false
}

// usedBlindly tells whether an assertion with ok drops the ok, and what it gives is used as a pointer in any case.
func usedBlindly(assert *ssa.TypeAssert) bool {
	var given *ssa.Extract
	for _, ref := range refs(assert) {
		if ex, ok := ref.(*ssa.Extract); ok && ex.Index == 1 && len(refs(ex)) > 0 {
			return false
		} else if ok && ex.Index == 0 {
			given = ex
		}
	}
	return given != nil && dereferenced(given, assert.Block(), 0)
}

// dereferenced tells whether a function reads through a pointer whatever comes, itself or in a function that it calls with it.
func dereferenced(v ssa.Value, from *ssa.BasicBlock, depth int) bool {
	return slices.ContainsFunc(refs(v), func(ref ssa.Instruction) bool {
		if ref.Block() != from {
			return false // something may have been asked before
		}
		switch x := ref.(type) {
		case *ssa.FieldAddr:
			return x.X == v
		case *ssa.UnOp:
			return x.Op == token.MUL
		case ssa.CallInstruction:
			callee := x.Common().StaticCallee()
			if callee == nil || depth > 1 || len(callee.Blocks) == 0 {
				return false
			}
			for i, arg := range x.Common().Args {
				if arg == v && i < len(callee.Params) && dereferenced(callee.Params[i], callee.Blocks[0], depth+1) {
					return true
				}
			}
		}
		return false
	})
}

// BlindDeletions returns the delete handlers and filters that know no tombstones and get some, in source order of the
// registrations: those that panic, and handlers that then keep what they should forget.
func (e *Effects) BlindDeletions() []Deletion {
	var out []Deletion
	for _, r := range e.deleteHandlers() {
		look := tombstoneLook{e: e, seen: make(map[ssa.Value]bool)}
		param := r.Handler.Params[len(r.Handler.Params)-1]
		look.value(param, 0)
		if look.assert == nil || look.aware || e.filteredOut(r.Registered) {
			continue // not asked for its type, or never handed on
		}
		if r.Assert = look.assert; r.Panics() || !r.Filter && e.forgets(r.Handler, make(map[*ssa.Function]bool), 0) {
			out = append(out, r)
		}
	}
	return out
}

// deleteHandlers finds the functions that own code stores into the callback structs of client-go, and the OnDelete
// methods of handlers that it registers.
func (e *Effects) deleteHandlers() []Deletion {
	var out []Deletion
	seen := make(map[*ssa.Function]bool)
	add := func(fn *ssa.Function, at ssa.Instruction, filter bool) {
		if fn = unwrapped(fn); fn == nil || seen[fn] || !e.Program.Own(fn) || len(fn.Params) == 0 || !isEmptyInterface(fn.Params[len(fn.Params)-1].Type()) {
			return
		}
		seen[fn] = true
		out = append(out, Deletion{Handler: fn, Registered: at, Filter: filter})
	}
	for _, fn := range e.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				st, ok := instr.(*ssa.Store)
				if !ok {
					continue
				}
				if filter, ok := deleteField(st.Addr); ok {
					for _, v := range e.Program.Sources(st.Val).Values {
						add(functionIn(v), st, filter)
					}
				}
			}
		}
		if entry := e.Program.EntryAt(fn); entry != nil && entry.Kind == program.EntryInformer && fn.Name() == "OnDelete" && len(fn.Params) == 2 {
			add(fn, fn.Blocks[0].Instrs[0], false)
		}
	}
	return out
}

// deleteField tells whether an address is a field that takes delete handlers, or a filter that deletes pass.
func deleteField(addr ssa.Value) (filter, ok bool) {
	field, isField := addr.(*ssa.FieldAddr)
	if !isField {
		return false, false
	}
	named := program.Named(field.X.Type())
	if named == nil || named.Obj().Pkg() == nil || kubePath(named.Obj().Pkg().Path()) != toolsCachePath {
		return false, false
	}
	name, _ := fieldOf(field.X.Type(), field.Field)
	switch {
	case strings.HasPrefix(named.Obj().Name(), "ResourceEventHandler") && name == "DeleteFunc":
		return false, true
	case named.Obj().Name() == "FilteringResourceEventHandler" && name == "FilterFunc":
		return true, true
	}
	return false, false
}

// kubePath removes a vendor prefix.
func kubePath(path string) string {
	if i := strings.LastIndex(path, "/vendor/"); i >= 0 {
		return path[i+len("/vendor/"):]
	}
	return path
}

// functionIn returns the function that a function value runs.
func functionIn(v ssa.Value) *ssa.Function {
	switch x := v.(type) {
	case *ssa.Function:
		return x
	case *ssa.MakeClosure:
		return x.Fn.(*ssa.Function)
	}
	return nil
}

// unwrapped returns the method behind a bound method value.
func unwrapped(fn *ssa.Function) *ssa.Function {
	if fn == nil || fn.Synthetic == "" {
		return fn
	}
	for site := range program.Sites(fn) {
		if callee := site.Common().StaticCallee(); callee != nil {
			return callee
		}
	}
	return fn
}

func isEmptyInterface(t types.Type) bool {
	iface, ok := t.Underlying().(*types.Interface)
	return ok && iface.NumMethods() == 0
}

// tombstoneLook follows what a handler was given to the first assertion of its type, and sees whether anybody on the
// way knows of tombstones.
type tombstoneLook struct {
	e      *Effects
	seen   map[ssa.Value]bool
	assert *ssa.TypeAssert
	aware  bool
}

func (l *tombstoneLook) value(v ssa.Value, depth int) {
	if l.seen[v] || depth > 4 || v.Referrers() == nil {
		return
	}
	l.seen[v] = true
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.TypeAssert:
			if program.IsNamed(x.AssertedType, toolsCachePath, tombstoneName) || isTombstoneLike(x.AssertedType) {
				l.aware = true
			} else if namesObject(x.AssertedType) && (l.assert == nil || l.assert.CommaOk && !x.CommaOk) {
				l.assert = x
			}
		case *ssa.Phi, *ssa.ChangeInterface:
			l.value(x.(ssa.Value), depth)
		case *ssa.Store:
			l.aware = l.aware || x.Val == v // kept for others: what becomes of it is not known
		case *ssa.MakeClosure:
			for i, b := range x.Bindings {
				if b == v {
					l.value(x.Fn.(*ssa.Function).FreeVars[i], depth+1)
				}
			}
		case ssa.CallInstruction:
			l.passed(x, v, depth)
		}
	}
}

// passed follows an argument into own code; helpers of client-go that know tombstones settle the matter.
func (l *tombstoneLook) passed(site ssa.CallInstruction, v ssa.Value, depth int) {
	if target := program.Target(site); target != nil && target.Pkg() != nil && kubePath(target.Pkg().Path()) == toolsCachePath {
		l.aware = l.aware || strings.HasPrefix(target.Name(), "DeletionHandling")
	}
	for _, edge := range l.e.Program.Callees(site) {
		if edge.Arg >= 0 {
			continue
		}
		for i, param := range edge.Callee.Params {
			if program.ArgumentFor(edge, i) == v {
				l.value(param, depth+1)
			}
		}
	}
}

// namesObject tells whether an assertion asks for what the informer holds: a pointer to a struct, or methods. A key in place
// of the object is another matter.
func namesObject(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		_, ok := u.Elem().Underlying().(*types.Struct)
		return ok
	case *types.Interface:
		return u.NumMethods() > 0
	}
	return false
}

// isTombstoneLike tells whether a type is a tombstone of another library: a struct with the key and the last state.
func isTombstoneLike(t types.Type) bool {
	named := program.Named(t)
	return named != nil && strings.Contains(named.Obj().Name(), "FinalState")
}

// Informs returns the kind that an assertion names, for a sentence.
func (d Deletion) Informs() string {
	if k, ok := kube.KindOf(d.Assert.AssertedType); ok && k.Name != "" {
		return k.Name
	}
	return types.TypeString(d.Assert.AssertedType, func(p *types.Package) string { return p.Name() })
}
