// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/ast"
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// SharedRound is a variable of a loop that all rounds share, and that something which outlives its round refers to.
type SharedRound struct {
	Var *ssa.Alloc
	// At gives the variable to what outlives the round; Started is set for a goroutine, which is told apart from a list or
	// a map that keeps a pointer.
	At      ssa.Instruction
	Started bool
	// Inside is the closure of a helper that runs as the goroutine; nil where At starts it.
	Inside *ssa.MakeClosure
}

// SharedRounds returns them for the loops of fn, in source order. Since Go 1.22 each round has a variable of its own
// (https://go.dev/blog/loopvar-preview), which is made in the loop and not before it.
func (e *Effects) SharedRounds(fn *ssa.Function) []SharedRound {
	names := loopNames(fn.Syntax())
	if len(names) == 0 {
		return nil
	}
	var out []SharedRound
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			v, ok := instr.(*ssa.Alloc)
			if !ok || !v.Heap || !names[v.Pos()] {
				continue
			}
			if shared, ok := e.outlivesRound(v); ok {
				out = append(out, shared)
			}
		}
	}
	return out
}

// loopNames returns where the loops of a function declare variables.
func loopNames(syntax ast.Node) map[token.Pos]bool {
	names := make(map[token.Pos]bool)
	if syntax == nil {
		return names
	}
	declare := func(tok token.Token, exprs ...ast.Expr) {
		for _, x := range exprs {
			if x != nil && tok == token.DEFINE {
				names[x.Pos()] = true
			}
		}
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.RangeStmt:
			declare(n.Tok, n.Key, n.Value)
		case *ast.ForStmt:
			if init, ok := n.Init.(*ast.AssignStmt); ok {
				declare(init.Tok, init.Lhs...)
			}
		}
		return true
	})
	return names
}

// outlivesRound looks for the first use of a loop's variable that goes on when the next round sets it.
func (e *Effects) outlivesRound(v *ssa.Alloc) (SharedRound, bool) {
	if at := keptInList(v); at != nil && e.setAgain(v, at, false) {
		return SharedRound{Var: v, At: at}, true
	}
	for _, ref := range refs(v) {
		at, started := ref, true
		var inside *ssa.MakeClosure
		switch x := ref.(type) {
		case *ssa.MakeClosure:
			if at = e.startedAt(x); at == nil {
				at, started = keptInList(x), false
			}
		case *ssa.Go:
		case *ssa.Call:
			if inside = e.startsWith(x, v); inside == nil {
				at = nil
			}
		default:
			at = nil
		}
		if at != nil && e.setAgain(v, at, started) {
			return SharedRound{v, at, started, inside}, true
		}
	}
	return SharedRound{}, false
}

// setAgain tells whether the next round sets the variable while what was started, or kept, in this one still refers to it:
// nothing leaves the loop before, and nobody waits.
func (e *Effects) setAgain(v *ssa.Alloc, at ssa.Instruction, started bool) bool {
	if slices.Contains(LoopOf(at.Block()), v.Block()) {
		return false // made in the loop: each round has its own
	}
	again := slices.ContainsFunc(refs(v), func(ref ssa.Instruction) bool {
		store, ok := ref.(*ssa.Store)
		return ok && store.Addr == v && After(at, store)
	})
	if !again || !started {
		return again
	}
	for _, b := range LoopOf(at.Block()) {
		for _, instr := range b.Instrs {
			if e.Program.Concurrency().Waits(instr) || waitsFor(instr) {
				return false
			}
		}
	}
	return true
}

// startedAt returns where the function of a closure starts the closure as a goroutine that it does not wait for, nil if it
// does not.
func (e *Effects) startedAt(closure *ssa.MakeClosure) ssa.Instruction {
	for _, edge := range e.Program.Callers(closure.Fn.(*ssa.Function)) {
		if edge.How == program.Starts && edge.Site.Parent() == closure.Parent() && !program.WaitsForStarted(edge.Site) {
			return edge.Site
		}
	}
	return nil
}

// startsWith returns the closure in which a function of own code that is given a pointer uses it, and which it starts as a
// goroutine; nil if there is none.
func (e *Effects) startsWith(call *ssa.Call, pointer ssa.Value) *ssa.MakeClosure {
	for _, edge := range e.Program.Callees(call) {
		if edge.How != program.Calls {
			continue
		}
		for i, param := range edge.Callee.Params {
			if program.ArgumentFor(edge, i) != pointer {
				continue
			}
			for _, alias := range append([]ssa.Value{param}, cellsOf(param)...) {
				for _, ref := range refs(alias) {
					if closure, ok := ref.(*ssa.MakeClosure); ok && e.runsAside(closure.Fn.(*ssa.Function)) {
						return closure
					}
				}
			}
		}
	}
	return nil
}

// cellsOf returns the variables that a value is stored in.
func cellsOf(v ssa.Value) []ssa.Value {
	var out []ssa.Value
	for _, ref := range refs(v) {
		if store, ok := ref.(*ssa.Store); ok && store.Val == v {
			if cell, ok := store.Addr.(*ssa.Alloc); ok {
				out = append(out, cell)
			}
		}
	}
	return out
}

// runsAside tells whether a closure runs as a goroutine, or is what a goroutine runs that a helper starts for it.
func (e *Effects) runsAside(fn *ssa.Function) bool {
	for _, edge := range e.Program.Callers(fn) {
		if edge.How == program.Starts {
			return true
		}
		for _, outer := range e.Program.Callers(edge.Caller()) {
			if outer.How == program.Starts && !enclosing(fn, edge.Caller()) {
				return true
			}
		}
	}
	return false
}

// keptInList returns where a pointer or a closure is appended to a list or stored in a map, nil where it is not.
func keptInList(v ssa.Value) ssa.Instruction {
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.MakeInterface:
			if at := keptInList(x); at != nil {
				return at
			}
		case *ssa.MapUpdate:
			if x.Value == v {
				return x
			}
		case *ssa.Store:
			if element, ok := x.Addr.(*ssa.IndexAddr); ok && x.Val == v {
				if at := appendOf(element.X); at != nil {
					return at
				}
			}
		}
	}
	return nil
}

// appendOf returns the append that is given an array of arguments, or nil.
func appendOf(array ssa.Value) ssa.Instruction {
	for _, ref := range refs(array) {
		slice, ok := ref.(*ssa.Slice)
		if !ok {
			continue
		}
		for _, use := range refs(slice) {
			if call, ok := use.(*ssa.Call); ok {
				if b, ok := call.Call.Value.(*ssa.Builtin); ok && b.Name() == "append" && call.Call.Args[1] == slice {
					return call
				}
			}
		}
	}
	return nil
}
