// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Guarded tells whether an instruction runs at most once, or only under a condition on state that outlives the call: inside
// sync.Once, behind a flag, a lookup or a receive, or in a function that recovers. It says yes when in doubt.
func (e *Effects) Guarded(instr ssa.Instruction) bool {
	return e.guarded(instr, 0)
}

func (e *Effects) guarded(instr ssa.Instruction, depth int) bool {
	if depth > 3 || conditional(instr, nil) {
		return true
	}
	fn := instr.Parent()
	callers := e.Program.Callers(fn)
	if len(callers) == 0 {
		return false
	}
	for _, edge := range callers {
		if isOnce(edge.Site) {
			continue
		}
		if edge.How == program.Starts || !e.guarded(edge.Site, depth+1) {
			return false
		}
	}
	return true
}

// Unguarded tells whether a call of from leads to an instruction on a way that no condition on state which outlives the
// call decides.
func (e *Effects) Unguarded(from *ssa.Function, instr ssa.Instruction) bool {
	if conditional(instr, nil) {
		return false
	}
	seen := map[*ssa.Function]bool{instr.Parent(): true}
	for queue := []*ssa.Function{instr.Parent()}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == from {
			return true
		}
		for _, edge := range e.Program.Callers(queue[0]) {
			if caller := edge.Caller(); edge.How != program.Starts && !seen[caller] && !isOnce(edge.Site) && !edge.UnderOnce() && !conditional(edge.Site, nil) {
				seen[caller] = true
				queue = append(queue, caller)
			}
		}
	}
	return false
}

// conditional tells whether an instruction runs only under a condition on state that outlives the call, or in a function
// that recovers. Branches that are excused count for nothing.
func conditional(instr ssa.Instruction, excused func(*ssa.If) bool) bool {
	fn := instr.Parent()
	if recovers(fn) {
		return true
	}
	for b := instr.Block(); b != nil; b = b.Idom() {
		if b == instr.Block() || b.Idom() == nil && b != fn.Blocks[0] {
			continue
		}
		cond, ok := last(b).(*ssa.If)
		if ok && leadsTo(b, instr.Block()) && onState(cond.Cond, 0) && (excused == nil || !excused(cond)) {
			return true
		}
	}
	return false
}

// leadsTo tells whether a branch decides if target runs: one side leads there, another gets past it.
func leadsTo(b, target *ssa.BasicBlock) bool {
	toward, past := false, false
	w := &Paths{Ends: func(instr ssa.Instruction) bool { return instr.Block() == target }}
	for _, to := range b.Succs {
		if to == target || to.Dominates(target) {
			toward = true
		} else if w.ExitOn(Edge{b, to}) != nil {
			past = true
		}
	}
	return toward && past
}

// onState tells whether a condition looks at more than the results of the calls before it.
func onState(v ssa.Value, depth int) bool {
	if depth > 6 {
		return true
	}
	switch x := v.(type) {
	case *ssa.BinOp:
		return onState(x.X, depth+1) || onState(x.Y, depth+1)
	case *ssa.UnOp:
		if x.Op == token.NOT {
			return onState(x.X, depth+1)
		}
		return true
	case *ssa.Extract:
		if call, ok := x.Tuple.(*ssa.Call); ok {
			return !isErrorType(x.Type()) || call.Common().IsInvoke()
		}
		return true
	case *ssa.Call:
		return !isErrorType(x.Type())
	case *ssa.Const, *ssa.Parameter:
		return false
	}
	return true
}

// isOnce tells whether a call is of (*sync.Once).Do, sync.OnceFunc or their like.
func isOnce(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "sync" {
		return false
	}
	switch target.Name() {
	case "Do", "OnceFunc", "OnceValue", "OnceValues":
		return true
	}
	return false
}

// recovers tells whether fn defers a function that calls recover and does not panic again. HandleCrash of apimachinery does
// panic again: its ReallyCrash is true by default (pkg/util/runtime/runtime.go).
func recovers(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		d, ok := site.(*ssa.Defer)
		if !ok {
			continue
		}
		var body *ssa.Function
		switch f := d.Call.Value.(type) {
		case *ssa.Function:
			body = f
		case *ssa.MakeClosure:
			body, _ = f.Fn.(*ssa.Function)
		}
		if body != nil && callsRecover(body) && !panics(body) {
			return true
		}
	}
	return false
}

func callsRecover(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		if b, ok := site.Common().Value.(*ssa.Builtin); ok && b.Name() == "recover" {
			return true
		}
	}
	return false
}

func panics(fn *ssa.Function) bool {
	return slices.ContainsFunc(fn.Blocks, func(b *ssa.BasicBlock) bool {
		_, again := b.Instrs[len(b.Instrs)-1].(*ssa.Panic)
		return again
	})
}

// Recovers tells whether fn has a deferred function that recovers from panics.
func (e *Effects) Recovers(fn *ssa.Function) bool { return recovers(fn) }

// TestedNonNil tells whether an instruction runs only where a test of the same variable or field said that it is not nil.
func (e *Effects) TestedNonNil(v ssa.Value, at ssa.Instruction) bool {
	name := e.Variable(v)
	if name == "" {
		return false
	}
	for _, b := range at.Parent().Blocks {
		test, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		op, ok := test.Cond.(*ssa.BinOp)
		if !ok || op.Op != token.NEQ && op.Op != token.EQL || e.Variable(op.X) != name || !program.IsNil(op.Y) {
			continue
		}
		there := b.Succs[0]
		if op.Op == token.EQL {
			there = b.Succs[1]
		}
		if len(there.Preds) == 1 && there.Dominates(at.Block()) {
			return true
		}
	}
	return false
}

// LocksAround returns the mutexes, by the place that holds them, that are locked on every way to an instruction of its own
// function and not unlocked before it.
func (e *Effects) LocksAround(instr ssa.Instruction) map[string]bool {
	held := make(map[string]bool)
	for site := range program.Sites(instr.Parent()) {
		call, ok := site.(*ssa.Call)
		if !ok || !Before(call, instr) {
			continue
		}
		target := program.Target(call)
		if target == nil || target.Pkg() == nil || target.Pkg().Path() != "sync" {
			continue
		}
		switch target.Name() {
		case "Lock", "RLock":
			held[e.Variable(program.Receiver(call))] = true
		case "Unlock", "RUnlock":
			delete(held, e.Variable(program.Receiver(call)))
		}
	}
	return held
}

// Variable names the variable or field that an address stands for, the same for all uses of it in the program.
func (e *Effects) Variable(addr ssa.Value) string {
	switch a := addr.(type) {
	case *ssa.FieldAddr:
		if key, ok := program.FieldKeyOf(a.X.Type(), a.Field); ok {
			if pkg := key.Type.Obj().Pkg(); pkg != nil {
				return pkg.Path() + "." + key.String()
			}
			return key.String()
		}
	case *ssa.Global:
		return a.String()
	case *ssa.UnOp:
		if a.Op == token.MUL {
			return e.Variable(a.X)
		}
	case *ssa.Parameter, *ssa.FreeVar, *ssa.Call, *ssa.Phi:
		if src := e.Program.Sources(addr).Values; len(src) == 1 && src[0] != addr {
			return e.Variable(src[0])
		}
	}
	if addr == nil {
		return ""
	}
	if addr.Parent() != nil {
		return addr.Parent().String() + "." + addr.Name()
	}
	return addr.Name()
}
