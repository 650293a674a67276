// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Growth is a map that lives as long as the process, gets an entry under the key of each object that comes by, and never
// loses one: nothing in own code removes an entry, replaces the map or hands it to somebody who could.
type Growth struct {
	// Name is Type.field, or the variable's name.
	Name string
	Type types.Type
	// Adds are the instructions that add an entry under an object's key, in source order.
	Adds []ssa.Instruction
	// Synced is set for a sync.Map.
	Synced bool
}

// Growths returns the maps that only grow, in the order of the first place that adds to them.
func (e *Effects) Growths() []Growth {
	g := &growthGatherer{e: e, p: e.Program, found: make(map[any]*growing), made: make(map[*types.Named][]ssa.Instruction)}
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				g.instruction(instr)
			}
		}
	}
	var out []Growth
	for _, m := range g.order {
		if len(m.Adds) > 0 && !m.bounded && g.lasts(m.owner) {
			out = append(out, m.Growth)
		}
	}
	return out
}

// growing is what is known of one map so far.
type growing struct {
	Growth
	owner *types.Named
	// bounded is set when something may remove entries.
	bounded bool
}

type growthGatherer struct {
	e     *Effects
	p     *program.Program
	found map[any]*growing
	order []*growing
	made  map[*types.Named][]ssa.Instruction
}

func (g *growthGatherer) instruction(instr ssa.Instruction) {
	switch x := instr.(type) {
	case *ssa.Alloc:
		if named := program.Named(elem(x.Type())); named != nil && g.p.OwnType(named) {
			g.made[named] = append(g.made[named], x)
		}
	case *ssa.FieldAddr:
		key, ok := program.FieldKeyOf(x.X.Type(), x.Field)
		if m := g.at(ok && key.Var() != nil && g.p.OwnType(key.Type) && !g.e.inAPI(key.Type), key, key.Type, x); m != nil {
			for _, ref := range refs(x) {
				g.use(m, x, ref)
			}
		}
		return
	}
	for _, operand := range instr.Operands(nil) {
		global, ok := (*operand).(*ssa.Global)
		if !ok {
			continue
		}
		if m := g.at(global.Pkg != nil && g.p.OwnPackage(global.Pkg.Pkg), global, nil, global); m != nil {
			g.use(m, global, instr)
		}
	}
}

// at returns the map at an address; nil where there is none of own code.
func (g *growthGatherer) at(own bool, key any, owner *types.Named, addr ssa.Value) *growing {
	t := elem(addr.Type())
	synced := program.IsNamed(t, "sync", "Map")
	if _, isMap := t.Underlying().(*types.Map); !own || !isMap && !synced {
		return nil
	}
	m := g.found[key]
	if m == nil {
		name := addr.Name()
		if k, ok := key.(program.FieldKey); ok {
			name = k.String()
		}
		m = &growing{Growth: Growth{Name: name, Type: t, Synced: synced}, owner: owner}
		g.found[key] = m
		g.order = append(g.order, m)
	}
	return m
}

// use notes what an instruction does to a map through its address.
func (g *growthGatherer) use(m *growing, addr ssa.Value, at ssa.Instruction) {
	switch x := at.(type) {
	case *ssa.UnOp:
		for _, ref := range refs(x) {
			g.useOfMap(m, x, ref)
		}
	case *ssa.Store:
		m.bounded = m.bounded || x.Addr != addr || !firstSet(x)
	case ssa.CallInstruction:
		g.call(m, addr, x)
	case *ssa.DebugRef:
	default:
		m.bounded = true
	}
}

// firstSet tells whether a store gives a map to what its function makes, or to what has none yet.
func firstSet(store *ssa.Store) bool {
	switch addr := store.Addr.(type) {
	case *ssa.Global:
		return store.Parent().Name() == "init" || setWhenNil(store)
	case *ssa.FieldAddr:
		_, made := addr.X.(*ssa.Alloc)
		return made || setWhenNil(store)
	}
	return false
}

// setWhenNil tells whether a store runs under a test of nil, or of emptiness.
func setWhenNil(store *ssa.Store) bool {
	for _, branch := range Conditions(store.Block()) {
		if cmp, ok := branch.Cond.(*ssa.BinOp); ok && ComparesEmpty(cmp) && types.Identical(cmp.X.Type(), elem(store.Addr.Type())) {
			return true
		}
	}
	return false
}

// useOfMap notes what an instruction does to a map that was loaded.
func (g *growthGatherer) useOfMap(m *growing, loaded ssa.Value, at ssa.Instruction) {
	switch x := at.(type) {
	case *ssa.MapUpdate:
		if x.Map == loaded {
			g.add(m, x, x.Key)
			return
		}
	case *ssa.Lookup, *ssa.BinOp, *ssa.Range, *ssa.DebugRef:
		return
	case *ssa.Call:
		if b, ok := x.Call.Value.(*ssa.Builtin); ok && b.Name() == "len" {
			return
		}
	}
	m.bounded = true
}

