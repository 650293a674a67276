// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// EndsWell tells whether a reconcile reports success after an instruction, and asks for no other run: in the function of the
// instruction, or, where that gives no error, in one that calls it.
func (e *Effects) EndsWell(at ssa.Instruction) bool { return e.endsWell(at, 0) }

func (e *Effects) endsWell(at ssa.Instruction, depth int) bool {
	fn := at.Parent()
	if program.ReturnsError(fn.Signature) {
		return e.leavesWellBehind(at)
	}
	if depth > 2 {
		return false
	}
	for _, edge := range e.Program.Callers(fn) {
		if edge.How == program.Calls && edge.Arg < 0 && !e.Program.InTest(edge.Caller()) && e.endsWell(edge.Site, depth+1) {
			return true
		}
	}
	return false
}

// leavesWellBehind tells whether a reconcile can be left behind an instruction with success and without asking for another run,
// while no status is written in between.
func (e *Effects) leavesWellBehind(at ssa.Instruction) bool {
	for _, b := range at.Parent().Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if ok && MayPrecede(at, ret) && endsReconcileWell(ret) && !e.writesStatusBetween(at, ret) {
			return true
		}
	}
	return false
}

// endsReconcileWell tells whether a return gives the result of a reconcile that is done with its object.
func endsReconcileWell(ret *ssa.Return) bool {
	result := false
	for _, res := range ret.Results {
		if isResult(res.Type()) {
			result = true
			if !isZero(res) {
				return false
			}
		}
		if c, isConst := res.(*ssa.Const); isErrorType(res.Type()) && (!isConst || c.Value != nil) {
			return false
		}
	}
	return result // without one the caller knows what becomes of it
}

func (e *Effects) writesStatusBetween(at, ret ssa.Instruction) bool {
	for site := range program.Sites(at.Parent()) {
		if site == at || !MayPrecede(at, site) || !MayPrecede(site, ret) {
			continue
		}
		if row := program.Model(site); row != nil && writesStatusHalf(row) {
			return true
		}
		for _, callee := range e.Program.Static(site) {
			writes, opaque := e.WritesBelow(callee)
			if opaque || slices.ContainsFunc(writes, func(w Reached) bool { return writesStatusHalf(w.Call) }) {
				return true
			}
		}
	}
	return false
}

func writesStatusHalf(row *kube.Call) bool {
	return row.Effect == kube.UpdateStatus || row.Effect == kube.PatchStatus || row.Effect == kube.ApplyStatus
}
