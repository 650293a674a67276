// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Forgotten is a write that is to be sent again after a conflict, and is not: the object is read again, and then the attempt
// ends as if it had succeeded.
type Forgotten struct {
	// Repeat is the call that runs the attempts; nil where a loop does.
	Repeat ssa.CallInstruction
	// Write gives the conflict, Read reads again.
	Write, Read *ssa.Call
	// End is where the error is gone.
	End *ssa.Return
}

// ForgottenConflicts returns these writes, in source order.
func (e *Effects) ForgottenConflicts() []Forgotten {
	var out []Forgotten
	for _, fn := range e.Program.Funcs {
		for site := range program.Sites(fn) {
			row := program.Model(site)
			if row == nil || row.Effect != kube.RetryOnConflict || row.Name == "OnError" && leavesConflicts(site) {
				continue
			}
			for _, edge := range e.Program.Callees(site) {
				if edge.Arg >= 0 && runsBody(site, row, edge) {
					out = append(out, e.forgotten(site, edge.Callee)...)
				}
			}
		}
		out = append(out, e.forgotten(nil, fn)...)
	}
	return out
}

// leavesConflicts tells whether the condition of retry.OnError is one of the API machinery's tests for another error.
func leavesConflicts(site ssa.CallInstruction) bool {
	for _, arg := range site.Common().Args {
		fn, ok := stripped(arg).(*ssa.Function)
		if ok && fn.Pkg != nil && fn.Pkg.Pkg.Path() == "k8s.io/apimachinery/pkg/api/errors" && fn.Name() != "IsConflict" {
			return true
		}
	}
	return false
}

// forgotten looks at the writes of an attempt; without a call that repeats it, only at those that a loop of fn sends again.
func (e *Effects) forgotten(repeat ssa.CallInstruction, fn *ssa.Function) []Forgotten {
	results := fn.Signature.Results()
	if results.Len() == 0 || !isErrorType(results.At(results.Len()-1).Type()) {
		return nil // no error to forget
	}
	var out []Forgotten
	for site := range program.Sites(fn) {
		write, ok := site.(*ssa.Call)
		if !ok || errorResult(write) == nil || repeat == nil && !e.errorUse(write).retried || !e.mayConflict(write) {
			continue
		}
		w := &conflictWalk{e: e, write: write, failed: errorResult(write)}
		if w.after(write); w.end != nil {
			out = append(out, Forgotten{Repeat: repeat, Write: write, Read: w.read, End: w.end})
		}
	}
	return out
}

// mayConflict tells whether a call is a write that sends a version, or an own function that makes such a write and no read.
func (e *Effects) mayConflict(call *ssa.Call) bool {
	if row := program.Model(call); row != nil {
		return versionSent(row)
	}
	callees := e.Program.Static(call)
	if len(callees) != 1 || e.readsBelow(callees[0]) {
		return false
	}
	writes, _ := e.WritesBelow(callees[0])
	return len(writes) == 1 && versionSent(writes[0].Call)
}

func versionSent(row *kube.Call) bool {
	return row.Effect == kube.Update || row.Effect == kube.UpdateStatus || row.Effect == kube.UpdateSubresource
}

func (e *Effects) readsBelow(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		if row := program.Model(site); row != nil && row.Effect.IsRead() {
			return true
		}
	}
	return false
}

// conflictWalk goes the ways behind a write that has met a conflict, where each read that follows succeeds, until the write is
// sent again or the function returns.
type conflictWalk struct {
	e      *Effects
	write  *ssa.Call
	failed ssa.Value
	steps  int
	read   *ssa.Call
	end    *ssa.Return
}

// conflictSteps bounds the blocks that are gone through.
const conflictSteps = 300

// conflictState is what is known on one way.
type conflictState struct {
	// same says what a value is a copy of, cells what a variable holds.
	same, cells map[ssa.Value]ssa.Value
	// read is the last read; judged is set once a branch behind it asks for something that is not known here.
	read   *ssa.Call
	judged bool
	// path are the blocks so far.
	path map[*ssa.BasicBlock]int
}

func (w *conflictWalk) after(site *ssa.Call) {
	s := &conflictState{same: map[ssa.Value]ssa.Value{}, cells: map[ssa.Value]ssa.Value{}, path: map[*ssa.BasicBlock]int{}}
	w.block(site.Block(), indexIn(site.Block(), site)+1, s)
}

func (w *conflictWalk) block(b *ssa.BasicBlock, i int, s *conflictState) {
	w.steps++
	for _, instr := range b.Instrs[i:] {
		switch x := instr.(type) {
		case *ssa.Store:
			s.cells[x.Addr] = s.resolve(x.Val)
		case *ssa.UnOp:
			if held, ok := s.cells[x.X]; ok {
				s.same[x] = held
			}
		case *ssa.Call:
			if x == w.write || EndsProcess(x) || !w.call(x, s) {
				return // sent again, over, or something else is done about it
			}
		case *ssa.Return:
			w.returned(x, s)
			return
		case *ssa.If:
			w.branch(x, s)
			return
		case *ssa.Jump:
			w.enter(b, b.Succs[0], s)
			return
		}
	}
}

