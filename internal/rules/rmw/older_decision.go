// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// decisionDepth bounds the callers that are asked whether they decided on a write below them.
const decisionDepth = 3

// decidedAbove finds the test of an older object, in a caller of the retried fn, that decides whether a change of the fresh
// one is made: it looks at the same field of an object of the kind, and hands its name down.
func decidedAbove(pass *rule.Pass, fn *ssa.Function, ev, fresh *effects.Event) (at token.Pos, by *ssa.Function) {
	kind := objectKind(ev.Object)
	seen := make(map[*ssa.Function]bool)
	var visit func(fn *ssa.Function, depth int)
	visit = func(fn *ssa.Function, depth int) {
		if seen[fn] || depth > decisionDepth || by != nil {
			return
		}
		seen[fn] = true
		for _, edge := range pass.Program.Callers(fn) {
			if by != nil || pass.Program.InTest(edge.Caller()) {
				continue
			}
			if decidesAt(pass, edge.Site, kind, ev.Path) || decidesRetry(pass, edge, fresh, kind, ev.Path) {
				at, by = edge.Site.Pos(), edge.Caller()
				return
			}
			visit(edge.Caller(), depth+1)
		}
	}
	visit(fn, 0)
	return at, by
}

// decidesRetry tells whether the function that starts a retry of a closure has looked at the field of an object that it read
// under the same name.
func decidesRetry(pass *rule.Pass, edge program.Edge, fresh *effects.Event, kind, path string) bool {
	if edge.Arg < 0 || edge.Callee != fresh.Func() || edge.Callee.Parent() != edge.Caller() {
		return false
	}
	for _, tested := range pass.Effects.GuardsOf(edge.Site).Places {
		if tested.Root != nil && objectKind(tested.Object) == kind && effects.Under(tested.Path, path) && pass.Effects.NamesSame(fresh, edge.Caller(), tested.Object) {
			return true
		}
	}
	return false
}

// decidesAt tells whether a call is made because of what the field of an object of the kind says, and is told about it.
func decidesAt(pass *rule.Pass, site ssa.CallInstruction, kind, path string) bool {
	fn := site.Parent()
	for _, tested := range pass.Effects.GuardsOf(site).Places {
		if tested.Root == nil || objectKind(tested.Object) != kind || !effects.Under(tested.Path, path) {
			continue
		}
		for _, arg := range site.Common().Args {
			for _, p := range pass.Effects.DepsOf(fn, arg).Places {
				if p.Root == tested.Root {
					return true
				}
			}
		}
	}
	return false
}

// retriedBody tells whether a retry on conflict runs fn.
func retriedBody(pass *rule.Pass, fn *ssa.Function) bool {
	for _, edge := range pass.Program.Callers(fn) {
		if row := program.Model(edge.Site); edge.Arg >= 0 && row != nil && row.Effect == kube.RetryOnConflict {
			return true
		}
	}
	return false
}
