// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// TimePair is a comparison of two points in time.
type TimePair struct {
	// At is the call or operator that compares.
	At ssa.Instruction
	// Op is Equal, Before, After or Compare.
	Op string
	// X and Y are the times compared, A and B their origins.
	X, Y ssa.Value
	A, B []Moment
}

// Func returns the function that compares.
func (t TimePair) Func() *ssa.Function { return t.At.Parent() }

// TimePairs returns the comparisons of times in own code, in source order.
func (e *Effects) TimePairs() []TimePair {
	var out []TimePair
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if op, x, y := timeOperands(instr); op != "" {
					out = append(out, TimePair{At: instr, Op: op, X: x, Y: y, A: e.Moments(x), B: e.Moments(y)})
				}
			}
		}
	}
	return out
}

// timeOperands reads a comparison of times; op is "" for anything else.
func timeOperands(instr ssa.Instruction) (op string, x, y ssa.Value) {
	switch v := instr.(type) {
	case *ssa.BinOp:
		_, isStruct := v.X.Type().Underlying().(*types.Struct)
		if (v.Op == token.EQL || v.Op == token.NEQ) && isStruct && isMoment(v.X.Type()) {
			return "Equal", v.X, v.Y
		}
	case *ssa.Call:
		target := program.Target(v)
		recv := program.Receiver(v)
		if target == nil || recv == nil || !isMoment(recv.Type()) || len(v.Call.Args) != 2 || !isMoment(v.Call.Args[1].Type()) {
			return "", nil, nil
		}
		switch target.Name() {
		case "Equal", "Before", "After", "Compare":
			return target.Name(), v.Call.Args[0], v.Call.Args[1]
		}
	}
	return "", nil, nil
}

// NeverEqual tells whether one side was stored in whole seconds and the other is a reading of the clock with its
// fraction; it returns the reading and the stored side.
func (t TimePair) NeverEqual() (reading, stored Moment, ok bool) {
	if t.Op != "Equal" {
		return Moment{}, Moment{}, false
	}
	if m, found := fine(t.A); found && coarse(t.B) {
		return m, t.B[0], true
	}
	if m, found := fine(t.B); found && coarse(t.A) {
		return m, t.A[0], true
	}
	return Moment{}, Moment{}, false
}

// fine returns a reading of the clock that kept its fraction; found is false when any origin was stored or cut.
func fine(all []Moment) (reading Moment, found bool) {
	for _, m := range all {
		if m.Stored != "" || m.Whole {
			return Moment{}, false
		}
		if m.Clock != nil && !found {
			reading, found = m, true
		}
	}
	return reading, found
}

// coarse tells whether all origins are fields that are stored in whole seconds.
func coarse(all []Moment) bool {
	for _, m := range all {
		if m.Stored == "" || !m.Whole {
			return false
		}
	}
	return len(all) > 0
}

// Against returns the field that is compared with a reading of this process's clock, when nothing was added to either.
func (t TimePair) Against() (stored, reading Moment, ok bool) {
	for _, sides := range [][2][]Moment{{t.A, t.B}, {t.B, t.A}} {
		for _, s := range sides[0] {
			if s.Stored == "" || s.Moved {
				continue
			}
			for _, c := range sides[1] {
				if c.Clock != nil && !c.Moved {
					return s, c, true
				}
			}
		}
	}
	return Moment{}, Moment{}, false
}

// Orders tells whether the comparison is all that a less or compare function answers with: nothing tests for equal
// times before, and both sides are stored in whole seconds.
func (t TimePair) Orders() bool {
	call, ok := t.At.(*ssa.Call)
	if !ok || t.Op == "Equal" || !isOrdering(t.Func().Signature) || !someCoarse(t.A) || !someCoarse(t.B) || !onlyReturned(call) {
		return false
	}
	for _, branch := range Conditions(call.Block()) {
		if TestsTimes(branch.Cond) {
			return false
		}
	}
	return true
}

func someCoarse(all []Moment) bool {
	for _, m := range all {
		if m.Stored != "" && m.Whole {
			return true
		}
	}
	return false
}

// AmongEquals tells whether an ordering compares a number of the objects first, a priority or a size, so that times decide
// only between what is equal in that: its author wants an order of equals, too. A sort by time alone is often no more than
// a history, and revisions, which are read from text, are equal for one object only.
func (e *Effects) AmongEquals(t TimePair) bool {
	if ofView(t.X) {
		return false // made for a list that is shown
	}
	for _, branch := range Conditions(t.At.Block()) {
		if aboutNil(branch.Cond) {
			continue
		}
		op, ok := branch.Cond.(*ssa.BinOp)
		if !ok || !isInteger(op.X.Type()) {
			continue
		}
		d := e.DepsOf(t.Func(), op)
		if slices.ContainsFunc(d.Places, func(p Place) bool { return concat(p.Base, p.Path) != "" }) && !slices.ContainsFunc(d.Calls, readsText) {
			return true
		}
	}
	return false
}

