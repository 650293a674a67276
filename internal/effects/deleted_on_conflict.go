// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// DeletedOnConflict is a delete of an object because a write of it met a conflict.
type DeletedOnConflict struct {
	// Write gave the conflict, or leads to what did; Test asks for it, Delete follows.
	Write, Test *ssa.Call
	Delete      ssa.CallInstruction
}

// DeletesOnConflict returns these deletes, in source order.
func (e *Effects) DeletesOnConflict() []DeletedOnConflict {
	var out []DeletedOnConflict
	for fn := range e.reviewed() {
		if !asksForConflict(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			if row := program.Model(site); row == nil || row.Effect != kube.Delete {
				continue
			}
			if test, write := e.conflictLeadsTo(fn, site); test != nil {
				out = append(out, DeletedOnConflict{Write: write, Test: test, Delete: site})
			}
		}
	}
	return out
}

// conflictLeadsTo finds the test for a conflict of a write of the deleted object without which a delete is not reached.
func (e *Effects) conflictLeadsTo(fn *ssa.Function, del ssa.CallInstruction) (test, write *ssa.Call) {
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || call.Referrers() == nil {
			continue
		}
		row := program.Model(call)
		if row == nil || row.Effect != kube.ErrorFilter || row.Name != "IsConflict" {
			continue
		}
		err := call.Call.Args[0]
		write := writeOf(err)
		if write == nil || !e.meetsConflicts(write) || !e.about(fn, write, del) || !leadsOnly(fn, err, call, del) {
			continue
		}
		return call, write
	}
	return nil, nil
}

// writeOf returns the call that gives an error.
func writeOf(err ssa.Value) *ssa.Call {
	if ex, ok := err.(*ssa.Extract); ok {
		err = ex.Tuple
	}
	call, _ := err.(*ssa.Call)
	return call
}

// meetsConflicts tells whether a call sends the version of an object, itself or below it, and nothing else whose conflict means
// something else: an apply, or a delete with preconditions.
func (e *Effects) meetsConflicts(call *ssa.Call) bool {
	if row := program.Model(call); row != nil {
		return versionSent(row)
	}
	sends := false
	for _, callee := range e.Program.Static(call) {
		writes, _ := e.WritesBelow(callee)
		for _, w := range writes {
			switch w.Call.Effect {
			case kube.Apply, kube.ApplyStatus, kube.ApplySubresource, kube.Delete:
				return false
			}
			sends = sends || versionSent(w.Call)
		}
	}
	return sends
}

// about tells whether a write and a delete get the same object.
func (e *Effects) about(fn *ssa.Function, write *ssa.Call, del ssa.CallInstruction) bool {
	object := program.Argument(del, program.Model(del).Object)
	if object == nil {
		return false
	}
	for _, p := range e.Places(fn, object) {
		for _, arg := range write.Call.Args {
			if p.Root != nil && slices.ContainsFunc(e.Places(fn, arg), func(q Place) bool { return q.Object == p.Object }) {
				return true
			}
		}
	}
	return false
}

// leadsOnly tells whether a yes of a test leads to an instruction, and nothing does but a yes of some test of the same error.
func leadsOnly(fn *ssa.Function, err ssa.Value, test *ssa.Call, to ssa.Instruction) bool {
	cut := make(map[*ssa.BasicBlock]*ssa.BasicBlock) // from a block to what a yes leads to
	var yes *ssa.BasicBlock
	for _, b := range fn.Blocks {
		branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		asked, ok := branch.Cond.(*ssa.Call)
		if !ok {
			continue
		}
		if row := program.Model(asked); row == nil || row.Effect != kube.ErrorFilter || len(asked.Call.Args) == 0 || asked.Call.Args[0] != err {
			continue
		}
		cut[b] = b.Succs[0]
		if asked == test {
			yes = b.Succs[0]
		}
	}
	if yes == nil || !reachesWithout(yes, to.Block(), nil) {
		return false
	}
	return !reachesWithout(fn.Blocks[0], to.Block(), cut)
}

// reachesWithout tells whether a block leads to another on a way that takes none of the edges that are cut.
func reachesWithout(from, to *ssa.BasicBlock, cut map[*ssa.BasicBlock]*ssa.BasicBlock) bool {
	seen := map[*ssa.BasicBlock]bool{from: true}
	for todo := []*ssa.BasicBlock{from}; len(todo) > 0; {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if b == to {
			return true
		}
		for _, next := range b.Succs {
			if cut[b] != next && !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return false
}
