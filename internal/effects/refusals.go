// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Refusal is a read whose answer makes its function give an error.
type Refusal struct {
	Read *Event
	// Missing is set when the absence of the object is an error, At is where its content is tested for one; nil if it is not.
	Missing bool
	At      *ssa.If
	Fresh   program.Freshness
	Because string
}

// Refusals returns the reads that fn makes itself and whose answer can be the reason for an error that it returns. Reads
// that are made again from the API server, in the same function, are left out.
func (e *Effects) Refusals(fn *ssa.Function) []Refusal {
	var out []Refusal
	for _, ev := range e.Events(fn) {
		call, ok := ev.Origin.(*ssa.Call)
		if ev.Kind != Read || ev.At != ev.Origin || !ok || e.readLive(fn, ev) {
			continue
		}
		r := Refusal{Read: ev, Missing: e.refusesMissing(ev, call), At: e.refusesContent(fn, ev)}
		if r.Missing || r.At != nil {
			r.Fresh, r.Because = e.Freshness(ev)
			out = append(out, r)
		}
	}
	return out
}

// WaitsForCache tells whether a read is made again in a loop that sleeps in between.
func WaitsForCache(read ssa.Instruction) bool {
	for _, b := range LoopOf(read.Block()) {
		for _, instr := range b.Instrs {
			site, ok := instr.(ssa.CallInstruction)
			if !ok {
				continue
			}
			if t := program.Target(site); t != nil && t.Pkg() != nil && t.Pkg().Path() == "time" && (t.Name() == "Sleep" || t.Name() == "After") {
				return true
			}
		}
	}
	return false
}

// readLive tells whether fn fills the object of a read from the API server as well.
func (e *Effects) readLive(fn *ssa.Function, read *Event) bool {
	for _, ev := range e.Events(fn) {
		if ev.Kind != Read || ev == read || ev.Root != read.Root {
			continue
		}
		if fresh, _ := e.Freshness(ev); fresh != program.Cached {
			return true
		}
	}
	return false
}

// refusesMissing tells whether NotFound is an error for the function too: nobody filters it, or who does gives an error.
func (e *Effects) refusesMissing(read *Event, call *ssa.Call) bool {
	if k, ok := kube.KindOf(read.Type); !ok || k.List {
		return false // an empty list is no error
	}
	if branch, filtered := e.notFoundTest(call); filtered {
		return branch != nil && returnsError(branch.Block().Succs[0])
	}
	return e.errorUse(call).returned
}

// notFoundTest finds who asks whether the error of a call is NotFound: the branch that does, or a filter that drops it.
func (e *Effects) notFoundTest(call *ssa.Call) (branch *ssa.If, filtered bool) {
	err := errorResult(call)
	for site := range program.Sites(call.Parent()) {
		test, ok := site.(*ssa.Call)
		target := program.Target(site)
		if !ok || target == nil || err == nil || target.Name() != "IsNotFound" && target.Name() != "IgnoreNotFound" {
			continue
		}
		if !takes(test, err) {
			continue
		}
		filtered = true
		for _, ref := range *test.Referrers() {
			if br, isIf := ref.(*ssa.If); isIf {
				branch = br
			}
		}
	}
	return branch, filtered
}

// takes tells whether an argument of a call is v, over joins of variables.
func takes(call *ssa.Call, v ssa.Value) bool {
	for _, arg := range call.Call.Args {
		if arg == v {
			return true
		}
		if phi, ok := arg.(*ssa.Phi); ok {
			for _, edge := range phi.Edges {
				if edge == v {
					return true
				}
			}
		}
	}
	return false
}

// refusesContent finds a branch on what was read that leads straight to an error.
func (e *Effects) refusesContent(fn *ssa.Function, read *Event) *ssa.If {
	for _, b := range fn.Blocks {
		branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok || aboutError(branch.Cond) || asksOfKind(branch.Cond) || !returnsError(b.Succs[0]) && !returnsError(b.Succs[1]) {
			continue
		}
		for _, p := range e.DepsOf(fn, branch.Cond).Places {
			if p.Root == read.Root && concat(p.Object.Base, p.Path) != "" {
				return branch
			}
		}
	}
	return nil
}

// asksOfKind recognises the questions of what kind an error is: those of k8s.io/apimachinery/pkg/api/errors, and errors.Is.
func asksOfKind(cond ssa.Value) bool {
	call, ok := cond.(*ssa.Call)
	if !ok {
		return false
	}
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && (target.Pkg().Path() == "k8s.io/apimachinery/pkg/api/errors" || target.Pkg().Path() == "errors")
}

// returnsError tells whether a block, or what it goes on to without a choice, returns an error that is not nil.
func returnsError(b *ssa.BasicBlock) bool {
	for range 4 {
		switch last := b.Instrs[len(b.Instrs)-1].(type) {
		case *ssa.Return:
			if len(last.Results) == 0 {
				return false
			}
			res := returned(last, len(last.Results)-1)
			c, isConst := res.(*ssa.Const)
			return isErrorType(res.Type()) && !(isConst && c.Value == nil) && !knownNil(res, b)
		case *ssa.Jump:
			b = b.Succs[0]
		default:
			return false
		}
	}
	return false
}

// returned is the result that a return gives. Where deferred calls may change it, the return reads it from a variable
// that was assigned before them, in the same block.
func returned(ret *ssa.Return, i int) ssa.Value {
	load, ok := ret.Results[i].(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return ret.Results[i]
	}
	v := ssa.Value(load)
	for _, instr := range ret.Block().Instrs {
		if st, isStore := instr.(*ssa.Store); isStore && st.Addr == load.X {
			v = st.Val
		}
	}
	return v
}

// knownNil tells whether an error was found to be nil on every way to a block.
func knownNil(err ssa.Value, b *ssa.BasicBlock) bool {
	if err.Referrers() == nil {
		return false
	}
	for _, ref := range *err.Referrers() {
		test, ok := ref.(*ssa.BinOp)
		if !ok || !isZero(test.X) && !isZero(test.Y) || test.Op != token.EQL && test.Op != token.NEQ {
			continue
		}
		for _, use := range *test.Referrers() {
			branch, isIf := use.(*ssa.If)
			if !isIf {
				continue
			}
			side := branch.Block().Succs[0]
			if test.Op == token.NEQ {
				side = branch.Block().Succs[1]
			}
			if len(side.Preds) == 1 && side.Dominates(b) {
				return true
			}
		}
	}
	return false
}