// ofView tells whether a time is read from the metadata in a struct that is no API object itself.
func ofView(v ssa.Value) bool {
	if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
		v = load.X
	}
	meta, ok := v.(*ssa.FieldAddr)
	if !ok || !program.IsNamed(meta.X.Type(), metaPath, "ObjectMeta") {
		return false
	}
	at := meta.X
	if load, ok := at.(*ssa.UnOp); ok && load.Op == token.MUL {
		at = load.X
	}
	owner, ok := at.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	_, object := kube.KindOf(owner.X.Type())
	return !object
}

func isInteger(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsInteger != 0
}

func readsText(call *ssa.Call) bool {
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && target.Pkg().Path() == "strconv"
}

// OrderedToo tells whether the function also asks which of the two times comes first.
func (e *Effects) OrderedToo(t TimePair) bool {
	for _, b := range t.Func().Blocks {
		for _, instr := range b.Instrs {
			op, x, y := timeOperands(instr)
			if op == "" || op == "Equal" {
				continue
			}
			x, y = bareTime(x), bareTime(y)
			for _, asked := range []ssa.Value{bareTime(t.X), bareTime(t.Y)} {
				if e.sameTime(x, asked) || e.sameTime(y, asked) {
					return true
				}
			}
		}
	}
	return false
}

// Renews tells whether one of two compared times is stored where the other is read from, because they differ.
func (e *Effects) Renews(t TimePair) bool {
	for _, b := range t.Func().Blocks {
		for _, instr := range b.Instrs {
			st, ok := instr.(*ssa.Store)
			if !ok || !isMoment(elem(st.Addr.Type())) || !MayPrecede(t.At, st) {
				continue
			}
			for _, pair := range [][2]ssa.Value{{t.X, t.Y}, {t.Y, t.X}} {
				if e.sameTime(st.Val, pair[0]) && sameAddress(st.Addr, pair[1]) {
					return true
				}
			}
		}
	}
	return false
}

// sameAddress tells whether a time is loaded from an address, or is that address.
func sameAddress(addr, v ssa.Value) bool {
	if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
		v = load.X
	}
	return samePath(addr, v, 0)
}

// bareTime returns what a wrapped time is read from: for t.Time, of a metav1.Time, where that is.
func bareTime(v ssa.Value) ssa.Value {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return v
	}
	if addr, ok := load.X.(*ssa.FieldAddr); ok && program.IsNamed(addr.X.Type(), metaPath, "Time") {
		return addr.X
	}
	return v
}

// Heap tells whether a comparison orders a heap of the process: whose turn comes first among equals is nobody's concern.
func (t TimePair) Heap() bool {
	recv := t.Func().Signature.Recv()
	if recv == nil {
		return false
	}
	pushes, _, _ := types.LookupFieldOrMethod(recv.Type(), true, t.Func().Pkg.Pkg, "Push")
	pops, _, _ := types.LookupFieldOrMethod(recv.Type(), true, t.Func().Pkg.Pkg, "Pop")
	return pushes != nil && pops != nil
}

// aboutNil tells whether a condition asks for nothing but whether something is there.
func aboutNil(cond ssa.Value) bool {
	op, ok := cond.(*ssa.BinOp)
	return ok && (program.IsNil(op.X) || program.IsNil(op.Y))
}

// isOrdering tells whether a function has the shape of less(i, j int) bool or compare(a, b T) int. One that takes two
// times orders nothing by itself: its callers do.
func isOrdering(sig *types.Signature) bool {
	if sig.Params().Len() != 2 || isMoment(sig.Params().At(0).Type()) || sig.Results().Len() != 1 || !types.Identical(sig.Params().At(0).Type(), sig.Params().At(1).Type()) {
		return false
	}
	res, ok := sig.Results().At(0).Type().Underlying().(*types.Basic)
	return ok && (res.Kind() == types.Bool || res.Kind() == types.Int)
}

func onlyReturned(call *ssa.Call) bool {
	for _, ref := range *call.Referrers() {
		if _, ok := ref.(*ssa.Return); !ok {
			return false
		}
	}
	return len(*call.Referrers()) > 0
}

// TestsTimes tells whether a condition compares times.
func TestsTimes(cond ssa.Value) bool {
	if not, ok := cond.(*ssa.UnOp); ok && not.Op == token.NOT {
		cond = not.X
	}
	instr, ok := cond.(ssa.Instruction)
	if !ok {
		return false
	}
	if op, ok := cond.(*ssa.BinOp); ok {
		if inner, ok := op.X.(*ssa.Call); ok {
			instr = inner // a.Compare(b) != 0
		}
	}
	op, _, _ := timeOperands(instr)
	return op != ""
}

// NewStamps returns the stores of a fresh reading of the clock, in the zone of the process, into a field of an API
// object, in source order.
func (e *Effects) NewStamps() []*ssa.Store {
	var out []*ssa.Store
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if st, ok := instr.(*ssa.Store); ok && e.isStamp(st) {
					out = append(out, st)
				}
			}
		}
	}
	return out
}

func (e *Effects) isStamp(st *ssa.Store) bool {
	f, ok := st.Addr.(*ssa.FieldAddr)
	if !ok || !isMoment(st.Val.Type()) || !e.IsAPIPart(f.X.Type()) {
		return false
	}
	for _, m := range e.Moments(st.Val) {
		if m.Clock != nil && m.Zone == ZoneLocal {
			return true
		}
	}
	return false
}
