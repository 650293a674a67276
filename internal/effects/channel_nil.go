// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// OnlyIfSet returns the field that holds the channel of a close, where all that is asked before the close is whether that
// field is nil.
func OnlyIfSet(cl *ChannelOp) (program.FieldKey, bool) {
	field, ok := fieldRead(cl.Value)
	conds := Conditions(cl.Instr.Block())
	if !ok || len(conds) == 0 || cl.Deferred {
		return program.FieldKey{}, false
	}
	asked := false
	for _, branch := range conds {
		cmp, ok := branch.Cond.(*ssa.BinOp)
		if !ok || constOf(cmp.Y) != nil {
			return program.FieldKey{}, false
		}
		key, ok := fieldRead(cmp.X)
		if !ok {
			return program.FieldKey{}, false
		}
		asked = asked || key == field
	}
	return field, asked
}

// fieldRead returns the field that a value was loaded from.
func fieldRead(v ssa.Value) (program.FieldKey, bool) {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return program.FieldKey{}, false
	}
	addr, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return program.FieldKey{}, false
	}
	return program.FieldKeyOf(addr.X.Type(), addr.Field)
}

// Clears tells whether fn, or a function that calls it and waits, stores to a field.
func (e *Effects) Clears(fn *ssa.Function, field program.FieldKey) bool {
	for _, store := range e.Program.FieldStores(field) {
		if constOf(store.Val) != nil {
			continue
		}
		if store.Parent() == fn || e.Reach(fn)[store.Parent()] {
			return true
		}
		for _, edge := range e.Program.Callers(fn) {
			if edge.How != program.Starts && edge.Caller() == store.Parent() {
				return true
			}
		}
	}
	return false
}

// Replaces tells whether a function that closes the channel of a field puts something else there on each way on.
func (e *Effects) Replaces(cl *ChannelOp, field program.FieldKey) bool {
	w := &Paths{Ends: func(instr ssa.Instruction) bool {
		store, ok := instr.(*ssa.Store)
		return ok && slices.Contains(e.Program.FieldStores(field), store)
	}}
	return !cl.Deferred && w.ExitAfter(cl.Instr) == nil
}

// RunsOnce tells whether a function is run by a sync.Once.
func (e *Effects) RunsOnce(fn *ssa.Function) bool {
	for _, edge := range e.Program.Callers(fn) {
		if isOnce(edge.Site) || edge.UnderOnce() {
			return true
		}
	}
	return false
}
