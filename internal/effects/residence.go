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

// Residence is a variable that outlives calls and lives in the memory of one process: a field of an own struct or a
// package variable, with everything that own code does to it.
type Residence struct {
	// Name is Type.field, or the variable's name.
	Name string
	// Owner is the struct type of a field; nil for package variables.
	Owner *types.Named
	// Type is the variable's type.
	Type   types.Type
	Writes []*Touch
	Reads  []*Touch

	pos token.Pos
}

// Touch is one read or write of a residence.
type Touch struct {
	At ssa.Instruction
	// Base is the struct that the field is in, as a value; nil for package variables.
	Base ssa.Value
	// Value is what is written; nil where entries are removed, or where a library writes.
	Value ssa.Value
	// Guarded is set for a read that tells an empty variable apart: a lookup that asks whether there is an entry, a
	// comparison with nil or zero.
	Guarded bool
}

// Residences lists the memory of own code that is written at all, in source order. Interfaces, functions, channels and
// locks are left out: they are wiring, not state.
func (e *Effects) Residences() []*Residence {
	if e.residences != nil {
		return e.residences
	}
	g := &residenceGatherer{e: e, found: make(map[any]*Residence)}
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				g.instruction(instr)
			}
		}
	}
	e.residences = []*Residence{}
	for _, r := range g.found {
		if len(r.Writes) > 0 {
			e.residences = append(e.residences, r)
		}
	}
	slices.SortFunc(e.residences, func(a, b *Residence) int {
		return strings.Compare(e.Program.SortKey(a.pos)+a.Name, e.Program.SortKey(b.pos)+b.Name)
	})
	return e.residences
}

type residenceGatherer struct {
	e     *Effects
	found map[any]*Residence
}

func (g *residenceGatherer) instruction(instr ssa.Instruction) {
	switch x := instr.(type) {
	case *ssa.Store:
		g.write(x, x.Addr, x.Val)
	case *ssa.MapUpdate:
		if load, ok := x.Map.(*ssa.UnOp); ok {
			g.write(x, load.X, x.Value)
		}
	case *ssa.UnOp:
		if x.Op == token.MUL {
			g.load(x)
		}
	case ssa.CallInstruction:
		g.call(x)
	}
}

// at returns the residence that an address names, and the struct it is in.
func (g *residenceGatherer) at(addr ssa.Value) (*Residence, ssa.Value) {
	switch a := addr.(type) {
	case *ssa.FieldAddr:
		key, ok := program.FieldKeyOf(a.X.Type(), a.Field)
		if !ok || key.Var() == nil || !g.e.Program.OwnType(key.Type) || g.e.isObject(key.Type) || !isState(key.Var().Type()) {
			return nil, nil
		}
		r := g.found[key]
		if r == nil {
			r = &Residence{Name: key.String(), Owner: key.Type, Type: key.Var().Type(), pos: key.Var().Pos()}
			g.found[key] = r
		}
		return r, a.X
	case *ssa.Global:
		t := elem(a.Type())
		if a.Pkg == nil || !g.e.Program.OwnPackage(a.Pkg.Pkg) || !isState(t) {
			return nil, nil
		}
		r := g.found[a]
		if r == nil {
			r = &Residence{Name: a.Name(), Type: t, pos: a.Pos()}
			g.found[a] = r
		}
		return r, nil
	}
	return nil, nil
}

func (g *residenceGatherer) write(at ssa.Instruction, addr, value ssa.Value) {
	if r, base := g.at(addr); r != nil {
		r.Writes = append(r.Writes, &Touch{At: at, Base: base, Value: value})
	}
}

