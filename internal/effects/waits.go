// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// WaitKind is what a remaining time is used for, where less than nothing means something else than no wait.
type WaitKind string

// The uses of remaining times.
const (
	// Requeue: zero or less is no requeue at all, see controller-runtime's reconcileHandler.
	Requeue WaitKind = "RequeueAfter"
	// Grace: zero deletes at once, and the API server rejects or raises what is negative.
	Grace WaitKind = "GracePeriodSeconds"
	// Tick: time.NewTicker panics unless its period is positive.
	Tick WaitKind = "the period of a ticker"
)

// Wait is a remaining time that can be zero or negative where it is used.
type Wait struct {
	Kind WaitKind
	// Use is the instruction that uses it, Difference the value that the clock's reading takes part in.
	Use        ssa.Instruction
	Difference ssa.Value
	// Until is the time that is waited for.
	Until ssa.Value
	// Reading is the reading of the clock in the difference.
	Reading ssa.Value
	// Test is the branch that compares the same time with an earlier reading; nil if nothing does.
	Test *ssa.If
	// Earlier is that reading.
	Earlier ssa.Instruction
	// Looked is set when the function asks something else of the same time on its way: whether it is set, or has passed and there is
	// work left.
	Looked bool
}

// Waits returns the remaining times of own code that nothing keeps above zero, in source order.
func (e *Effects) Waits() []Wait {
	var out []Wait
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if kind, v := waitUse(instr); v != nil && !(kind == Requeue && requeued(instr)) {
					w := &waitWalk{e: e, kind: kind, use: instr, seen: make(map[ssa.Value]bool)}
					w.value(v)
					out = append(out, w.out...)
				}
			}
		}
	}
	return out
}

// AsksAgain tells whether a function stores a time after which controller-runtime is to call the reconcile again.
func AsksAgain(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if kind, _ := waitUse(instr); kind == Requeue {
				return true
			}
		}
	}
	return false
}

const metaPath = "k8s.io/apimachinery/pkg/apis/meta/v1"

// waitUse tells what an instruction waits for; nil when it does not wait.
func waitUse(instr ssa.Instruction) (WaitKind, ssa.Value) {
	switch x := instr.(type) {
	case *ssa.Store:
		f, ok := x.Addr.(*ssa.FieldAddr)
		if !ok {
			return "", nil
		}
		name, _ := fieldOf(f.X.Type(), f.Field)
		switch {
		case name == "RequeueAfter" && program.IsNamed(f.X.Type(), "sigs.k8s.io/controller-runtime/pkg/reconcile", "Result"):
			if comparedField(f) {
				return "", nil // what is stored is looked at once more
			}
			return Requeue, x.Val
		case name == "GracePeriodSeconds" && (program.IsNamed(f.X.Type(), metaPath, "DeleteOptions") || typeOf(f.X) == "DeleteOptions"):
			return Grace, x.Val
		}
	case *ssa.MakeInterface:
		if typeOf(x.X) == "GracePeriodSeconds" {
			return Grace, x.X
		}
	case ssa.CallInstruction:
		target := program.Target(x)
		if target == nil || target.Pkg() == nil || len(x.Common().Args) == 0 {
			return "", nil
		}
		last := x.Common().Args[len(x.Common().Args)-1]
		switch {
		case target.Pkg().Path() == metaPath && target.Name() == "NewDeleteOptions":
			return Grace, last
		case (target.Name() == "NewTicker" || target.Name() == "Tick") && isDuration(last.Type()):
			return Tick, last
		}
	}
	return "", nil
}

func isDuration(t types.Type) bool { return program.IsNamed(t, "time", "Duration") }

// requeued tells whether the field Requeue is set in the result whose RequeueAfter an instruction stores: it counts where RequeueAfter is zero or less.
// Source: controller-runtime, Controller.reconcileHandler.
func requeued(use ssa.Instruction) bool {
	f := use.(*ssa.Store).Addr.(*ssa.FieldAddr)
	for _, ref := range refs(f.X) {
		other, ok := ref.(*ssa.FieldAddr)
		if !ok || other.Field == f.Field {
			continue
		}
		if name, _ := fieldOf(other.X.Type(), other.Field); name == "Requeue" && slices.ContainsFunc(refs(other), isTrueStore) {
			return true
		}
	}
	return false
}

