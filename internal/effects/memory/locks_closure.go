// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// passedTo returns the one call that is given a closure, if that call runs it before it returns and nobody else can: it
// runs under what its maker holds there, whatever others hold who give the same function closures of their own.
func (l *Locks) passedTo(fn *ssa.Function) *ssa.Call {
	if fn.Parent() == nil {
		return nil
	}
	closure := madeIn(fn)
	if closure == nil || l.program.EntryAt(fn) != nil {
		return nil
	}
	site := onlyUse(closure)
	callers := l.program.Callers(fn)
	if site == nil || len(callers) == 0 {
		return nil
	}
	var run []*ssa.Function
	for _, e := range l.program.Callees(site) {
		if e.How == program.Calls && e.Callee != fn {
			run = append(run, e.Callee)
		}
	}
	for _, e := range callers {
		if e.How == program.Starts || e.Site != ssa.CallInstruction(site) && !l.partOf(e.Caller(), run) {
			return nil
		}
		if _, plain := e.Site.(*ssa.Call); !plain {
			return nil
		}
	}
	return site
}

// partOf tells whether a function is one of those that a call runs, or a part of one that waits for all it starts.
func (l *Locks) partOf(fn *ssa.Function, run []*ssa.Function) bool {
	return slices.ContainsFunc(run, func(outer *ssa.Function) bool {
		return fn == outer || encloses(outer, fn) && !l.program.Concurrency().Leaves(outer)
	})
}

// madeIn returns the one place where a function's parent makes the closure.
func madeIn(fn *ssa.Function) *ssa.MakeClosure {
	var found *ssa.MakeClosure
	for _, b := range fn.Parent().Blocks {
		for _, instr := range b.Instrs {
			closure, ok := instr.(*ssa.MakeClosure)
			if !ok || closure.Fn != fn {
				continue
			}
			if found != nil {
				return nil
			}
			found = closure
		}
	}
	return found
}

// onlyUse returns the plain call that is all a value is used for, as an argument.
func onlyUse(v ssa.Value) *ssa.Call {
	var found *ssa.Call
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.DebugRef:
		case *ssa.ChangeType:
			if found != nil {
				return nil
			}
			if found = onlyUse(x); found == nil {
				return nil
			}
		case *ssa.Call:
			if found != nil || x.Call.Value == v {
				return nil
			}
			found = x
		default:
			return nil
		}
	}
	return found
}

// heldByMaker names the locks that are held where a closure is handed over, as the closure would.
func (l *Locks) heldByMaker(closure *ssa.Function, site *ssa.Call) []Holding {
	var out []Holding
	for _, h := range l.Held(site) {
		h.Site = nil
		if root, ok := h.Lock.Ref.Root.(interface{ Parent() *ssa.Function }); ok && !encloses(root.Parent(), closure) {
			if _, global := h.Lock.Ref.Root.(*ssa.Global); !global {
				h.Lock.Ref = Ref{}
			}
		}
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}
