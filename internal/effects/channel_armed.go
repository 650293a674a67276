// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Armed is a wait for a channel in a field, which its maker put there and then failed, before it had started who signals it.
type Armed struct {
	Wait *ChannelOp
	// Put is where the channel is put in the field, Exit the return with an error behind it.
	Put, Exit ssa.Instruction
	Signals   []*ChannelOp
}

// ArmedTooEarly returns how a lone wait for a channel in a field can find one that nobody will signal; nil when it can't or
// that is not known.
func (e *Effects) ArmedTooEarly(wait *ChannelOp) *Armed {
	key, ok := fieldOfLoad(wait.Value)
	if !ok || wait.Kind != ChannelReceive || !wait.Alone() || !wait.Exact || len(wait.Channels) != 1 {
		return nil
	}
	c := wait.Channels[0]
	signals := c.Signals()
	if len(signals) == 0 || c.ForeignSends || c.Func() == wait.Func && After(c.Make, wait.Instr) {
		return nil // nobody signals it at all; other code may; or the wait is for the call's own channel
	}
	a := &armed{e: e, key: key, at: make(map[ssa.Instruction]bool), in: make(map[*ssa.Function]bool)}
	for _, s := range signals {
		a.at[s.Instr], a.in[s.Func] = true, true
	}
	put := a.put(c)
	if put == nil || a.deferred(put.Parent()) {
		return nil
	}
	if !e.Reach(put.Parent())[wait.Func] {
		return nil // who stops what has failed to start is on their own; a second start is a retry
	}
	w := &Paths{Ends: a.ends}
	w.CountLoops(put.Parent())
	exit, ok := w.ExitAfter(put).(*ssa.Return)
	if !ok {
		return nil
	}
	return &Armed{Wait: wait, Put: put, Exit: exit, Signals: signals}
}

// armed asks which ways out of a function leave a channel in a field without anybody who signals it.
type armed struct {
	e   *Effects
	key program.FieldKey
	at  map[ssa.Instruction]bool
	in  map[*ssa.Function]bool
}

// put returns the store of a fresh channel in the field, by the function that makes it; nil where it gets there in another
// way, or the function has no error to return.
func (a *armed) put(c *Channel) *ssa.Store {
	results := c.Func().Signature.Results()
	if results.Len() == 0 || !isErrorType(results.At(results.Len()-1).Type()) {
		return nil
	}
	for _, b := range c.Func().Blocks {
		for _, instr := range b.Instrs {
			if store, ok := instr.(*ssa.Store); ok && a.isField(store.Addr) && stripped(store.Val) == ssa.Value(c.Make) {
				if field := store.Addr.(*ssa.FieldAddr); !isFresh(field.X) {
					return store
				}
			}
		}
	}
	return nil
}

// isFresh tells whether an object is made by the function itself: when it fails, nobody has it.
func isFresh(v ssa.Value) bool {
	v = stripped(v)
	if load, ok := v.(*ssa.UnOp); ok {
		if cell, ok := load.X.(*ssa.Alloc); ok && len(storedIn(cell)) == 1 {
			v = stripped(storedIn(cell)[0])
		}
	}
	_, made := v.(*ssa.Alloc)
	return made
}

func (a *armed) isField(addr ssa.Value) bool {
	field, ok := addr.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	key, ok := program.FieldKeyOf(field.X.Type(), field.Field)
	return ok && key == a.key
}

// deferred tells whether a function defers something that may signal, whatever way it leaves by.
func (a *armed) deferred(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		if d, ok := site.(*ssa.Defer); ok && a.e.MayRun(d, a.in) {
			return true
		}
	}
	return false
}

// ends tells whether the channel is no longer alone in its field: it is signalled, or something that will signal it was
// called, started or put together; the field has got another one; or the function returns without an error.
func (a *armed) ends(instr ssa.Instruction) bool {
	if a.at[instr] {
		return true
	}
	switch x := instr.(type) {
	case *ssa.Return:
		return program.IsNil(x.Results[len(x.Results)-1]) || !onlyError(x)
	case *ssa.Store:
		return a.isField(x.Addr)
	case ssa.CallInstruction:
		return a.e.MayRun(x, a.in)
	case *ssa.MakeClosure:
		for fn := range a.e.Reach(x.Fn.(*ssa.Function)) {
			if a.in[fn] {
				return true
			}
		}
	}
	return false
}
