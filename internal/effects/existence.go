// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Existence is a look at the API for objects of a kind, whose answer decides whether something runs.
type Existence struct {
	// Read is the look, in the function that asks.
	Read *Event
	// Branch is where the answer decides.
	Branch *ssa.If
	// Fresh says whether the look is into a cache, Because where its client was made.
	Fresh   program.Freshness
	Because string
}

// existenceDepth bounds the callers that are asked what they tested.
const existenceDepth = 4

// ExistenceOf returns the looks for objects of a kind that decide whether instr runs, in its function and in those that
// call it, the closest first.
func (e *Effects) ExistenceOf(instr ssa.Instruction, kind kube.Kind) []Existence {
	w := &existenceWalk{e: e, kind: kind, seen: make(map[ssa.Instruction]bool), told: make(map[ssa.Instruction]bool)}
	w.at(instr, 0)
	return w.out
}

type existenceWalk struct {
	e    *Effects
	kind kube.Kind
	seen map[ssa.Instruction]bool
	told map[ssa.Instruction]bool // reads in out
	out  []Existence
}

// at looks at the conditions of instr, then at those of the calls that lead to its function.
func (w *existenceWalk) at(instr ssa.Instruction, depth int) {
	if w.seen[instr] {
		return
	}
	w.seen[instr] = true
	conditions := Conditions(instr.Block())
	for i := len(conditions) - 1; i >= 0; i-- {
		w.condition(conditions[i], conditions[i].Cond, 0)
	}
	if depth == existenceDepth || w.e.Program.EntryAt(instr.Parent()) != nil {
		return
	}
	for _, edge := range w.e.Program.Callers(instr.Parent()) {
		if !w.e.Program.InTest(edge.Caller()) {
			w.at(edge.Site, depth+1)
		}
	}
}

// condition finds the reads behind a condition. A flag that branches set (found := false; for … { found = true }) stands
// for the conditions of these branches.
func (w *existenceWalk) condition(branch *ssa.If, cond ssa.Value, depth int) {
	fn := branch.Parent()
	d := w.e.DepsOf(fn, cond)
	for _, p := range d.Places {
		w.reads(branch, fn, func(ev *Event) bool { return ev.Root == p.Root })
	}
	for _, call := range d.Calls {
		w.reads(branch, call.Parent(), func(ev *Event) bool { return ev.Origin == ssa.Instruction(call) })
		for _, callee := range w.e.Program.Static(call) {
			if w.answers(callee) {
				w.reads(branch, callee, func(*Event) bool { return true })
			}
		}
	}
	if depth > 2 {
		return
	}
	for _, phi := range flags(cond) {
		for _, pred := range phi.Block().Preds {
			for _, inner := range Conditions(pred) {
				w.condition(branch, inner.Cond, depth+1)
			}
		}
	}
}

// reads keeps the reads of the kind among the events of fn.
func (w *existenceWalk) reads(branch *ssa.If, fn *ssa.Function, fits func(*Event) bool) {
	for _, ev := range w.e.Events(fn) {
		if ev.Kind != Read || w.told[ev.Origin] || !fits(ev) {
			continue
		}
		if k, ok := kube.KindOf(ev.Type); !ok || !k.Same(w.kind) {
			continue
		}
		if call, ok := ev.Origin.(*ssa.Call); ok && w.e.refusesMissing(ev, call) {
			continue // what is missing is an error: nothing is made because of it
		}
		w.told[ev.Origin] = true
		fresh, because := w.e.Freshness(ev)
		w.out = append(w.out, Existence{Read: ev, Branch: branch, Fresh: fresh, Because: because})
	}
}

// answers tells whether a function can tell its caller if objects of the kind exist: it returns some, a list, a number
// of them, or yes and no.
func (w *existenceWalk) answers(fn *ssa.Function) bool {
	results := fn.Signature.Results()
	for i := range results.Len() {
		t := results.At(i).Type()
		if k, ok := kube.KindOf(elemOfSlice(t)); ok && k.Same(w.kind) || isBoolOrInt(t) {
			return true
		}
	}
	return false
}

// flags returns the phis of constants that a condition is made of.
func flags(cond ssa.Value) []*ssa.Phi {
	switch x := cond.(type) {
	case *ssa.UnOp:
		return flags(x.X)
	case *ssa.BinOp:
		return append(flags(x.X), flags(x.Y)...)
	case *ssa.Phi:
		return []*ssa.Phi{x}
	}
	return nil
}

func elemOfSlice(t types.Type) types.Type {
	if s, ok := t.Underlying().(*types.Slice); ok {
		return s.Elem()
	}
	return t
}

func isBoolOrInt(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsBoolean|types.IsInteger) != 0
}
