// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// EventKind is what happens to an object.
type EventKind int

// The kinds of events.
const (
	// Read fills the object from the API or a cache.
	Read EventKind = iota
	// Write sends the object, or names it, in a changing request.
	Write
	// Change assigns to a field of the object in memory.
	Change
	// Copy makes the object a copy of another: DeepCopy, DeepCopyInto, or an assignment of the whole.
	Copy
	// Borrow is a change of elements in a map or slice of the object that no assignment to its fields shows: they are sorted or removed
	// in place, or another object took the map or slice over. From is that object.
	Borrow
	// Spelled is what the data of a raw patch says about a field; the object in memory stays as it is.
	Spelled
)

// Event is one thing that a function does to an object, itself or through a callee.
type Event struct {
	Kind EventKind
	// At is the instruction in the function whose story this is: the event itself, or the call that leads to it.
	At ssa.Instruction
	// Origin is the instruction that does it.
	Origin ssa.Instruction
	// Chain are the calls from At down to Origin; empty when they are the same.
	Chain []ssa.CallInstruction
	Object
	// Path is what changes, for Change and Spelled.
	Path string
	// Type is the type of the changed field, for Change; of the object otherwise.
	Type types.Type
	// Call is the model's row, for Read and Write, and for a Change made by a library.
	Call *kube.Call
	// From is the object copied, for Copy.
	From Place
	// For is the request whose data it is, for Spelled.
	For ssa.Instruction
	// Retry is the innermost retry-on-conflict that runs it, as seen from the function of At; nil if none.
	Retry ssa.CallInstruction
	// Partial is set for a Copy that carries values along but not the resourceVersion, and for a Write that sends such a
	// copy of the object.
	Partial bool
	// Spawned is set when a goroutine that the function starts does it.
	Spawned bool
	// Base is the object that a patch is the difference to, for Write.
	Base []Place
	// Patch says what is sent, for Write events that patch or apply.
	Patch *Patch
	// Client is the client, reader or lister the request goes through, in the function of Origin.
	Client ssa.Value

	// deps and guards are the answers of Deps and Guards; nil until they are known.
	deps, guards *Deps
	// callee is the event of a callee that this one restates by way of a call; nil for a function's own.
	callee *Event
	by     *translation
}

// Deps returns what the new value is computed from, for Change and Spelled.
func (ev *Event) Deps() Deps {
	if ev.deps == nil {
		ev.deps = new(Deps)
		if ev.callee != nil {
			*ev.deps = ev.by.deps(ev.callee.Deps()).clipped()
		}
	}
	return *ev.deps
}

// Guards returns what is tested before this happens, in the functions that lead to it.
func (ev *Event) Guards() Deps {
	if ev.guards == nil {
		ev.guards = new(Deps)
		if ev.callee != nil {
			*ev.guards = ev.by.guards(ev.callee.Guards())
		}
	}
	return *ev.guards
}

// changes tells whether the event gives a field of the object a new value, in memory or in the data of a request.
func (ev *Event) changes() bool { return ev.Kind == Change || ev.Kind == Spelled }

// Pos returns where it is done.
func (ev *Event) Pos() token.Pos { return position(ev.Origin) }

// Func returns the function that does it.
func (ev *Event) Func() *ssa.Function { return ev.Origin.Parent() }

// position returns the position of an instruction, or of the closest one before it that has one.
func position(instr ssa.Instruction) token.Pos {
	if pos := instr.Pos(); pos.IsValid() {
		return pos
	}
	switch x := instr.(type) {
	case *ssa.Store:
		if x.Val.Pos().IsValid() {
			return x.Val.Pos()
		}
		if v, ok := x.Addr.(ssa.Instruction); ok && x.Addr.Pos().IsValid() {
			return v.Pos()
		}
	case *ssa.MapUpdate:
		if x.Map.Pos().IsValid() {
			return x.Map.Pos()
		}
	}
	if b := instr.Block(); b != nil {
		before := token.NoPos
		for _, other := range b.Instrs {
			if other == instr {
				break
			}
			if other.Pos().IsValid() {
				before = other.Pos()
			}
		}
		if before.IsValid() {
			return before
		}
	}
	return instr.Parent().Pos()
}

// Deps is what a value is computed from.
type Deps struct {
	// Places are parts of objects, and variables.
	Places []Place
	// Calls are library and unresolved calls whose results take part.
	Calls []*ssa.Call
	// Now is set when the clock takes part, Random when chance does.
	Now, Random bool
	// Arithmetic is set when the value is computed by + or -, Append when a list is extended or cut.
	Arithmetic, Append bool
	// Constant is set when only constants take part.
	Constant bool
	// Strings are the constant strings that take part, field names of structs that are marshalled not counted.
	Strings []string
}

// On tells whether the value depends on a part of the object at or around path; an empty path asks for any part.
func (d Deps) On(obj Object, path string) bool {
	for _, p := range d.Places {
		if p.Object == obj && overlaps(p.Path, path) {
			return true
		}
	}
	return false
}

// overlaps tells whether one path lies within the other.
func overlaps(a, b string) bool {
	return a == b || under(a, b) || under(b, a)
}

// under tells whether path inner lies within path outer.
func under(inner, outer string) bool {
	if outer == "" {
		return true
	}
	if len(inner) <= len(outer) || inner[:len(outer)] != outer {
		return false
	}
	return inner[len(outer)] == '.' || inner[len(outer)] == '['
}

// Under tells whether path inner is outer or lies within it.
func Under(inner, outer string) bool { return inner == outer || under(inner, outer) }

// Overlaps tells whether one of the two paths is, or lies within, the other.
func Overlaps(a, b string) bool { return overlaps(a, b) }

func (d *Deps) merge(other Deps) {
	for _, p := range other.Places {
		d.addPlace(p)
	}
	for _, c := range other.Calls {
		d.addCall(c)
	}
	for _, s := range other.Strings {
		d.addString(s)
	}
	d.Now = d.Now || other.Now
	d.Random = d.Random || other.Random
	d.Arithmetic = d.Arithmetic || other.Arithmetic
	d.Append = d.Append || other.Append
	d.Constant = d.Constant && other.Constant
}

// maxDeps bounds the places and calls that are told of one value: more say nothing.
const maxDeps = 40

// clipped makes d safe to share: whoever adds to it gets a copy.
func (d Deps) clipped() Deps {
	d.Places, d.Calls, d.Strings = slices.Clip(d.Places), slices.Clip(d.Calls), slices.Clip(d.Strings)
	return d
}

func (d *Deps) addPlace(p Place) {
	if len(d.Places) >= maxDeps {
		return
	}
	for _, have := range d.Places {
		if have == p {
			return
		}
	}
	d.Places = append(d.Places, p)
}

func (d *Deps) addCall(c *ssa.Call) {
	if len(d.Calls) >= maxDeps {
		return
	}
	for _, have := range d.Calls {
		if have == c {
			return
		}
	}
	d.Calls = append(d.Calls, c)
}

func (d *Deps) addString(s string) {
	if len(d.Strings) >= maxDeps {
		return
	}
	for _, have := range d.Strings {
		if have == s {
			return
		}
	}
	d.Strings = append(d.Strings, s)
}

// Position returns where an instruction stands, or the closest one before it that the code spells.
func Position(instr ssa.Instruction) token.Pos { return position(instr) }

// places are where the event happens, and the calls that lead there from the function that has it.
func (ev *Event) places() []ssa.Instruction {
	out := []ssa.Instruction{ev.Origin}
	for _, site := range ev.Chain {
		out = append(out, site)
	}
	return out
}
