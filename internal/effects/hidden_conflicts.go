// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Hidden is a write whose conflict somebody waits for, and whose error comes up as text only: who waits cannot tell a conflict
// from other failures.
type Hidden struct {
	// Repeat is the call that runs the attempts, or that asks whether an error is a conflict.
	Repeat ssa.CallInstruction
	// Write gives the conflict, Made is where another error is made of its text.
	Write *ssa.Call
	Made  ssa.Instruction
}

// HiddenConflicts returns the writes below a retry on conflict, or behind a test for one, whose conflicts it does not see, in
// source order.
func (e *Effects) HiddenConflicts() []Hidden {
	var out []Hidden
	for _, r := range e.Retries() {
		if write, made := e.hiddenIn(r.Body, 0); made != nil {
			out = append(out, Hidden{Repeat: r.Site, Write: write, Made: made})
		}
	}
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if test, ok := site.(*ssa.Call); ok {
				if write, made := e.testedInVain(test); made != nil {
					out = append(out, Hidden{Repeat: test, Write: write, Made: made})
				}
			}
		}
	}
	return out
}

// testedInVain looks at a test whether an error is a conflict, where the error comes from one own function that makes others of
// all conflicts that it meets.
func (e *Effects) testedInVain(test *ssa.Call) (write *ssa.Call, made ssa.Instruction) {
	row := program.Model(test)
	if row == nil || row.Effect != kube.ErrorFilter || row.Name != "IsConflict" {
		return nil, nil
	}
	err := test.Call.Args[0]
	if ex, ok := err.(*ssa.Extract); ok {
		err = ex.Tuple
	}
	call, ok := err.(*ssa.Call)
	if !ok || program.Model(call) != nil {
		return nil, nil // of more than one origin, or the error of a write itself
	}
	callees := e.Program.Static(call)
	if len(callees) != 1 || e.conflictSeen(callees[0], 0) {
		return nil, nil
	}
	return e.hiddenIn(callees[0], 0)
}

// conflictSeen tells whether an error that fn returns may be a conflict: that of a write as it is, or one from out of sight.
func (e *Effects) conflictSeen(fn *ssa.Function, depth int) bool {
	if depth > 2 {
		return true
	}
	for _, anon := range fn.AnonFuncs {
		if errors := anon.Signature.Results(); errors.Len() > 0 {
			return true // what it gives comes back in ways that are not followed
		}
	}
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || errorResult(call) == nil || !e.walkText(call).visible {
			continue
		}
		row := program.Model(call)
		if row != nil && (row.Effect.IsRead() || row.Effect == kube.ErrorFilter) || makesError(call) {
			continue // a read meets no conflict
		}
		callees := e.Program.Static(call)
		if row != nil || len(callees) != 1 || e.conflictSeen(callees[0], depth+1) {
			return true
		}
	}
	return false
}

// makesError tells whether a call makes an error of nothing but text.
func makesError(call *ssa.Call) bool {
	t := program.Target(call)
	if t == nil || t.Pkg() == nil {
		return false
	}
	return t.Name() == "New" && (t.Pkg().Path() == "errors" || t.Pkg().Path() == pkgErrors) || t.Name() == "Errorf" && (t.Pkg().Path() == "fmt" || t.Pkg().Path() == pkgErrors)
}

// hiddenIn finds a write of fn, or of an own function whose error fn returns, that comes up as text only.
func (e *Effects) hiddenIn(fn *ssa.Function, depth int) (write *ssa.Call, made ssa.Instruction) {
	if depth > 2 {
		return nil, nil
	}
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || errorResult(call) == nil {
			continue
		}
		row := program.Model(call)
		if row != nil && !versionSent(row) {
			continue
		}
		w := e.walkText(call)
		if row != nil {
			if w.made != nil && !w.visible {
				return call, w.made
			}
			continue
		}
		callees := e.Program.Static(call)
		if len(callees) != 1 {
			continue
		}
		if w.made != nil && !w.visible {
			if write := e.givesConflict(callees[0], 0); write != nil {
				return write, w.made
			}
			if write, _ := e.hiddenIn(callees[0], depth+1); write != nil {
				return write, w.made // it comes up as text already
			}
		}
		if w.returned {
			if write, made := e.hiddenIn(callees[0], depth+1); made != nil {
				return write, made
			}
		}
	}
	return nil, nil
}

// givesConflict returns a write whose error comes out of fn as it is.
func (e *Effects) givesConflict(fn *ssa.Function, depth int) *ssa.Call {
	if depth > 2 || asksForConflict(fn) {
		return nil
	}
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || errorResult(call) == nil || !e.walkText(call).returned {
			continue
		}
		if row := program.Model(call); row != nil {
			if versionSent(row) {
				return call
			}
			continue
		}
		for _, callee := range e.Program.Static(call) {
			if write := e.givesConflict(callee, depth+1); write != nil {
				return write
			}
		}
	}
	return nil
}

func (e *Effects) walkText(call *ssa.Call) *textWalk {
	w := &textWalk{e: e, seen: make(map[ssa.Value]bool)}
	w.failed(errorResult(call))
	return w
}

// blindToWrapped tells whether IsConflict looks at the error only, and not at what it wraps: so it was as long as the requests
// of typed clients took no context (client-go before 0.18).
func (e *Effects) blindToWrapped() bool {
	if e.oldMachinery == nil {
		old := slices.ContainsFunc(e.Program.Funcs, func(fn *ssa.Function) bool {
			for site := range program.Sites(fn) {
				if row := program.Model(site); row != nil && row.Effect == kube.Update && site.Common().IsInvoke() {
					params := site.Common().Signature().Params()
					return params.Len() == 1 && !program.IsNamed(params.At(0).Type(), "context", "Context")
				}
			}
			return false
		})
		e.oldMachinery = &old
	}
	return *e.oldMachinery
}