func isTrueStore(instr ssa.Instruction) bool {
	st, ok := instr.(*ssa.Store)
	if !ok {
		return false
	}
	c, isConst := st.Val.(*ssa.Const)
	return isConst && c.Value != nil && constant.BoolVal(c.Value)
}

// comparedField tells whether the field of a local variable is compared with something.
func comparedField(f *ssa.FieldAddr) bool {
	if f.X.Referrers() == nil {
		return false
	}
	for _, ref := range *f.X.Referrers() {
		other, ok := ref.(*ssa.FieldAddr)
		if !ok || other.Field != f.Field {
			continue
		}
		for _, use := range *other.Referrers() {
			if load, ok := use.(*ssa.UnOp); ok && compared(load) {
				return true
			}
		}
	}
	return false
}

// comparedVariable tells whether what a local variable holds is compared with something.
func comparedVariable(a *ssa.Alloc) bool {
	if a.Referrers() == nil {
		return false
	}
	for _, ref := range *a.Referrers() {
		if load, ok := ref.(*ssa.UnOp); ok && load.Op == token.MUL && compared(load) {
			return true
		}
	}
	return false
}

// WorksBetween tells whether a function can wait for somebody between two of its instructions.
func (e *Effects) WorksBetween(from, to ssa.Instruction) bool {
	work := e.Work()
	for site := range program.Sites(from.Parent()) {
		if MayPrecede(from, site) && MayPrecede(site, to) && (work.At(site) != NoWork || work.Through(site) != nil) {
			return true
		}
	}
	return from.Parent() != to.Parent()
}

// compared tells whether a value is an operand of an order comparison, itself or converted.
func compared(v ssa.Value) bool {
	if v.Referrers() == nil {
		return false
	}
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.BinOp:
			if IsOrder(x.Op) {
				return true
			}
		case *ssa.Convert:
			if compared(x) {
				return true
			}
		case *ssa.Call:
			if b, ok := x.Call.Value.(*ssa.Builtin); ok && b.Name() == "max" {
				return true
			}
		}
	}
	return false
}

type waitWalk struct {
	e     *Effects
	kind  WaitKind
	use   ssa.Instruction
	depth int
	seen  map[ssa.Value]bool
	out   []Wait
}

// value goes back from the use to the differences with the clock. Whatever is compared on the way counts as tested.
func (w *waitWalk) value(v ssa.Value) {
	if v == nil || w.seen[v] || compared(v) {
		return
	}
	w.seen[v] = true
	switch x := v.(type) {
	case *ssa.Phi:
		for _, edge := range x.Edges {
			w.value(edge)
		}
	case *ssa.Convert:
		w.value(x.X)
	case *ssa.ChangeType:
		w.value(x.X)
	case *ssa.Extract:
		if call, ok := x.Tuple.(*ssa.Call); ok {
			w.through(call, x.Index)
		}
	case *ssa.Alloc:
		if comparedVariable(x) {
			return // looked at once more, wherever it was set
		}
		for _, stored := range w.e.Program.StoredAt(x) {
			w.value(stored)
		}
	case *ssa.UnOp:
		if alloc, ok := x.X.(*ssa.Alloc); ok && x.Op == token.MUL {
			w.value(alloc)
		}
	case *ssa.BinOp:
		w.operator(x)
	case *ssa.Call:
		w.call(x)
	}
}

func (w *waitWalk) operator(x *ssa.BinOp) {
	switch x.Op {
	case token.MUL, token.QUO:
		w.value(x.X)
		w.value(x.Y)
	case token.SUB:
		// ttl - time.Since(t), ttl - now.Sub(t)
		if call, ok := x.Y.(*ssa.Call); ok {
			if t, reading := w.elapsed(call); t != nil {
				w.found(x, t, reading)
			}
		}
	}
}

// elapsed reads time.Since(t) and now.Sub(t).
func (w *waitWalk) elapsed(call *ssa.Call) (t, reading ssa.Value) {
	target := program.Target(call)
	if target == nil || !isDuration(call.Type()) {
		return nil, nil
	}
	args := call.Call.Args
	switch {
	case target.Name() == "Since" && len(args) > 0:
		return args[len(args)-1], call
	case target.Name() == "Sub" && target.Pkg().Path() == "time" && w.e.isNow(args[0]):
		return args[1], args[0]
	}
	return nil, nil
}

