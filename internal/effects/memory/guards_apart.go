// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// MadeApart tells whether the objects of two accesses that meet are surely two: where each comes from, on the ways that its
// goroutine takes, is known to the last, and nothing that is made there is made for both. Two runs of the same code, such as two
// requests to one handler, have two objects where each makes its own and uses no other.
func (m *Memory) MadeApart(a, b *Access, meeting program.Meeting) bool {
	if a.Base == nil || b.Base == nil || meeting.A == nil || meeting.B == nil {
		return false
	}
	mine, others := m.births(a.Base, meeting.A), m.births(b.Base, meeting.B)
	if !mine.known() || !others.known() {
		return false
	}
	if meeting.A == meeting.B && mine.own && others.own {
		return true
	}
	return !slices.ContainsFunc(mine.made, func(x ssa.Value) bool {
		return slices.ContainsFunc(others.made, func(y ssa.Value) bool { return m.oneBirth(x, y) })
	})
}

// oneBirth tells whether what is made at two places can be one object: they are one place, or the one is a call of a constructor
// and the other a step of that.
func (m *Memory) oneBirth(x, y ssa.Value) bool {
	if x == y {
		return true
	}
	made, other := m.allocsBy(x), m.allocsBy(y)
	if !slices.ContainsFunc(made, func(v ssa.Value) bool { return slices.Contains(other, v) }) {
		return false
	}
	return m.stepOf(x, y) || m.stepOf(y, x)
}

// allocsBy lists the allocations of what is made at a place.
func (m *Memory) allocsBy(birth ssa.Value) []ssa.Value {
	switch birth.(type) {
	case *ssa.Alloc, *ssa.Global:
		return []ssa.Value{birth}
	}
	return m.Program.Sources(birth).Values
}

// stepOf tells whether one place where an object is made belongs to a constructor that another calls.
func (m *Memory) stepOf(inner, outer ssa.Value) bool {
	within, ok := inner.(ssa.Instruction)
	if !ok {
		return true
	}
	site := callOf(outer)
	return site != nil && slices.ContainsFunc(m.Program.Static(site), func(fn *ssa.Function) bool {
		return fn == within.Parent() || slices.ContainsFunc(returns(fn), func(ret *ssa.Return) bool {
			return slices.ContainsFunc(ret.Results, func(v ssa.Value) bool {
				return callOf(v) != nil && callOf(v) != site && m.stepOf(inner, v)
			})
		})
	})
}

// callOf returns the call that a value is a result of, or nil.
func callOf(v ssa.Value) *ssa.Call {
	if ex, ok := v.(*ssa.Extract); ok {
		v = ex.Tuple
	}
	call, _ := v.(*ssa.Call)
	return call
}

// returns lists where a function returns.
func returns(fn *ssa.Function) []*ssa.Return {
	var out []*ssa.Return
	for _, b := range fn.Blocks {
		if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok {
			out = append(out, ret)
		}
	}
	return out
}
