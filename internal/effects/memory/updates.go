// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Update is a call that stores into a container with a lock of its own what was computed from the entry that an earlier
// call returned: each call is locked, and between them the lock is free.
type Update struct {
	// Get and Put are the calls, in one function.
	Get, Put *ssa.Call
	// Container is the variable that holds the container.
	Container Place
	// Meeting shows who can come in between; it is not Known where callers are out of sight.
	Meeting program.Meeting
}

// Updates lists them, one a function and container, in source order.
func (m *Memory) Updates() []Update {
	var out []Update
	c := containers{m: m, takes: make(map[*ssa.Function]take), puts: make(map[*ssa.Function]put)}
	for _, fn := range m.Program.Funcs {
		told := make(map[Place]bool)
		for site := range program.Sites(fn) {
			if call, ok := site.(*ssa.Call); ok {
				if u, ok := c.update(call); ok && !told[u.Container] {
					told[u.Container] = true
					out = append(out, u)
				}
			}
		}
	}
	return out
}

// containers knows which methods read and write entries of a map under a lock that they take themselves.
type containers struct {
	m     *Memory
	takes map[*ssa.Function]take
	puts  map[*ssa.Function]put
}

// put is a method that stores a parameter under a key that is another parameter.
type put struct {
	ok         bool
	key, value int
}

// take is a method that returns the entry of a key that is a parameter; field is where its receiver keeps the container,
// none for a method of the container itself.
type take struct {
	ok    bool
	key   int
	field Place
}

func (c containers) update(call *ssa.Call) (Update, bool) {
	p := c.method(call)
	if p == nil || len(call.Call.Args) < 3 {
		return Update{}, false
	}
	how := c.putOf(p)
	if !how.ok || how.value >= len(call.Call.Args) {
		return Update{}, false
	}
	container := c.m.Locks.PlaceOf(call.Call.Args[0])
	if !container.Known() || len(c.m.Locks.Held(call)) > 0 {
		return Update{}, false // a lock around both makes one of them
	}
	get := c.source(call.Call.Args[how.value], container, call.Call.Args[how.key], 0)
	if get == nil {
		return Update{}, false
	}
	meeting, _ := c.m.Program.Concurrency().Meet(call, call)
	return Update{Get: get, Put: call, Container: container, Meeting: meeting}, true
}

// source finds the call that returned the container's entry of a key among what a value is computed from. The value must
// be a new one: an entry that is stored as it was lent is its holder's.
func (c containers) source(v ssa.Value, container Place, key ssa.Value, depth int) *ssa.Call {
	if depth > 4 {
		return nil
	}
	switch x := v.(type) {
	case *ssa.Call:
		if depth > 0 && c.takesEntry(x, container, key) {
			return x
		}
		for _, arg := range x.Call.Args {
			if found := c.source(arg, container, key, depth+1); found != nil {
				return found
			}
		}
	case *ssa.BinOp:
		switch x.Op {
		case token.ADD, token.SUB, token.MUL, token.OR, token.AND:
			if found := c.source(x.X, container, key, depth+1); found != nil {
				return found
			}
			return c.source(x.Y, container, key, depth+1)
		}
	case *ssa.Extract:
		if call, ok := x.Tuple.(*ssa.Call); ok && x.Index == 0 && depth > 0 && c.takesEntry(call, container, key) {
			return call
		}
	case *ssa.Phi:
		for _, edge := range x.Edges {
			if found := c.source(edge, container, key, depth+1); found != nil {
				return found
			}
		}
	}
	return nil
}

// takesEntry tells whether a call returns the container's entry of a key.
func (c containers) takesEntry(call *ssa.Call, container Place, key ssa.Value) bool {
	fn := c.method(call)
	if fn == nil {
		return false
	}
	how := c.takeOf(fn, 0)
	if !how.ok || how.key >= len(call.Call.Args) || call.Call.Args[how.key] != key {
		return false
	}
	if how.field.Known() {
		return how.field == container
	}
	return c.m.Locks.PlaceOf(call.Call.Args[0]) == container
}

// method returns the own method that a call runs.
func (c containers) method(call *ssa.Call) *ssa.Function {
	fns := c.m.Program.Static(call)
	if len(fns) != 1 || fns[0].Signature.Recv() == nil || len(fns[0].Params) != len(call.Call.Args) {
		return nil
	}
	return fns[0]
}

func (c containers) putOf(fn *ssa.Function) put {
	if known, ok := c.puts[fn]; ok {
		return known
	}
	var out put
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			update, ok := instr.(*ssa.MapUpdate)
			if !ok || !c.ownMap(fn, update.Map) || !c.locksItself(update) {
				continue
			}
			key, value := paramOf(fn, update.Key), paramOf(fn, update.Value)
			out = put{ok: key > 0 && value > 0, key: key, value: value}
		}
	}
	c.puts[fn] = out
	return out
}

// takeOf looks for a returned look-up, here or in a method of a container that the receiver keeps.
func (c containers) takeOf(fn *ssa.Function, depth int) take {
	if known, ok := c.takes[fn]; ok {
		return known
	}
	c.takes[fn] = take{} // asked again while answering
	var out take
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Lookup:
				if key := paramOf(fn, x.Index); key > 0 && c.ownMap(fn, x.X) && c.locksItself(x) && returnedFrom(x, 0) {
					out = take{ok: true, key: key}
				}
			case *ssa.Call:
				inner := c.method(x)
				if inner == nil || depth > 1 || inner == fn {
					continue
				}
				how := c.takeOf(inner, depth+1)
				if !how.ok || how.field.Known() || how.key >= len(x.Call.Args) {
					continue
				}
				field := c.m.Locks.PlaceOf(x.Call.Args[0])
				if key := paramOf(fn, x.Call.Args[how.key]); key > 0 && field.Known() && returnedFrom(x, 0) {
					out = take{ok: true, key: key, field: field}
				}
			}
		}
	}
	c.takes[fn] = out
	return out
}

// ownMap tells whether a map is kept in a field of the method's receiver.
func (c containers) ownMap(fn *ssa.Function, v ssa.Value) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return false
	}
	field, ok := load.X.(*ssa.FieldAddr)
	return ok && field.X == fn.Params[0]
}

// locksItself tells whether the function holds a lock at an instruction that it took itself.
func (c containers) locksItself(instr ssa.Instruction) bool {
	for _, h := range c.m.Locks.Held(instr) {
		if h.Site != nil {
			return true
		}
	}
	return false
}

// paramOf returns the number of a parameter, or -1.
func paramOf(fn *ssa.Function, v ssa.Value) int {
	for i, p := range fn.Params {
		if p == v {
			return i
		}
	}
	return -1
}

// returnedFrom tells whether a value, or the first part of it, is returned by its function.
func returnedFrom(v ssa.Value, depth int) bool {
	if depth > 3 || v.Referrers() == nil {
		return false
	}
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.Return:
			return true
		case *ssa.Extract:
			if x.Index == 0 && returnedFrom(x, depth+1) {
				return true
			}
		case *ssa.Phi:
			if returnedFrom(x, depth+1) {
				return true
			}
		case *ssa.Store:
			// Where calls are deferred, results wait for them in a variable.
			if cell, ok := x.Addr.(*ssa.Alloc); ok && x.Val == v && returnedFrom(cell, depth+1) {
				return true
			}
		case *ssa.UnOp:
			if x.Op == token.MUL && returnedFrom(x, depth+1) {
				return true
			}
		}
	}
	return false
}