// isNow tells whether a time is nothing but a reading of the clock.
func (e *Effects) isNow(v ssa.Value) bool {
	moments := e.Moments(v)
	for _, m := range moments {
		if m.Clock == nil || m.Moved {
			return false
		}
	}
	return len(moments) > 0
}

func (w *waitWalk) call(call *ssa.Call) {
	if b, ok := call.Call.Value.(*ssa.Builtin); ok {
		if b.Name() == "min" {
			for _, arg := range call.Call.Args {
				w.value(arg)
			}
		}
		return // max keeps it up
	}
	target := program.Target(call)
	if target == nil || target.Pkg() == nil {
		return
	}
	args := call.Call.Args
	switch path := target.Pkg().Path(); {
	case target.Name() == "Until" && len(args) > 0 && isDuration(call.Type()):
		w.found(call, args[len(args)-1], call)
	case path == "time" && target.Name() == "Sub" && w.e.isNow(args[1]):
		w.found(call, args[0], args[1])
	case path == "time" && len(args) > 0 && isDuration(args[0].Type()): // Round, Seconds
		w.value(args[0])
	case path == "k8s.io/apimachinery/pkg/util/wait" && target.Name() == "Jitter", path == "k8s.io/utils/ptr" && target.Name() == "To":
		w.value(args[0])
	default:
		w.through(call, 0)
	}
}

// through goes on with what own functions return.
func (w *waitWalk) through(call *ssa.Call, result int) {
	if w.depth >= 3 {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	for _, callee := range w.e.Program.Static(call) {
		for _, b := range callee.Blocks {
			if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && result < len(ret.Results) {
				w.value(ret.Results[result])
			}
		}
	}
}

// found keeps a difference that can be zero or negative.
func (w *waitWalk) found(difference, until, reading ssa.Value) {
	if w.e.ahead(until) {
		return
	}
	at := difference.(ssa.Instruction)
	blocks := []*ssa.BasicBlock{at.Block()}
	if at.Parent() == w.use.Parent() {
		blocks = append(blocks, w.use.Block())
	}
	wait := Wait{Kind: w.kind, Use: w.use, Difference: difference, Until: until, Reading: reading}
	for _, b := range blocks {
		for _, branch := range Conditions(b) {
			g := w.e.clockTest(branch, reading, until)
			if g.same {
				return // tested with this very reading
			}
			if g.other {
				wait.Test, wait.Earlier = branch, g.earlier
			}
		}
	}
	if wait.Test == nil && !w.e.stored(until) {
		return // nothing shows that the time can lie behind
	}
	wait.Looked = w.e.looksAtTime(at, until)
	w.out = append(w.out, wait)
}

// looksAtTime tells whether a branch before an instruction depends on a stored time.
func (e *Effects) looksAtTime(at ssa.Instruction, t ssa.Value) bool {
	times := e.timesIn(t)
	return slices.ContainsFunc(at.Parent().Blocks, func(b *ssa.BasicBlock) bool {
		branch, ok := last(b).(*ssa.If)
		return ok && MayPrecede(branch, at) && slices.ContainsFunc(e.timesIn(branch.Cond), func(x *ssa.FieldAddr) bool {
			return slices.ContainsFunc(times, func(y *ssa.FieldAddr) bool { return samePath(x, y, 0) })
		})
	})
}

// timesIn lists the fields with times that a value is computed from in its function.
func (e *Effects) timesIn(v ssa.Value) []*ssa.FieldAddr {
	s := &slice{e: e, seen: make(map[ssa.Value]bool)}
	s.back(v)
	var out []*ssa.FieldAddr
	for v := range s.seen {
		f, ok := v.(*ssa.FieldAddr)
		if !ok {
			continue
		}
		if at := pointee(f.Type()); program.IsNamed(at, "time", "Time") || program.IsNamed(at, metaPath, "Time") {
			out = append(out, f)
		}
	}
	return out
}

// ahead tells whether a time is made by adding to a reading of the clock: it lies ahead by construction.
func (e *Effects) ahead(v ssa.Value) bool {
	moments := e.Moments(v)
	for _, m := range moments {
		if m.Clock == nil || !m.Moved {
			return false
		}
	}
	return len(moments) > 0
}

// stored tells whether a time is read from an API object.
func (e *Effects) stored(v ssa.Value) bool {
	for _, m := range e.Moments(v) {
		if m.Stored != "" {
			return true
		}
	}
	return false
}
