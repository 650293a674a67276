// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Expects tells whether the flow that leads from a look to a write keeps expectations: it asks a memory of its own what
// is still outstanding before it acts, and notes in the same memory what it does. What the memory is called does not
// matter, that both happen does.
func (e *Effects) Expects(look Existence, s *Story) bool {
	asked, noted := make(map[*types.Named]bool), make(map[*types.Named]bool)
	for _, instr := range flowOf(e, s) {
		fn := instr.Parent()
		for _, branch := range Conditions(instr.Block()) {
			if aboutError(branch.Cond) {
				continue // whether the call worked is no question about what is outstanding
			}
			for _, call := range e.DepsOf(fn, branch.Cond).Calls {
				if t := e.memoryOf(call); t != nil {
					asked[t] = true
				}
			}
		}
		for site := range program.Sites(fn) {
			if t := e.memoryOf(site); t != nil && (MayPrecede(site, instr) || MayPrecede(instr, site)) {
				if call, ok := site.(*ssa.Call); (!ok || !decides(call)) && e.notes(site) {
					noted[t] = true
				}
			}
		}
	}
	for t := range asked {
		if noted[t] {
			return true
		}
	}
	return false
}

// flowOf lists the places that lead to a write: the write, the calls above it in its story, and the calls of the
// functions around, up to the entry.
func flowOf(e *Effects, s *Story) []ssa.Instruction {
	out := s.Write.places()
	seen := make(map[*ssa.Function]bool)
	work := []*ssa.Function{s.Func, s.Write.Origin.Parent()}
	for len(work) > 0 && len(out) < 60 {
		fn := work[0]
		work = work[1:]
		if seen[fn] || e.Program.EntryAt(fn) != nil {
			continue
		}
		seen[fn] = true
		for _, edge := range e.Program.Callers(fn) {
			out = append(out, edge.Site)
			work = append(work, edge.Caller())
		}
	}
	return out
}

// memoryOf returns the type of the in-process memory that a call goes to: the receiver, an own or library type that is
// no API object and no client, of a method that the model knows as a staleness guard or whose type holds a map.
func (e *Effects) memoryOf(site ssa.CallInstruction) *types.Named {
	row := program.Model(site)
	recv := program.Receiver(site)
	if recv == nil {
		return nil
	}
	named := program.Named(recv.Type())
	if named == nil || e.isObject(recv.Type()) || !kept(recv) {
		return nil
	}
	if row != nil {
		if row.Effect == kube.StalenessGuard {
			return named
		}
		return nil
	}
	if types.IsInterface(named) {
		for _, callee := range e.Program.Static(site) {
			if r := callee.Signature.Recv(); r != nil && holdsMap(r.Type(), 0) {
				return named
			}
		}
		return nil
	}
	if !holdsMap(named, 0) || itself(recv) && !hasMap(named) {
		return nil // a controller that calls its own methods asks no memory, unless it is one
	}
	return named
}

// notes tells whether a call changes what its receiver remembers: the model knows it as a guard, or a method that it
// runs changes a map.
func (e *Effects) notes(site ssa.CallInstruction) bool {
	if program.Model(site) != nil {
		return true
	}
	work := e.Program.Static(site)
	for i := 0; i < len(work) && i < 12; i++ {
		for _, b := range work[i].Blocks {
			for _, instr := range b.Instrs {
				switch x := instr.(type) {
				case *ssa.MapUpdate:
					return true
				case ssa.CallInstruction:
					if changesMap(x) {
						return true
					}
					work = append(work, e.Program.Static(x)...)
				}
			}
		}
	}
	return false
}

// changesMap knows delete, the methods of sync.Map and of client-go's stores that change them.
func changesMap(site ssa.CallInstruction) bool {
	if b, ok := site.Common().Value.(*ssa.Builtin); ok {
		return b.Name() == "delete"
	}
	t := program.Target(site)
	if t == nil || t.Pkg() == nil || t.Pkg().Path() != "sync" && t.Pkg().Path() != "k8s.io/client-go/tools/cache" {
		return false
	}
	switch t.Name() {
	case "Store", "LoadOrStore", "Delete", "LoadAndDelete", "Add", "Update":
		return true
	}
	return false
}

// kept tells whether a value outlives the flow that uses it: it comes from a field or a package variable, or is the
// receiver itself.
func kept(v ssa.Value) bool {
	switch x := stripped(v).(type) {
	case *ssa.UnOp:
		switch x.X.(type) {
		case *ssa.FieldAddr, *ssa.Global:
			return true
		}
	case *ssa.FieldAddr, *ssa.Global, *ssa.Field:
		return true
	}
	return itself(v)
}

// itself tells whether a value is the receiver of the function it is used in.
func itself(v ssa.Value) bool {
	param, ok := stripped(v).(*ssa.Parameter)
	return ok && param.Parent().Signature.Recv() != nil && param.Parent().Params[0] == param
}

// hasMap tells whether a struct type has a field that is a map.
func hasMap(named *types.Named) bool {
	st, ok := named.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for f := range st.Fields() {
		if _, isMap := f.Type().Underlying().(*types.Map); isMap || program.IsNamed(f.Type(), "sync", "Map") {
			return true
		}
	}
	return false
}

// holdsMap tells whether a struct type holds a map, a sync.Map or a store, itself or in a struct it embeds.
func holdsMap(t types.Type, depth int) bool {
	named := program.Named(t)
	if named != nil && depth > 0 && (program.IsNamed(named, "sync", "Map") || program.IsNamed(named, "k8s.io/client-go/tools/cache", "Store")) {
		return true
	}
	var st *types.Struct
	if named != nil {
		st, _ = named.Underlying().(*types.Struct)
		if _, isMap := named.Underlying().(*types.Map); isMap {
			return true
		}
	}
	if st == nil || depth > 1 {
		return false
	}
	for f := range st.Fields() {
		if _, isMap := f.Type().Underlying().(*types.Map); isMap {
			return true
		}
		if program.Named(f.Type()) != nil && holdsMap(f.Type(), depth+1) {
			return true
		}
	}
	return false
}

// decides tells whether a branch depends on the result of a call.
func decides(call *ssa.Call) bool {
	for _, ref := range *call.Referrers() {
		switch x := ref.(type) {
		case *ssa.If:
			return true
		case *ssa.UnOp, *ssa.BinOp:
			for _, r := range *x.(ssa.Value).Referrers() {
				if _, ok := r.(*ssa.If); ok {
					return true
				}
			}
		case *ssa.Extract:
			for _, r := range *x.Referrers() {
				if _, ok := r.(*ssa.If); ok {
					return true
				}
			}
		}
	}
	return false
}
