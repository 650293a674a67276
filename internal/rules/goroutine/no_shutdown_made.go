// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// leftByConstructor tells whether a constructor starts the goroutine for what it returns, and is called in several places
// of which one has a context that could have ended it: each thing made leaves a goroutine, in the process and in tests.
func leftByConstructor(pass *rule.Pass, spawn effects.Spawn) bool {
	fn := spawn.Site.Parent()
	if effects.TakesStop(fn) || takesContext(fn) || !worksForResult(spawn) {
		return false
	}
	callers, ended := 0, false
	for _, e := range pass.Program.Callers(fn) {
		if pass.Program.InTest(e.Caller()) || pass.Program.Generated(e.Caller()) || e.Arg >= 0 {
			continue
		}
		callers++
		reach := pass.Effects.Contexts().InReach(e.Site)
		ended = ended || reach != nil && !pass.Effects.Contexts().Endless(reach)
	}
	return callers > 1 && ended
}

func takesContext(fn *ssa.Function) bool {
	return slices.ContainsFunc(fn.Params, func(param *ssa.Parameter) bool { return program.IsNamed(param.Type(), "context", "Context") })
}

// worksForResult tells whether a goroutine has hold of what the function that starts it returns.
func worksForResult(spawn effects.Spawn) bool {
	held := slices.Clone(spawn.Site.Common().Args)
	if closure, ok := spawn.Site.Common().Value.(*ssa.MakeClosure); ok {
		held = append(held, closure.Bindings...)
	}
	for _, b := range spawn.Site.Parent().Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok || len(ret.Results) == 0 {
			continue
		}
		for _, v := range held {
			if slices.ContainsFunc(effects.Aliases(v), func(alias ssa.Value) bool { return slices.Contains(ret.Results, alias) }) {
				return true
			}
		}
	}
	return false
}
