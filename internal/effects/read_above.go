// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ReadAbove returns a read of an object that a function got from around: from the function that a closure is in, or from callers
// all of which hand in what they have read. Nil where some may have made it.
func (e *Effects) ReadAbove(fn *ssa.Function, o Object) *Event {
	if o.Base != "" {
		return nil
	}
	if free, ok := o.Root.(*ssa.FreeVar); ok {
		for _, outer := range e.outerObjects(free) {
			if outer.Root == nil || outer.Base != "" {
				continue
			}
			parent := fn.Parent()
			if ev := e.readOfRoot(parent, outer.Root); ev != nil {
				return ev
			}
			if ev := e.ReadAbove(parent, outer); ev != nil {
				return ev
			}
		}
		return nil
	}
	if !isParameter(o.Root) {
		return nil
	}
	var found *Event
	src := e.Program.Sources(o.Root)
	if src.Partial {
		return nil
	}
	for _, v := range src.Values {
		instr, ok := v.(ssa.Instruction)
		if !ok || e.Program.InTest(instr.Parent()) {
			if !ok && !program.IsNil(v) {
				return nil // out of sight
			}
			continue
		}
		ev := e.readOfRoot(instr.Parent(), v)
		if ev == nil {
			return nil // made, or got in ways that are not followed
		}
		if found == nil {
			found = ev
		}
	}
	return found
}

// readOfRoot returns the read, in a function, that fills an object or returns it.
func (e *Effects) readOfRoot(fn *ssa.Function, root ssa.Value) *Event {
	i := slices.IndexFunc(e.Events(fn), func(ev *Event) bool { return ev.Kind == Read && ev.Root == root })
	if i < 0 {
		return nil
	}
	return e.Events(fn)[i]
}

// ChangeAbove returns a change of a captured object that is made before the closure, in the function that it is in.
func (e *Effects) ChangeAbove(fn *ssa.Function, o Object, content func(path string) bool) *Event {
	free, ok := o.Root.(*ssa.FreeVar)
	if !ok || fn.Parent() == nil {
		return nil
	}
	outer := e.outerObjects(free)
	for _, ev := range e.Events(fn.Parent()) {
		if ev.Kind == Change && slices.Contains(outer, ev.Object) && content(ev.Path) && ev.Origin.Parent() != fn {
			return ev
		}
	}
	return nil
}
