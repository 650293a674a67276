// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// endsWithLeadership tells whether the process ends, or cancels its work, when it stops leading: the callback says so, or
// the main of a function, or any where that is nil or in no main package, runs the election itself and returns with it.
func (e *Effects) endsWithLeadership(of *ssa.Function) bool {
	p := e.Program
	for _, entry := range p.Entries {
		if strings.Contains(entry.Because, "OnStoppedLeading") && !p.InTest(entry.Func) && ends(entry.Func, 0, p) {
			return true
		}
	}
	mains := e.electingMains()
	if of != nil && of.Pkg != nil && of.Pkg.Pkg.Name() == "main" {
		return mains[of.Pkg]
	}
	return len(mains) > 0
}

// electingMains returns the packages of the functions that run an election and nothing behind it: when it is over, they return.
func (e *Effects) electingMains() map[*ssa.Package]bool {
	if e.mains != nil {
		return e.mains
	}
	p, out := e.Program, make(map[*ssa.Package]bool)
	e.mains = out
	for _, fn := range p.Funcs {
		if p.InTest(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			row := program.Model(site)
			if row == nil || row.Pkg != "k8s.io/client-go/tools/leaderelection" || row.Name != "RunOrDie" && row.Name != "Run" {
				continue
			}
			if p.OnlyFromMain(fn) {
				returnsFrom(p, site, 0, out)
			}
		}
	}
	return out
}

// returnsFrom notes the packages of the outermost functions that may return when a call does: nothing that waits for something
// else stands behind it, and nothing makes it anew.
func returnsFrom(p *program.Program, site ssa.CallInstruction, depth int, out map[*ssa.Package]bool) {
	if _, started := site.(*ssa.Go); started || InLoop(site) {
		return
	}
	w := &Paths{Ends: waits}
	if w.ExitAfter(site) == nil {
		return
	}
	callers := p.Callers(site.Parent())
	if depth == 6 || len(callers) == 0 {
		out[outermost(site.Parent()).Pkg] = true
	}
	for _, edge := range callers {
		if depth < 6 && edge.How != program.Starts && !(edge.Arg >= 0 && Repeats(edge.Site)) && !p.InTest(edge.Caller()) {
			returnsFrom(p, edge.Site, depth+1, out)
		}
	}
}

// outermost returns the function that a closure is written in, in the end.
func outermost(fn *ssa.Function) *ssa.Function {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	return fn
}

// ends tells whether a function ends the process, panics, or calls a function value, which is how contexts are cancelled.
func ends(fn *ssa.Function, depth int, p *program.Program) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Panic:
				if x.Pos().IsValid() {
					return true // and not the one behind a select, which never comes
				}
			case *ssa.Call:
				if row := program.Model(x); row != nil && row.Effect == kube.ProcessExit {
					return true
				}
				if t := program.Target(x); t != nil && (strings.HasPrefix(t.Name(), "Fatal") || t.Name() == "Exit" || t.Name() == "Kill") {
					return true
				}
				if cancels(x) && !neverSet(p, x.Call.Value) {
					return true
				}
				for _, callee := range p.Static(x) {
					if depth < 3 && ends(callee, depth+1, p) {
						return true
					}
				}
			}
		}
	}
	return false
}

// cancels tells whether a call is one of a function value without parameters and results, or closes a channel.
func cancels(site *ssa.Call) bool {
	if b, ok := site.Call.Value.(*ssa.Builtin); ok {
		return b.Name() == "close"
	}
	sig := site.Call.Signature()
	return !site.Call.IsInvoke() && site.Call.StaticCallee() == nil && sig.Params().Len() == 0 && sig.Results().Len() == 0
}

// neverSet tells whether a function value is nil whatever happens: nobody gives one.
func neverSet(p *program.Program, fn ssa.Value) bool {
	srcs := p.Sources(fn)
	return len(srcs.Values) > 0 && !srcs.Partial && !slices.ContainsFunc(srcs.Values, func(v ssa.Value) bool { return !program.IsNil(v) })
}