// load is a read, unless all that happens to the map it loads is that entries are set or removed.
func (g *residenceGatherer) load(x *ssa.UnOp) {
	r, base := g.at(x.X)
	if r == nil {
		return
	}
	reads, guarded := false, true
	for _, ref := range *x.Referrers() {
		switch use := ref.(type) {
		case *ssa.MapUpdate:
			if use.Map == x {
				continue
			}
		case *ssa.Call:
			if b, ok := use.Call.Value.(*ssa.Builtin); ok && (b.Name() == "delete" || b.Name() == "clear") {
				continue
			}
			if b, ok := use.Call.Value.(*ssa.Builtin); ok && b.Name() == "len" {
				reads = true
				continue
			}
		case *ssa.Lookup:
			reads = true
			guarded = guarded && use.CommaOk
			continue
		case *ssa.BinOp:
			reads = true
			guarded = guarded && ComparesEmpty(use)
			continue
		case *ssa.DebugRef:
			continue
		}
		reads = true
		guarded = guarded && g.alsoCompared(x)
	}
	if reads {
		r.Reads = append(r.Reads, &Touch{At: x, Base: base, Guarded: guarded})
	}
}

// alsoCompared tells whether a loaded value is compared with nil or zero somewhere.
func (g *residenceGatherer) alsoCompared(x *ssa.UnOp) bool {
	for _, ref := range *x.Referrers() {
		if op, ok := ref.(*ssa.BinOp); ok && ComparesEmpty(op) {
			return true
		}
	}
	return false
}

// ComparesEmpty tells whether a comparison is with nil, zero or the empty string.
func ComparesEmpty(op *ssa.BinOp) bool {
	for _, side := range []ssa.Value{op.X, op.Y} {
		if c, ok := side.(*ssa.Const); ok && (c.Value == nil || c.Value.ExactString() == "0" || c.Value.ExactString() == `""`) {
			return op.Op == token.EQL || op.Op == token.NEQ || op.Op == token.GTR
		}
	}
	return false
}

// call is a method of an atomic or a sync.Map, or a delete of entries.
func (g *residenceGatherer) call(site ssa.CallInstruction) {
	common := site.Common()
	if b, ok := common.Value.(*ssa.Builtin); ok {
		if load, isLoad := firstArg(common).(*ssa.UnOp); isLoad && (b.Name() == "delete" || b.Name() == "clear") {
			g.write(site, load.X, nil)
		}
		return
	}
	row := program.Model(site)
	if row == nil || row.Effect != kube.Atomic || firstArg(common) == nil {
		return
	}
	addr := firstArg(common)
	r, base := g.at(addr)
	if r == nil {
		return
	}
	name := row.Name
	if target := program.Target(site); target != nil {
		name = target.Name()
	}
	touch := &Touch{At: site, Base: base}
	switch {
	case strings.HasPrefix(name, "LoadOr"), strings.HasPrefix(name, "LoadAnd"), strings.HasPrefix(name, "Swap"), strings.HasPrefix(name, "CompareAnd"):
		r.Writes, r.Reads = append(r.Writes, touch), append(r.Reads, touch)
	case strings.HasPrefix(name, "Load"), name == "Range":
		touch.Guarded = row.Recv == "Map"
		r.Reads = append(r.Reads, touch)
	default:
		r.Writes = append(r.Writes, touch)
	}
}

func firstArg(common *ssa.CallCommon) ssa.Value {
	if len(common.Args) == 0 {
		return nil
	}
	return common.Args[0]
}

// isState tells whether a variable of type t holds state rather than wiring.
func isState(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Interface, *types.Signature, *types.Chan:
		return false
	case *types.Pointer:
		if program.IsNamed(t, "k8s.io/client-go/rest", "Config") {
			return false
		}
		return isState(u.Elem()) || isAtomic(u.Elem())
	}
	named := program.Named(t)
	if named == nil || named.Obj().Pkg() == nil {
		return true
	}
	switch named.Obj().Pkg().Path() {
	case "sync":
		return named.Obj().Name() == "Map"
	case "sync/atomic":
		return true
	case "context", "time":
		return named.Obj().Name() == "Time" || named.Obj().Name() == "Duration"
	}
	return true
}

func isAtomic(t types.Type) bool {
	named := program.Named(t)
	return named != nil && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "sync/atomic"
}
