// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// eachOp is a loop that does the same to the locks of all elements of a list: it takes or releases each. Behind it the locks of
// all are held, or none is, also where the list is empty.
type eachOp struct {
	op   lockOp
	site ssa.CallInstruction
	// out is where the loop goes on when it has seen all.
	out *ssa.BasicBlock
}

// eachOps finds the loops of a function that take or release the lock of each element, by the block where they end.
func (l *Locks) eachOps(fn *ssa.Function) map[*ssa.BasicBlock]eachOp {
	var out map[*ssa.BasicBlock]eachOp
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || !l.program.Concurrency().InLoop(call) {
			continue
		}
		op := l.opOf(call)
		if op.kind != opAcquire && op.kind != opRelease || !ofElement(op.lock.Ref.Root) {
			continue
		}
		head, leaves := loopOver(call)
		if head == nil || l.opposed(head, op) {
			continue
		}
		if out == nil {
			out = make(map[*ssa.BasicBlock]eachOp)
		}
		out[head] = eachOp{op, call, leaves}
	}
	return out
}

// ofElement tells whether a value is an element of a list.
func ofElement(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.IndexAddr:
		return true
	case *ssa.UnOp:
		return ofElement(x.X)
	case *ssa.Extract:
		_, ok := x.Tuple.(*ssa.Next)
		return ok
	}
	return false
}

// loopOver returns the head of the innermost loop around an instruction that each of its rounds comes by, and where the loop
// goes on behind it; nil where a round can leave out the instruction.
func loopOver(instr ssa.Instruction) (head, out *ssa.BasicBlock) {
	body := instr.Block()
	for head = body.Idom(); head != nil; head = head.Idom() {
		if slices.ContainsFunc(head.Preds, head.Dominates) {
			break
		}
	}
	if head == nil || len(head.Succs) != 2 {
		return nil, nil
	}
	for _, back := range head.Preds {
		if head.Dominates(back) && !body.Dominates(back) {
			return nil, nil
		}
	}
	for i, succ := range head.Succs {
		if succ.Dominates(body) && head.Succs[1-i] != succ {
			return head, head.Succs[1-i]
		}
	}
	return nil, nil
}

// opposed tells whether a loop also does the contrary to a lock of the same place: what it has taken it gives back itself.
func (l *Locks) opposed(head *ssa.BasicBlock, op lockOp) bool {
	for _, b := range head.Parent().Blocks {
		if !head.Dominates(b) || !slices.ContainsFunc(head.Preds, func(back *ssa.BasicBlock) bool { return head.Dominates(back) && b.Dominates(back) }) {
			continue
		}
		for _, instr := range b.Instrs {
			if site, ok := instr.(ssa.CallInstruction); ok {
				if other := l.opOf(site); other.kind != noOp && other.kind != op.kind && other.lock.Place == op.lock.Place {
					return true
				}
			}
		}
	}
	return false
}

// passEach applies what a loop does to all elements to a path that leaves it, which may not have gone through a round.
func (w *walker) passEach(from, to *ssa.BasicBlock, s *path) {
	each, ok := w.each[from]
	if !ok || each.out != to {
		return
	}
	place := each.op.lock.Place
	switch {
	case each.op.kind == opAcquire && !holdsPlace(s.held, place):
		w.acquire(Holding{each.op.lock, each.op.mode, each.site}, s)
	case each.op.kind == opRelease:
		s.free(each.op.lock)
	}
}
