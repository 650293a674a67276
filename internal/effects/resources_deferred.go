// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// PilesUp returns the defer statement that stops a resource only when the function is left, although a loop that waits
// comes back to open the next one; nil if there is none.
func (g *Goroutines) PilesUp(r Resource) *ssa.Defer {
	if !InLoop(r.Site) {
		return nil
	}
	names := g.namesOf(r)
	for site := range program.Sites(r.Site.Parent()) {
		d, ok := site.(*ssa.Defer)
		if !ok || !InLoop(d) || !g.lets(d, names) || !Before(r.Site, d) || !After(d, r.Site) {
			continue
		}
		if waitsBetween(d, r.Site) {
			return d
		}
	}
	return nil
}

// ContextPile is a context that each round of a loop derives anew, and that ends only when the function is left.
type ContextPile struct {
	Made  ssa.CallInstruction
	Defer *ssa.Defer
}

// ContextPiles returns the contexts of a function whose cancel function is deferred in the loop that derives them, where a
// loop that waits comes back to derive the next one.
func ContextPiles(fn *ssa.Function) []ContextPile {
	var out []ContextPile
	for site := range program.Sites(fn) {
		if !InLoop(site) {
			continue
		}
		d := derivationAt(site)
		if d == nil || fewRounds(LoopOf(site.Block())) {
			continue
		}
		for _, cancel := range d.deferred {
			if InLoop(cancel) && Before(site, cancel) && After(cancel, site) && waitsBetween(cancel, site) {
				out = append(out, ContextPile{site, cancel})
				break
			}
		}
	}
	return out
}

// deferredBefore tells whether a defer statement that every way to the resource passes stops whatever a variable holds in
// the end, and the resource is kept in that variable.
func (g *Goroutines) deferredBefore(r Resource, names []ssa.Value) bool {
	for site := range program.Sites(r.Site.Parent()) {
		d, ok := site.(*ssa.Defer)
		if !ok || !d.Block().Dominates(r.Site.Block()) || !Before(d, r.Site) {
			continue
		}
		if closure, ok := d.Call.Value.(*ssa.MakeClosure); ok && g.closureStops(closure, names) {
			return true
		}
	}
	return false
}

// fewRounds tells whether a loop counts its rounds up to a small constant.
func fewRounds(loop []*ssa.BasicBlock) bool {
	for _, b := range loop {
		for _, instr := range b.Instrs {
			cmp, ok := instr.(*ssa.BinOp)
			if !ok || cmp.Op != token.LSS && cmp.Op != token.LEQ {
				continue
			}
			most, ok := cmp.Y.(*ssa.Const)
			basic, isBasic := cmp.X.Type().Underlying().(*types.Basic)
			if ok && isBasic && basic.Info()&types.IsInteger != 0 && most.Value != nil && most.Int64() <= maxRounds {
				return true
			}
		}
	}
	return false
}

// maxRounds is how many rounds are few.
const maxRounds = 20

// waitsBetween tells whether control that goes from one instruction back to another waits on each way: each round takes
// its time, and how many there are is not given by data.
func waitsBetween(from, to ssa.Instruction) bool {
	reached := false
	w := &Paths{Ends: func(instr ssa.Instruction) bool {
		reached = reached || instr == to
		_, returns := instr.(*ssa.Return)
		return returns || instr == to || waits(instr)
	}}
	w.ExitAfter(from)
	return !reached
}

// waits tells whether an instruction is a sleep, a receive or a choice that blocks.
func waits(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.Select:
		return x.Blocking
	case *ssa.Call:
		row := program.Model(x)
		return row != nil && row.Effect == kube.Block
	case *ssa.UnOp:
		return x.Op == token.ARROW
	}
	return false
}
