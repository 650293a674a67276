// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// counterDepth bounds the callers that are asked what they count.
const counterDepth = 3

// endless tells whether a number is one that own code counts up, and that nothing in sight stops before it is used at an instruction.
func (e *Effects) endless(v ssa.Value, at ssa.Instruction, depth int) bool {
	v = counted(v)
	if v == nil || depth > counterDepth || e.boundedAt(v, at) {
		return false
	}
	switch x := v.(type) {
	case *ssa.Parameter:
		return e.endlessArgument(x, depth)
	case *ssa.Phi:
		for _, edge := range x.Edges {
			if countsUp(edge, func(from ssa.Value) bool { return from == ssa.Value(x) }) {
				return true
			}
		}
	case *ssa.Call:
		target := program.Target(x)
		return target != nil && target.Name() == "NumRequeues" && target.Pkg() != nil && target.Pkg().Path() == "k8s.io/client-go/util/workqueue"
	case *ssa.Lookup:
		key, ok := fieldRead(x.X)
		if !ok {
			return false
		}
		for _, put := range e.mapPuts()[key] {
			if countsUp(put.Value, func(from ssa.Value) bool { _, again := from.(*ssa.Lookup); return again }) {
				return true
			}
		}
	default:
		if key, ok := fieldRead(v); ok {
			return e.endlessField(key)
		}
	}
	return false
}

// endlessArgument tells whether a caller hands in such a number.
func (e *Effects) endlessArgument(param *ssa.Parameter, depth int) bool {
	fn := param.Parent()
	for _, edge := range e.Program.Callers(fn) {
		args := edge.Site.Common().Args
		offset := len(fn.Params) - len(args) // an interface's method has its receiver elsewhere
		for i, p := range fn.Params {
			if p == param && edge.Arg < 0 && i >= offset && offset >= 0 && !e.Program.InTest(edge.Caller()) && e.endless(args[i-offset], edge.Site, depth+1) {
				return true
			}
		}
	}
	return false
}

// endlessField tells whether own code counts a field up, and never compares it with a number.
func (e *Effects) endlessField(key program.FieldKey) bool {
	same := func(v ssa.Value) bool {
		other, ok := fieldRead(v)
		return ok && other == key
	}
	for _, load := range e.fieldLoads(key) {
		for _, ref := range refs(load) {
			if op, ok := ref.(*ssa.BinOp); ok && IsOrder(op.Op) && (isMany(op.X) || isMany(op.Y)) {
				return false
			}
		}
	}
	for _, st := range e.Program.FieldStores(key) {
		if !e.Program.InTest(st.Parent()) && countsUp(st.Val, same) {
			return true
		}
	}
	return false
}

// isMany tells whether a value is a constant greater than one.
func isMany(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.Value != nil && c.Value.Kind() == constant.Int && c.Int64() > 1
}

// countsUp tells whether a value is one more than what was there.
func countsUp(v ssa.Value, there func(ssa.Value) bool) bool {
	op, ok := v.(*ssa.BinOp)
	if !ok || op.Op != token.ADD {
		return false
	}
	one, ok := op.Y.(*ssa.Const)
	return ok && one.Value != nil && constant.Sign(one.Value) > 0 && there(op.X)
}

// counted looks through conversions and through what is a constant number more or less; nil where the value is cut to size.
func counted(v ssa.Value) ssa.Value {
	for {
		switch x := v.(type) {
		case *ssa.Convert:
			v = x.X
		case *ssa.ChangeType:
			v = x.X
		case *ssa.BinOp:
			if _, fixed := x.Y.(*ssa.Const); !fixed || x.Op != token.ADD && x.Op != token.SUB {
				return nil
			}
			v = x.X
		default:
			return v
		}
	}
}

// boundedAt tells whether an instruction runs only after a number was compared with another than zero or one, or given to a function
// that was asked whether to go on.
func (e *Effects) boundedAt(v ssa.Value, at ssa.Instruction) bool {
	key, isField := fieldRead(v)
	is := func(side ssa.Value) bool {
		other, ok := fieldRead(side)
		return side == v || isField && ok && other == key
	}
	return slices.ContainsFunc(Conditions(at.Block()), func(branch *ssa.If) bool {
		cond := branch.Cond
		if not, ok := cond.(*ssa.UnOp); ok && not.Op == token.NOT {
			cond = not.X
		}
		switch x := cond.(type) {
		case *ssa.BinOp:
			return IsOrder(x.Op) && (partOf(x.X, is, 0) && !isFew(x.Y) || partOf(x.Y, is, 0) && !isFew(x.X))
		case *ssa.Call:
			return slices.ContainsFunc(x.Call.Args, func(arg ssa.Value) bool { return partOf(arg, is, 0) })
		}
		return false
	})
}

// partOf tells whether a number is computed from such a one.
func partOf(v ssa.Value, is func(ssa.Value) bool, depth int) bool {
	if is(v) {
		return true
	}
	if depth > 4 {
		return false
	}
	switch x := v.(type) {
	case *ssa.Convert:
		return partOf(x.X, is, depth+1)
	case *ssa.BinOp:
		return partOf(x.X, is, depth+1) || partOf(x.Y, is, depth+1)
	}
	return false
}

// isFew tells whether a value is the constant zero or one: asked whether there was an attempt at all.
func isFew(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.Value != nil && !isMany(v)
}

// counterName names a counter for a sentence.
func counterName(v ssa.Value) string {
	v = counted(v)
	switch x := v.(type) {
	case *ssa.Parameter:
		return x.Name()
	case *ssa.Phi:
		return x.Comment
	case *ssa.Call:
		return program.Target(x).Name()
	}
	if key, ok := fieldRead(v); ok {
		return key.String()
	}
	return "the number of attempts"
}
