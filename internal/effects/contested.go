// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Contested tells whether somebody can store another version of the object while a retry writes it, or has just done so: a
// controller of Kubernetes or of another program, another goroutine or replica of this one, or the retrying goroutine itself.
func (e *Effects) Contested(r *Retry, row *Entry) bool {
	t := row.Stories[0].Type()
	switch {
	case row.Kind.Name == "" || t == nil, row.Kind.BuiltIn() && !row.Kind.ManyUses(), !row.Kind.BuiltIn() && !e.Program.OwnType(t):
		return true // others keep their part of it
	case !e.oneFlow(r.Site.Parent()):
		return true
	}
	return slices.ContainsFunc(e.Ledger(), func(other *Entry) bool {
		return changesStored(other) && !slices.ContainsFunc(r.Writes, func(w Reached) bool { return w.Site == other.Site }) &&
			e.Concerns(other, row.Kind, t) && !e.anotherUse(row, other) && (!e.sameFlow(other.Site, r.Site) || e.mayComeFirst(other.Site, r.Site))
	})
}

// changesStored tells whether a row changes an object that is there.
func changesStored(row *Entry) bool {
	switch row.Call.Effect {
	case kube.Create, kube.Delete, kube.DeleteCollection:
		return false
	}
	return true
}

// anotherUse tells whether two rows write a kind that serves many ends, in two packages: most likely two objects.
func (e *Effects) anotherUse(row, other *Entry) bool {
	return row.Kind.ManyUses() && e.Program.Package(row.Site.Parent()) != e.Program.Package(other.Site.Parent())
}

// oneFlow tells whether one goroutine of the process at a time runs a function for an object, and no other replica does.
func (e *Effects) oneFlow(fn *ssa.Function) bool {
	roots := e.rootsOf(fn)
	return len(roots) == 1 && (!roots[0].Parallel || roots[0].Entry != nil && roots[0].Entry.Requeues) && e.Program.DomainOf(fn).Worst() != program.EveryReplica
}

// rootsOf lists the goroutines that run a function, those of tests left out.
func (e *Effects) rootsOf(fn *ssa.Function) []*program.Root {
	var out []*program.Root
	for r := range e.Program.Concurrency().Of(fn) {
		if !e.Program.InTest(r.Func) {
			out = append(out, r)
		}
	}
	return out
}

// sameFlow tells whether only goroutines that come to one call come to another.
func (e *Effects) sameFlow(other, site ssa.CallInstruction) bool {
	mine := e.rootsOf(site.Parent())
	return !slices.ContainsFunc(e.rootsOf(other.Parent()), func(r *program.Root) bool { return !slices.Contains(mine, r) })
}

// mayComeFirst tells whether one call can be made before another in a function that leads to both.
func (e *Effects) mayComeFirst(first, then ssa.CallInstruction) bool {
	before, after := e.leadingTo(first), e.leadingTo(then)
	for fn, sites := range before {
		for _, a := range sites {
			if slices.ContainsFunc(after[fn], func(b ssa.Instruction) bool { return MayPrecede(a, b) }) {
				return true
			}
		}
	}
	return false
}

// leadingTo lists, by function, the calls that lead to a call by a few steps, and itself.
func (e *Effects) leadingTo(site ssa.CallInstruction) map[*ssa.Function][]ssa.Instruction {
	out := make(map[*ssa.Function][]ssa.Instruction)
	level := []ssa.CallInstruction{site}
	for range errorFateDepth {
		var next []ssa.CallInstruction
		for _, at := range level {
			fn := at.Parent()
			if slices.Contains(out[fn], ssa.Instruction(at)) {
				continue
			}
			out[fn] = append(out[fn], at)
			for _, edge := range e.Program.Callers(fn) {
				next = append(next, edge.Site)
			}
		}
		level = next
	}
	return out
}
