// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// UnlockedSend is a send on a channel that the sender has looked up under a lock and uses after the lock's release, where
// another function closes the channels kept there under the same lock: the close may come in between.
type UnlockedSend struct {
	Send, Close *ChannelOp
	// Take is where the sender gets at the channel, with the lock held.
	Take ssa.Instruction
	Lock memory.Lock
}

// UnlockedSends returns the sends of the program that come after the lock under which their channel was looked up, one for
// each sending function, in order.
func (e *Effects) UnlockedSends() []UnlockedSend {
	closes := e.lockedCloses()
	if len(closes) == 0 {
		return nil
	}
	var out []UnlockedSend
	told := make(map[*ssa.Function]bool)
	for _, send := range e.Channels().Ops {
		if send.Kind != ChannelSend || told[send.Func] || e.Recovers(send.Func) {
			continue // a sender that recovers has seen to it
		}
		for _, cl := range closes {
			if u, ok := e.unlocked(send, cl); ok {
				told[send.Func] = true
				out = append(out, u)
				break
			}
		}
	}
	return out
}

// lockedClose is a close with a lock held for writing, and where its channel is kept.
type lockedClose struct {
	op   *ChannelOp
	held []memory.Holding
	kept memory.Place
}

func (e *Effects) lockedCloses() []lockedClose {
	var out []lockedClose
	for _, op := range e.Channels().Ops {
		if op.Kind != ChannelClose {
			continue
		}
		var held []memory.Holding
		for _, h := range e.Memory().Locks.Held(op.Instr) {
			if h.Mode == memory.Write && h.Lock.Place.Known() {
				held = append(held, h)
			}
		}
		kept := e.keptAt(op.Value)
		if !kept.Known() {
			kept = e.deletedKey(op)
		}
		// Under no lock it is another matter; a local channel is no one's but its function's; who waits before the close
		// may wait for the senders.
		if len(held) == 0 || !kept.Known() || kept.Local != nil || waitsBefore(op.Instr) {
			continue
		}
		out = append(out, lockedClose{op, held, kept})
	}
	return out
}

func waitsBefore(instr ssa.Instruction) bool {
	for _, b := range instr.Parent().Blocks {
		for _, other := range b.Instrs {
			if waits(other) && After(other, instr) {
				return true
			}
		}
	}
	return false
}

func (e *Effects) unlocked(send *ChannelOp, cl lockedClose) (UnlockedSend, bool) {
	if send.Func == cl.op.Func {
		return UnlockedSend{}, false // one function orders the two itself
	}
	if e.ofNew(send.Value) {
		return UnlockedSend{}, false // who makes it decides when others can close it
	}
	locks := e.Memory().Locks
	origins := e.originsIn(send.Value)
	if !slices.ContainsFunc(origins, func(v ssa.Value) bool { return e.keptAt(v) == cl.kept }) {
		return UnlockedSend{}, false // another channel
	}
	for _, h := range cl.held {
		if holdsAt(locks.Held(send.Instr), h.Lock.Place) {
			return UnlockedSend{}, false // the lock keeps the close away
		}
		for _, v := range origins {
			take, ok := v.(ssa.Instruction)
			if !ok || !readsMemory(v) || !holdsAt(locks.Held(take), h.Lock.Place) {
				continue
			}
			if _, meet := e.Program.Concurrency().Meet(send.Instr, cl.op.Instr); !meet {
				break // one goroutine does both, one after the other
			}
			return UnlockedSend{Send: send, Close: cl.op, Take: take, Lock: h.Lock}, true
		}
	}
	return UnlockedSend{}, false
}

func holdsAt(held []memory.Holding, place memory.Place) bool {
	return slices.ContainsFunc(held, func(h memory.Holding) bool { return h.Lock.Place == place && h.Mode != memory.Semaphore })
}

// readsMemory tells whether a value is read from a map, a field or a variable.
func readsMemory(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.Lookup, *ssa.Next:
		return true
	case *ssa.UnOp:
		return x.Op == token.MUL
	}
	return false
}

// ofNew tells whether a value is a field of what a constructor has just made for its function: it looks nothing up.
func (e *Effects) ofNew(v ssa.Value) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return false
	}
	field, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	for _, made := range madeAs(field.X) {
		call, ok := made.(*ssa.Call)
		if !ok {
			return false
		}
		makers := e.Program.Static(call)
		if len(makers) == 0 || slices.ContainsFunc(makers, func(maker *ssa.Function) bool { return !returnsOwn(maker) }) {
			return false
		}
	}
	return true
}

// madeAs returns what a value is: what was stored in the local variable that it was read from, or the value.
func madeAs(v ssa.Value) []ssa.Value {
	if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
		if cell, ok := load.X.(*ssa.Alloc); ok {
			return storedIn(cell)
		}
	}
	return []ssa.Value{v}
}

// keptAt returns the field or variable that a channel is kept in: for one of a map or slice, its elements; for the key of
// a map, its keys.
func (e *Effects) keptAt(v ssa.Value) memory.Place {
	if !isChannel(v.Type()) {
		return memory.Place{}
	}
	if pair, ok := v.(*ssa.Extract); ok {
		if next, ok := pair.Tuple.(*ssa.Next); ok {
			return e.partOf(next.Iter.(*ssa.Range).X, pair.Index == 1)
		}
	}
	return e.Memory().Locks.PlaceOf(v)
}

// partOf returns the place of the keys or the elements of a map.
func (e *Effects) partOf(container ssa.Value, keys bool) memory.Place {
	place := e.Memory().Locks.PlaceOf(container)
	switch {
	case !place.Known():
	case keys:
		place.Path += "[key]"
	default:
		place.Path += "[]"
	}
	return place
}

// deletedKey returns the keys of the map that a channel is deleted from by the function that closes it.
func (e *Effects) deletedKey(op *ChannelOp) memory.Place {
	for site := range program.Sites(op.Func) {
		if b, ok := site.Common().Value.(*ssa.Builtin); ok && b.Name() == "delete" && site.Common().Args[1] == op.Value {
			return e.partOf(site.Common().Args[0], true)
		}
	}
	return memory.Place{}
}