// call notes a method of a sync.Map.
func (g *growthGatherer) call(m *growing, addr ssa.Value, site ssa.CallInstruction) {
	args := site.Common().Args
	target := program.Target(site)
	if !m.Synced || target == nil || len(args) == 0 || args[0] != addr {
		m.bounded = true
		return
	}
	switch target.Name() {
	case "Store", "LoadOrStore", "Swap":
		g.add(m, site, args[1])
	case "Load", "Range":
	default:
		m.bounded = true
	}
}

func (g *growthGatherer) add(m *growing, at ssa.Instruction, key ssa.Value) {
	if g.namesObject(key, 0) {
		m.Adds = append(m.Adds, at)
	}
}

// lasts tells whether there is one of a struct for the process, as far as own code shows: nil stands for a package variable.
func (g *growthGatherer) lasts(owner *types.Named) bool {
	if owner == nil {
		return true
	}
	made := g.made[owner.Origin()]
	return len(made) > 0 && !slices.ContainsFunc(made, g.p.RunsAgain)
}

// namesObject tells whether a key names one object of the API: by namespace and name, or by UID.
func (g *growthGatherer) namesObject(key ssa.Value, depth int) bool {
	if depth > 6 {
		return false
	}
	key = stripped(key)
	if isIdentity(key.Type()) {
		return true
	}
	switch x := key.(type) {
	case *ssa.Convert:
		return g.namesObject(x.X, depth+1)
	case *ssa.ChangeType:
		return g.namesObject(x.X, depth+1)
	case *ssa.BinOp:
		return g.namesObject(x.X, depth+1) || g.namesObject(x.Y, depth+1)
	case *ssa.Extract:
		return g.namesObject(x.Tuple, depth+1)
	case *ssa.UnOp:
		addr, ok := x.X.(*ssa.FieldAddr)
		if !ok {
			return false
		}
		name, _ := fieldOf(addr.X.Type(), addr.Field)
		return name == "Namespace" && program.IsNamed(addr.X.Type(), "k8s.io/apimachinery/pkg/apis/meta/v1", "ObjectMeta")
	case *ssa.Call:
		return g.callNamesObject(x, depth)
	case *ssa.Parameter:
		index := slices.Index(x.Parent().Params, x)
		callers := g.p.Callers(x.Parent())
		for _, e := range callers {
			arg := program.ArgumentFor(e, index)
			if arg == nil || !g.namesObject(arg, depth+1) {
				return false
			}
		}
		return len(callers) > 0
	}
	return false
}

// callNamesObject tells whether a call returns the key of an object.
func (g *growthGatherer) callNamesObject(call *ssa.Call, depth int) bool {
	target := program.Target(call)
	if target == nil {
		return false
	}
	switch target.Name() {
	case "GetNamespace", "MetaNamespaceKeyFunc", "DeletionHandlingMetaNamespaceKeyFunc", "GetUID":
		return true
	case "String":
		recv := program.Receiver(call)
		return recv != nil && isIdentity(recv.Type())
	case "Sprintf":
		printed, _ := program.Variadic(call, 1)
		return slices.ContainsFunc(printed, func(arg ssa.Value) bool { return g.namesObject(arg, depth+1) })
	}
	callees := g.p.Static(call)
	for _, callee := range callees {
		for _, b := range callee.Blocks {
			if ret, ok := last(b).(*ssa.Return); ok && !g.namesObject(resultsOf(ret)[0], depth+1) {
				return false
			}
		}
	}
	return len(callees) > 0
}

// isIdentity tells whether a type names one object: namespace and name, a UID, or a struct that holds one of them.
func isIdentity(t types.Type) bool {
	if ptr, ok := t.(*types.Pointer); ok {
		t = ptr.Elem()
	}
	const api = "k8s.io/apimachinery/pkg/types"
	if program.IsNamed(t, api, "NamespacedName") || program.IsNamed(t, api, "UID") || program.IsNamed(t, "k8s.io/client-go/tools/cache", "ObjectName") {
		return true
	}
	named := program.Named(t)
	s, ok := t.Underlying().(*types.Struct)
	if !ok || named == nil || named.Obj().Pkg() == nil || strings.HasPrefix(named.Obj().Pkg().Path(), "k8s.io/api/") {
		return false // an object, not its key
	}
	for field := range s.Fields() {
		if program.IsNamed(field.Type(), api, "NamespacedName") || program.IsNamed(field.Type(), api, "UID") {
			return true
		}
	}
	return false
}