// call notes a read; false where the call can be another way to make the change.
func (w *conflictWalk) call(x *ssa.Call, s *conflictState) bool {
	row := program.Model(x)
	switch {
	case row != nil && row.Effect.IsRead():
		s.read, s.judged = x, false
		return true
	case row != nil:
		return !row.Effect.IsWrite()
	}
	callees := w.e.Program.Static(x)
	if len(callees) == 0 {
		return !mayWrite(x)
	}
	for _, callee := range callees {
		if writes, opaque := w.e.WritesBelow(callee); len(writes) > 0 || opaque {
			return false
		}
		if errorResult(x) != nil && w.e.readsBelow(callee) {
			s.read, s.judged = x, false
		}
	}
	return true
}

// enter goes on in a block that is reached from another, each at most twice on one way.
func (w *conflictWalk) enter(from, to *ssa.BasicBlock, s *conflictState) {
	if s.path[to] > 1 || w.steps > conflictSteps || w.end != nil {
		return
	}
	next := s.clone()
	next.path[to]++
	for _, instr := range to.Instrs {
		phi, ok := instr.(*ssa.Phi)
		if !ok {
			break
		}
		for i, pred := range to.Preds {
			if pred == from {
				next.same[phi] = s.resolve(phi.Edges[i])
			}
		}
	}
	w.block(to, 0, next)
}

func (w *conflictWalk) branch(x *ssa.If, s *conflictState) {
	holds, known := w.truth(x.Cond, s)
	if !known && s.read != nil && !counts(x.Cond) {
		s.judged = true // it looks at what was read, perhaps
	}
	for i, to := range x.Block().Succs {
		if !known || holds == (i == 0) {
			w.enter(x.Block(), to, s)
		}
	}
}

// returned tells whether the error is gone: nothing has looked at what was read, and what is returned is nil.
func (w *conflictWalk) returned(ret *ssa.Return, s *conflictState) {
	if s.read == nil || s.judged || w.end != nil || len(ret.Results) == 0 {
		return
	}
	if first := ret.Results[0]; len(ret.Results) == 2 && isBool(first.Type()) {
		return // a condition that says whether it is done
	}
	if fine, known := w.isNil(ret.Results[len(ret.Results)-1], s); known && fine {
		w.read, w.end = s.read, ret
	}
}

// isNil tells whether an error is nil on this way.
func (w *conflictWalk) isNil(v ssa.Value, s *conflictState) (is, known bool) {
	v = s.resolve(v)
	switch {
	case v == w.failed:
		return false, true
	case program.IsNil(v):
		return true, true
	case s.read != nil && v == errorResult(s.read):
		return true, true
	}
	if call, ok := v.(*ssa.Call); ok && keepsNil(call) {
		return w.isNil(call.Call.Args[0], s)
	}
	return false, false
}

// keepsNil knows wrappers of errors that give nil for nil.
func keepsNil(call *ssa.Call) bool {
	t := program.Target(call)
	return t != nil && strings.HasPrefix(t.Name(), "Wrap") && len(call.Call.Args) > 0 && isErrorType(call.Call.Args[0].Type()) && isErrorType(call.Type())
}

// truth tells what a condition is on this way, where it is known.
func (w *conflictWalk) truth(cond ssa.Value, s *conflictState) (holds, known bool) {
	switch x := s.resolve(cond).(type) {
	case *ssa.UnOp:
		holds, known = w.truth(x.X, s)
		return !holds, known
	case *ssa.BinOp:
		if !isErrorType(x.X.Type()) || !program.IsNil(x.Y) {
			return false, false
		}
		is, ok := w.isNil(x.X, s)
		return is == (x.Op.String() == "=="), ok
	case *ssa.Call:
		row := program.Model(x)
		if row == nil || row.Effect != kube.ErrorFilter || !isBool(x.Type()) || len(x.Call.Args) == 0 {
			return false, false
		}
		is, ok := w.isNil(x.Call.Args[0], s)
		if !ok || is {
			return false, ok
		}
		return row.Name == "IsConflict", true
	}
	return false, false
}

// counts tells whether a condition compares numbers: whether there is another attempt.
func counts(cond ssa.Value) bool {
	op, ok := cond.(*ssa.BinOp)
	return ok && isInteger(op.X.Type())
}

func (s *conflictState) resolve(v ssa.Value) ssa.Value {
	if known, ok := s.same[v]; ok {
		return known
	}
	return v
}

func (s *conflictState) clone() *conflictState {
	c := &conflictState{same: make(map[ssa.Value]ssa.Value, len(s.same)), cells: make(map[ssa.Value]ssa.Value, len(s.cells)), path: make(map[*ssa.BasicBlock]int, len(s.path)), read: s.read, judged: s.judged}
	for k, v := range s.same {
		c.same[k] = v
	}
	for k, v := range s.cells {
		c.cells[k] = v
	}
	for k, v := range s.path {
		c.path[k] = v
	}
	return c
}
