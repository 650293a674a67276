// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Raised is a variable of around that the body of a retry counts up, or appends to, each time it is run.
type Raised struct {
	Repeat ssa.CallInstruction
	// At changes the variable, Write is the request behind it whose conflict repeats the body.
	At    *ssa.Store
	Write *ssa.Call
	// Name is the variable's name.
	Name string
	// Appends is set where a list gets another element.
	Appends bool
}

// RaisedInRetries returns these variables, in source order of the retries.
func (e *Effects) RaisedInRetries() []Raised {
	var out []Raised
	for _, r := range append(slices.Clone(e.Retries()), e.ownRetries()...) {
		for _, b := range r.Body.Blocks {
			for _, instr := range b.Instrs {
				st, ok := instr.(*ssa.Store)
				if !ok {
					continue
				}
				free, ok := st.Addr.(*ssa.FreeVar)
				if !ok {
					continue
				}
				appends, raises := raisesVariable(st, free)
				if !raises || setBefore(st, free) || !e.usedAfter(r, free) || asksItself(r.Body, st, free) || e.countsFailures(r.Body, st) {
					continue
				}
				if write := e.conflictBehind(r.Body, st); write != nil {
					out = append(out, Raised{Repeat: r.Site, At: st, Write: write, Name: free.Name(), Appends: appends})
				}
			}
		}
	}
	return out
}

// raisesVariable tells whether a variable is set to its own value plus something, or with one more element. Errors are collected
// on purpose.
func raisesVariable(st *ssa.Store, free *ssa.FreeVar) (appends, raises bool) {
	loaded := func(v ssa.Value) bool {
		load, ok := v.(*ssa.UnOp)
		return ok && load.Op == token.MUL && load.X == free
	}
	switch x := st.Val.(type) {
	case *ssa.BinOp:
		basic, ok := x.Type().Underlying().(*types.Basic)
		_, one := x.Y.(*ssa.Const) // times and sizes are summed up on purpose
		return false, ok && basic.Info()&types.IsInteger != 0 && !isDuration(x.Type()) && x.Op == token.ADD && loaded(x.X) && one
	case *ssa.Call:
		if !isBuiltin(x, "append") || !loaded(x.Call.Args[0]) {
			return false, false
		}
		list, ok := x.Type().Underlying().(*types.Slice)
		return true, ok && !isErrorType(list.Elem())
	}
	return false, false
}

// setBefore tells whether the body gives the variable a value of its own first: each run starts anew.
func setBefore(st *ssa.Store, free *ssa.FreeVar) bool {
	for _, ref := range *free.Referrers() {
		if other, ok := ref.(*ssa.Store); ok && other != st && other.Addr == free && MustPrecede(other, st) {
			return true
		}
	}
	return false
}

// usedAfter tells whether the function around reads the variable behind the retry.
func (e *Effects) usedAfter(r *Retry, free *ssa.FreeVar) bool {
	for _, cell := range e.Program.Bindings(free) {
		alloc, ok := cell.(*ssa.Alloc)
		if !ok || alloc.Parent() != r.Site.Parent() {
			continue
		}
		for _, ref := range *alloc.Referrers() {
			if load, ok := ref.(*ssa.UnOp); ok && load.Op == token.MUL && MayPrecede(r.Site, load) {
				return true
			}
		}
	}
	return false
}

// asksItself tells whether the body looks at the variable for more than raising it: it counts its own runs.
func asksItself(body *ssa.Function, st *ssa.Store, free *ssa.FreeVar) bool {
	for _, ref := range *free.Referrers() {
		load, ok := ref.(*ssa.UnOp)
		if !ok || load.Parent() != body {
			continue
		}
		for _, use := range *load.Referrers() {
			if v, isValue := use.(ssa.Value); !isValue || v != st.Val {
				return true
			}
		}
	}
	return false
}

// countsFailures tells whether an instruction runs only where a call has failed.
func (e *Effects) countsFailures(body *ssa.Function, at ssa.Instruction) bool {
	for site := range program.Sites(body) {
		call, ok := site.(*ssa.Call)
		if !ok {
			continue
		}
		if slices.Contains(e.FailureBlocks(call), at.Block()) {
			return true
		}
	}
	return false
}

// conflictBehind returns a write whose failure the body returns, where that can happen after an instruction: one behind it, or one
// before it that it does not wait for the success of.
func (e *Effects) conflictBehind(body *ssa.Function, at ssa.Instruction) *ssa.Call {
	for site := range program.Sites(body) {
		call, ok := site.(*ssa.Call)
		if !ok || errorResult(call) == nil || !e.sendsVersion(call) {
			continue
		}
		behind := MayPrecede(at, call) && !MayPrecede(call, at)
		if !behind && (!MustPrecede(call, at) || knownNil(errorResult(call), at.Block())) {
			continue
		}
		if w := e.walkText(call); w.returned {
			return call
		}
	}
	return nil
}

// sendsVersion tells whether a call is a write that may conflict, or one of an own function out of which such an error comes.
func (e *Effects) sendsVersion(call *ssa.Call) bool {
	if row := program.Model(call); row != nil {
		return versionSent(row)
	}
	return slices.ContainsFunc(e.Program.Static(call), func(callee *ssa.Function) bool { return e.givesConflict(callee, 0) != nil })
}

// ownRetries returns the closures that own helpers run again after a conflict: in a loop, or in a condition that is polled.
func (e *Effects) ownRetries() []*Retry {
	var out []*Retry
	polled := make(map[*ssa.Function]bool)
	for _, p := range e.Polls() {
		polled[p.Body] = true
	}
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if program.Model(site) != nil {
				continue
			}
			for _, arg := range site.Common().Args {
				made, ok := arg.(*ssa.MakeClosure)
				if !ok {
					continue
				}
				body := made.Fn.(*ssa.Function)
				if slices.ContainsFunc(e.Program.Callers(body), func(edge program.Edge) bool {
					by := edge.Site.Parent()
					dynamic := edge.Site.Common().StaticCallee() == nil && !edge.Site.Common().IsInvoke()
					return dynamic && edge.Arg < 0 && asksForConflict(by) && (polled[by] || SameLoop(edge.Site, edge.Site))
				}) {
					out = append(out, &Retry{Site: site, Body: body})
				}
			}
		}
	}
	return out
}
