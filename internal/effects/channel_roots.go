// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Goroutine is where a goroutine begins: a go statement (or a call that hands a function to a new goroutine), or a
// function that nothing in own code calls.
type Goroutine struct {
	Func *ssa.Function
	// Start is the call that starts it; nil where execution enters from outside.
	Start ssa.CallInstruction
}

// GoroutinesOf returns the goroutines that can run fn, in the order in which the walk back over its callers meets them.
func (e *Effects) GoroutinesOf(fn *ssa.Function) []Goroutine {
	if known, ok := e.conc.roots[fn]; ok {
		return known
	}
	var out []Goroutine
	seen := map[*ssa.Function]bool{fn: true}
	entered := func(at *ssa.Function) {
		if len(e.Program.Callers(at)) == 0 {
			out = append(out, Goroutine{Func: at})
		}
	}
	entered(fn)
	e.Program.Backwards(fn, func(edge program.Edge) bool {
		if edge.How == program.Starts {
			if g := (Goroutine{edge.Callee, edge.Site}); !slices.Contains(out, g) {
				out = append(out, g)
			}
			return false
		}
		if caller := edge.Caller(); !seen[caller] {
			seen[caller] = true
			entered(caller)
		}
		return true
	})
	if e.conc.roots == nil {
		e.conc.roots = make(map[*ssa.Function][]Goroutine)
	}
	e.conc.roots[fn] = out
	return out
}

// Reach returns the functions that a call of fn can run in the same goroutine, fn included.
func (e *Effects) Reach(fn *ssa.Function) map[*ssa.Function]bool {
	if known, ok := e.conc.reached[fn]; ok {
		return known
	}
	set := map[*ssa.Function]bool{fn: true}
	for queue := []*ssa.Function{fn}; len(queue) > 0; queue = queue[1:] {
		for _, edge := range e.Program.CallsFrom(queue[0]) {
			if edge.How != program.Starts && !set[edge.Callee] {
				set[edge.Callee] = true
				queue = append(queue, edge.Callee)
			}
		}
	}
	if e.conc.reached == nil {
		e.conc.reached = make(map[*ssa.Function]map[*ssa.Function]bool)
	}
	e.conc.reached[fn] = set
	return set
}

// MayRun tells whether a call instruction can run, in its own goroutine or in one that it starts, a function of the set.
func (e *Effects) MayRun(site ssa.CallInstruction, set map[*ssa.Function]bool) bool {
	for _, edge := range e.Program.Callees(site) {
		for fn := range e.Reach(edge.Callee) {
			if set[fn] {
				return true
			}
		}
	}
	return false
}

// OncePerProcess tells whether fn runs only on behalf of the start of the process or of what lives as long as it does: what
// it leaves behind is left once. Code that nothing is known to enter, or tests alone, counts as run often.
func (e *Effects) OncePerProcess(fn *ssa.Function) bool {
	once := false
	for _, entry := range e.Program.EntriesOf(fn) {
		switch entry.Kind {
		case program.EntryTest:
		case program.EntryMain, program.EntryRunnable, program.EntryElected:
			once = true
		default:
			return false
		}
	}
	return once
}

// NilField tells whether a channel operand is read from an unexported field of own code that nothing ever sets.
func (e *Effects) NilField(v ssa.Value) (program.FieldKey, bool) {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return program.FieldKey{}, false
	}
	addr, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return program.FieldKey{}, false
	}
	key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field)
	if !ok || !e.Program.OwnType(key.Type) || key.Var() == nil || key.Var().Exported() {
		return program.FieldKey{}, false
	}
	if e.Program.HalfRead(key.Type.Obj().Pkg()) {
		return program.FieldKey{}, false // the assignment may be what was not read
	}
	return key, len(e.Program.FieldStores(key)) == 0
}

// AsideOf tells whether other runs in goroutines that own code starts, and never in the one that entry begins.
func (e *Effects) AsideOf(entry, other *ssa.Function) bool {
	roots := e.GoroutinesOf(other)
	for _, g := range roots {
		if g.Start == nil || g.Func == entry {
			return false
		}
	}
	return len(roots) > 0
}
