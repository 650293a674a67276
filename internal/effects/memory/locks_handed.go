// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// handedDepth bounds the helpers that hand a function on to each other.
const handedDepth = 3

// upward returns the calls that lead to fn as e says. Where a helper calls what it was given, as one that tries again does,
// these are the calls that give fn to the helper: who gives it another function does not get to fn.
func (l *Locks) upward(fn *ssa.Function, e program.Edge) []program.Edge {
	if e.How != program.Calls || e.Arg >= 0 || e.Site.Common().IsInvoke() {
		return []program.Edge{e}
	}
	param := l.program.ParameterBehind(e.Site.Common().Value)
	if param == nil || !l.runsWithin(e.Caller(), param.Parent(), 0) {
		return []program.Edge{e}
	}
	edges := l.givers(fn, param, 0)
	if len(edges) == 0 {
		return []program.Edge{e} // how fn gets there is not seen
	}
	for _, handed := range edges {
		if !slices.Contains(l.handed[handed.Site], handed) {
			l.handed[handed.Site] = append(l.handed[handed.Site], handed)
		}
	}
	return edges
}

// runsWithin tells whether a closure runs while the function around it does: that one calls it, or hands it to what calls it.
// One that is kept or returned runs later.
func (l *Locks) runsWithin(inner, outer *ssa.Function, depth int) bool {
	if inner == outer {
		return true
	}
	return depth < handedDepth && slices.ContainsFunc(l.program.Callers(inner), func(e program.Edge) bool {
		return !runsLater(e) && (e.Caller() == outer || encloses(outer, e.Caller())) && l.runsWithin(e.Caller(), outer, depth+1)
	})
}

// givers lists the calls that give fn for a parameter.
func (l *Locks) givers(fn *ssa.Function, param *ssa.Parameter, depth int) []program.Edge {
	helper := param.Parent()
	index := slices.Index(helper.Params, param)
	var out []program.Edge
	for _, call := range l.program.Callers(helper) {
		if call.How != program.Calls || call.Arg >= 0 {
			continue
		}
		arg := program.ArgumentFor(call, index)
		if arg == nil {
			continue
		}
		if outer := l.program.ParameterBehind(arg); outer != nil && depth < handedDepth {
			out = append(out, l.givers(fn, outer, depth+1)...)
			continue
		}
		if slices.Contains(l.program.FunctionsOf(arg), fn) {
			out = append(out, program.Edge{Site: call.Site, Callee: fn, How: program.PassesTo, Arg: slices.Index(call.Site.Common().Args, arg)})
		}
	}
	return out
}

// calleesAt returns what a call runs: its callees, and what those call because it is given to them here.
func (l *Locks) calleesAt(site ssa.CallInstruction) []program.Edge {
	edges := l.program.Callees(site)
	if handed := l.handed[site]; len(handed) > 0 {
		edges = append(slices.Clone(edges), handed...)
	}
	return edges
}
