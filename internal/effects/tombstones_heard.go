// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// filteredOut tells whether a handler stands behind a filter that lets no tombstone through: one of own code that asserts
// what the informer holds with ok, or one of a library, whose test is not in sight.
func (e *Effects) filteredOut(registered ssa.Instruction) bool {
	st, ok := registered.(*ssa.Store)
	if !ok {
		return false
	}
	field, ok := st.Addr.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	outer := filteringAround(field.X)
	if outer == nil {
		return false
	}
	for _, filter := range e.filtersIn(outer) {
		if filter = unwrapped(filter); filter == nil || !e.Program.Own(filter) || len(filter.Params) == 0 {
			return true
		}
		look := tombstoneLook{e: e, seen: make(map[ssa.Value]bool)}
		look.value(filter.Params[len(filter.Params)-1], 0)
		if look.assert != nil && look.assert.CommaOk && !look.aware {
			return true
		}
	}
	return false
}

// filteringAround returns the cache.FilteringResourceEventHandler that a struct of callbacks is the handler of; nil if there
// is none.
func filteringAround(callbacks ssa.Value) ssa.Value {
	if callbacks.Referrers() == nil {
		return nil
	}
	for _, ref := range *callbacks.Referrers() {
		switch x := ref.(type) {
		case *ssa.UnOp, *ssa.MakeInterface:
			if outer := filteringAround(x.(ssa.Value)); outer != nil {
				return outer
			}
		case *ssa.Store:
			field, ok := x.Addr.(*ssa.FieldAddr)
			if !ok || x.Val != callbacks {
				continue
			}
			named := program.Named(field.X.Type())
			if named != nil && named.Obj().Pkg() != nil && kubePath(named.Obj().Pkg().Path()) == toolsCachePath && named.Obj().Name() == "FilteringResourceEventHandler" {
				return field.X
			}
		}
	}
	return nil
}

// filtersIn returns what is stored as the filter of a FilteringResourceEventHandler; nil stands for a function that the code
// does not show.
func (e *Effects) filtersIn(handler ssa.Value) []*ssa.Function {
	var out []*ssa.Function
	for _, ref := range *handler.Referrers() {
		field, ok := ref.(*ssa.FieldAddr)
		if !ok {
			continue
		}
		if filter, _ := deleteField(field); !filter {
			continue
		}
		for _, use := range *field.Referrers() {
			if st, ok := use.(*ssa.Store); ok && st.Addr == field {
				for _, v := range e.Program.Sources(st.Val).Values {
					out = append(out, functionIn(v))
				}
			}
		}
	}
	return out
}

// forgetDepth bounds the calls between a handler and what it takes out of memory.
const forgetDepth = 4

// forgets tells whether a handler takes something out of what the process keeps: an entry of a map, or a series of a metric.
// A handler that only wakes a worker loses a hint, no state.
func (e *Effects) forgets(fn *ssa.Function, seen map[*ssa.Function]bool, depth int) bool {
	if seen[fn] || depth > forgetDepth {
		return false
	}
	seen[fn] = true
	for site := range program.Sites(fn) {
		if b, ok := site.Common().Value.(*ssa.Builtin); ok && b.Name() == "delete" {
			return true
		}
		if t := program.Target(site); t != nil && t.Pkg() != nil {
			switch path := t.Pkg().Path(); {
			case path == "sync" && (t.Name() == "Delete" || t.Name() == "LoadAndDelete"),
				path == "github.com/prometheus/client_golang/prometheus" && strings.HasPrefix(t.Name(), "Delete"):
				return true
			}
		}
		for _, edge := range e.Program.Callees(site) {
			if edge.Arg < 0 && e.forgets(edge.Callee, seen, depth+1) {
				return true
			}
		}
	}
	return false
}
