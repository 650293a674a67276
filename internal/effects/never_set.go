// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"cmp"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// NeverSet is a field that says whether something runs, is asked before that is started or stopped, and is false whatever
// happens.
type NeverSet struct {
	Name string
	Test *ssa.If
	// Start is the goroutine that is started where the field is false, or nil; Stop what ends something where it is true, or nil.
	Start *ssa.Go
	Stop  *ssa.Call
}

// NeverSets returns the flags of own types that guard a start or a stop and that nothing sets, one for each field, in source
// order of the tests.
func (e *Effects) NeverSets() []NeverSet {
	var out []NeverSet
	at := make(map[program.FieldKey]int)
	var given map[program.FieldKey]bool
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			branch, ok := last(b).(*ssa.If)
			if !ok {
				continue
			}
			key, name, negated := flagField(branch.Cond)
			if name == "" || !e.Program.OwnType(key.Type) || e.everSet(key) {
				continue
			}
			when := [2]*ssa.BasicBlock{b.Succs[0], b.Succs[1]}
			if negated {
				when[0], when[1] = when[1], when[0]
			}
			found := NeverSet{Name: name, Test: branch, Stop: stopIn(when[0]), Start: startIn(when[1])}
			if found.Start == nil && found.Stop == nil {
				continue
			}
			if given == nil {
				given = e.givenAway()
			}
			if given[key] {
				continue // somebody else may set it
			}
			if i, known := at[key]; !known {
				at[key] = len(out)
				out = append(out, found)
			} else if out[i].Start == nil {
				out[i].Start, out[i].Test = found.Start, found.Test
				out[i].Stop = cmp.Or(out[i].Stop, found.Stop)
			} else {
				out[i].Stop = cmp.Or(out[i].Stop, found.Stop)
			}
		}
	}
	return out
}

// flagField returns the unexported truth field that a condition is, and whether it is asked to be false; no name for others.
func flagField(cond ssa.Value) (key program.FieldKey, name string, negated bool) {
	v, negated := positive(cond)
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return key, "", false
	}
	addr, ok := load.X.(*ssa.FieldAddr)
	if !ok || !types.Identical(load.Type(), types.Typ[types.Bool]) {
		return key, "", false
	}
	key, ok = program.FieldKeyOf(addr.X.Type(), addr.Field)
	name = fieldNameAt(addr.X.Type(), addr.Field)
	if !ok || token.IsExported(name) || !saysItRuns(name) {
		return key, "", false
	}
	return key, name, negated
}

// saysItRuns tells whether a field is called by what it says of a goroutine. Others may be there for tests to set.
func saysItRuns(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"running", "started", "active", "alive", "opened", "isopen", "watching", "initialized", "initialised", "stopped", "closed"},
		func(part string) bool { return strings.Contains(name, part) })
}

// everSet tells whether own code, tests included, stores anything but false in a field.
func (e *Effects) everSet(key program.FieldKey) bool {
	return slices.ContainsFunc(e.Program.FieldStores(key), func(store *ssa.Store) bool {
		c, ok := store.Val.(*ssa.Const)
		return !ok || c.Value == nil || c.Value.Kind() != constant.Bool || constant.BoolVal(c.Value)
	})
}

// givenAway returns the truth fields whose address is used for more than to read and write them.
func (e *Effects) givenAway() map[program.FieldKey]bool {
	out := make(map[program.FieldKey]bool)
	for _, fn := range e.Program.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				addr, ok := instr.(*ssa.FieldAddr)
				if !ok || onlyAccessed(addr) {
					continue
				}
				if key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field); ok {
					out[key] = true
				}
			}
		}
	}
	return out
}

// onlyAccessed tells whether an address is used to read and write what is there, and for nothing else.
func onlyAccessed(addr *ssa.FieldAddr) bool {
	return !slices.ContainsFunc(refs(addr), func(ref ssa.Instruction) bool {
		switch x := ref.(type) {
		case *ssa.UnOp, *ssa.DebugRef:
			return false
		case *ssa.Store:
			return x.Addr != addr
		}
		return true
	})
}

// startIn returns a goroutine that is started behind a branch, and there only.
func startIn(branch *ssa.BasicBlock) *ssa.Go {
	if len(branch.Preds) != 1 {
		return nil
	}
	for site := range program.Sites(branch.Parent()) {
		if start, ok := site.(*ssa.Go); ok && branch.Dominates(start.Block()) {
			return start
		}
	}
	return nil
}

// stopIn returns a call behind a branch, and there only, that stops something: a method with such a name, or a cancel function.
func stopIn(branch *ssa.BasicBlock) *ssa.Call {
	if len(branch.Preds) != 1 {
		return nil
	}
	for site := range program.Sites(branch.Parent()) {
		call, ok := site.(*ssa.Call)
		if ok && branch.Dominates(call.Block()) && (stops(program.Target(call)) || program.IsNamed(call.Call.Value.Type(), "context", "CancelFunc")) {
			return call
		}
	}
	return nil
}
