// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LostGroup is a group of goroutines whose own context nobody uses, so that the first error ends none of the others.
type LostGroup struct {
	// Made is the call that makes the group, Wait the one that waits for it.
	Made, Wait ssa.CallInstruction
	// Work is what one of its goroutines waits for.
	Work ssa.CallInstruction
}

// LostGroups returns the groups that throw their context away and whose goroutines wait for something outside of the
// process, or for a library of which that is not known; in source order.
func (e *Effects) LostGroups() []LostGroup {
	var out []LostGroup
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			wait := groupWait(site)
			if wait == nil || isUsed(tupleElement(site, 1)) || !isUsed(wait.Value()) {
				continue // there is no other error to return early with: each goroutine keeps its own
			}
			if work := e.groupWork(fn); work != nil {
				out = append(out, LostGroup{site, wait, work})
			}
		}
	}
	return out
}

func isUsed(v ssa.Value) bool {
	if v == nil || v.Referrers() == nil {
		return false
	}
	for _, ref := range *v.Referrers() {
		if _, debug := ref.(*ssa.DebugRef); !debug {
			return true
		}
	}
	return false
}

// groupWork returns a call that a goroutine of the groups in fn waits for, or nil.
func (e *Effects) groupWork(fn *ssa.Function) ssa.CallInstruction {
	for _, edge := range e.Program.CallsFrom(fn) {
		target := program.Target(edge.Site)
		if edge.How != program.Starts || target == nil || target.Pkg() == nil || target.Pkg().Path() != errgroupPkg {
			continue
		}
		if work := e.awaited(edge.Callee, 0); work != nil {
			return work
		}
	}
	return nil
}

// awaited returns a call of fn, or of what it calls, that leaves the process: a request, or the method of a library's
// interface that can fail.
func (e *Effects) awaited(fn *ssa.Function, depth int) ssa.CallInstruction {
	if depth == 4 {
		return nil
	}
	if path := e.Work().Reach(fn); path != nil {
		return path.Last()
	}
	for site := range program.Sites(fn) {
		if e.asksLibrary(site) {
			return site
		}
		for _, callee := range e.Program.Static(site) {
			if work := e.awaited(callee, depth+1); work != nil {
				return work
			}
		}
	}
	return nil
}

// asksLibrary tells whether a call is of an interface that a library declares, not the standard one, and can fail.
func (e *Effects) asksLibrary(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || !site.Common().IsInvoke() || e.Program.OwnPackage(target.Pkg()) || program.Model(site) != nil {
		return false
	}
	if host, _, _ := strings.Cut(target.Pkg().Path(), "/"); !strings.Contains(host, ".") {
		return false
	}
	results := target.Signature().Results()
	return results.Len() > 1 && isErrorType(results.At(results.Len()-1).Type())
}
