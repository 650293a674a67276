// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// keepDepth bounds the calls through which an object is followed to where it is kept.
const keepDepth = 5

// keeper finds out which functions keep what they are given.
type keeper struct {
	e     *Effects
	puts  map[ssa.Instruction]*memory.Access
	known map[*ssa.Parameter]keeping
}

// keeping is what a function does with a parameter, as it is or in a struct around it.
type keeping struct {
	// put is where it is put into a map or a variable; nil if it is not. lock is held there, by the function or by one that leads to it.
	put  *memory.Access
	lock memory.Place
	// returned is set when the function gives it back.
	returned bool
}

// sharedPuts returns the statements that put something into a map, or a variable, that goroutines can share.
func (e *Effects) sharedPuts() map[ssa.Instruction]*memory.Access {
	out := make(map[ssa.Instruction]*memory.Access)
	m := e.Memory()
	for _, place := range m.Places() {
		for _, a := range m.Accesses(place) {
			_, stored := a.At.(*ssa.Store)
			if a.Write && (a.Map() || stored) && a.Inner == nil {
				out[a.At] = a
			}
		}
	}
	return out
}

// lockAt returns a lock that is held on every path to an instruction.
func (k *keeper) lockAt(at ssa.Instruction) memory.Place {
	for _, h := range k.e.Memory().Locks.Held(at) {
		if h.Mode != memory.Semaphore {
			return h.Lock.Place
		}
	}
	return memory.Place{}
}

func (k *keeper) keeps(param *ssa.Parameter, depth int) keeping {
	if known, ok := k.known[param]; ok || depth > keepDepth {
		return known
	}
	k.known[param] = keeping{} // asked again while answering: a circle keeps nothing more
	w := &keepWalk{k: k, depth: depth, seen: make(map[ssa.Value]bool)}
	w.value(param)
	k.known[param] = w.out
	return w.out
}

// keepWalk follows a value through one function.
type keepWalk struct {
	k     *keeper
	depth int
	seen  map[ssa.Value]bool
	out   keeping
}

func (w *keepWalk) value(v ssa.Value) {
	if w.seen[v] || w.out.put != nil {
		return
	}
	w.seen[v] = true
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.Phi, *ssa.MakeInterface, *ssa.ChangeType, *ssa.ChangeInterface:
			w.value(x.(ssa.Value))
		case *ssa.MapUpdate:
			if put := w.k.puts[x]; put != nil && x.Value == v {
				w.out.put, w.out.lock = put, w.k.lockAt(x)
			}
		case *ssa.Store:
			if put := w.k.puts[x]; put != nil && x.Val == v {
				w.out.put, w.out.lock = put, w.k.lockAt(x)
			} else if x.Val == v {
				w.stored(x)
			}
		case *ssa.Slice:
			w.value(x)
		case *ssa.Return:
			w.out.returned = true
		case *ssa.Call:
			w.given(x, v)
		}
	}
}

// stored follows a value into a struct that is made here, or into a variable and out again.
func (w *keepWalk) stored(st *ssa.Store) {
	switch addr := st.Addr.(type) {
	case *ssa.Alloc:
		for _, ref := range refs(addr) {
			if load, ok := ref.(*ssa.UnOp); ok {
				w.value(load)
			}
		}
	case *ssa.FieldAddr:
		if made, ok := addr.X.(*ssa.Alloc); ok {
			w.value(made)
		}
	case *ssa.IndexAddr: // the list of what is appended
		if made, ok := addr.X.(*ssa.Alloc); ok {
			w.value(made)
		}
	}
}

// given follows a value into an own function, and back out of it.
func (w *keepWalk) given(call *ssa.Call, v ssa.Value) {
	if b, ok := call.Call.Value.(*ssa.Builtin); ok && b.Name() == "append" {
		w.value(call)
		return
	}
	for _, callee := range w.k.e.Program.Static(call) {
		for i, param := range callee.Params {
			edge := program.Edge{Site: call, Callee: callee, Arg: -1}
			if program.ArgumentFor(edge, i) != v {
				continue
			}
			does := w.k.keeps(param, w.depth+1)
			if does.put != nil {
				w.out.put, w.out.lock = does.put, does.lock
				if !does.lock.Known() {
					w.out.lock = w.k.lockAt(call)
				}
			}
			if does.returned && isPointer(call.Type()) {
				w.value(call)
			}
		}
	}
}
