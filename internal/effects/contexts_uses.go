// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ContextUse is a call that is given a context.
type ContextUse struct {
	Site   ssa.CallInstruction
	Kind   WorkKind
	Origin ContextOrigin
}

// ContextRoot is a context made out of nothing, and what is done under it.
type ContextRoot struct {
	Site ssa.CallInstruction
	Uses []ContextUse
	// Variant is the name of the function that takes a context, where the root is a call of the one without; empty else.
	Variant string
}

// Roots returns the calls of context.Background and context.TODO in own code that reach a call leaving the process, with
// these calls; in source order. Tests and generated code are left out.
func (e *Effects) Roots() []*ContextRoot {
	if e.roots == nil {
		e.roots = e.findRoots()
	}
	return e.roots
}

func (e *Effects) findRoots() []*ContextRoot {
	byRoot := make(map[ssa.Value]*ContextRoot)
	contexts, work, p := e.Contexts(), e.Work(), e.Program
	for _, fn := range p.Funcs {
		if p.InTest(fn) || p.Generated(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			ctx := ContextArgument(site)
			if ctx == nil {
				continue
			}
			kind := work.At(site)
			if wait := groupWait(site); wait != nil {
				site, kind = wait, ForeignWork
			}
			if kind == NoWork {
				continue
			}
			for _, o := range contexts.Of(ctx) {
				if o.Kind != BackgroundContext {
					continue
				}
				root := byRoot[o.Root]
				if root == nil {
					root = &ContextRoot{Site: o.Root.(ssa.CallInstruction)}
					byRoot[o.Root] = root
				}
				root.Uses = append(root.Uses, ContextUse{Site: site, Kind: kind, Origin: o})
			}
		}
	}
	e.requestRoots(byRoot)
	e.variantRoots(byRoot)
	out := []*ContextRoot{}
	for _, fn := range p.Funcs {
		for site := range program.Sites(fn) {
			if v := site.Value(); v != nil && byRoot[v] != nil {
				out = append(out, byRoot[v])
			}
		}
	}
	return out
}

// requestRoots adds the requests that are made without a context, which run under Background, with the calls that send
// them. https://pkg.go.dev/net/http#NewRequest
func (e *Effects) requestRoots(byRoot map[ssa.Value]*ContextRoot) {
	for made, senders := range e.requestSenders() {
		target := program.Target(made)
		fn := made.Parent()
		if target.Name() != "NewRequest" || e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		root := &ContextRoot{Site: made}
		for _, send := range senders {
			root.Uses = append(root.Uses, ContextUse{Site: send, Kind: NetworkWork, Origin: ContextOrigin{Kind: BackgroundContext, Root: made.Value()}})
		}
		byRoot[made.Value()] = root
	}
}

// MakesContext tells whether a root is a context, and not a call that is made without one.
func (r *ContextRoot) MakesContext() bool { return r.Variant == "" && !makesRequest(r.Site) }

const errgroupPkg = "golang.org/x/sync/errgroup"

// groupWait returns the call that waits for the goroutines of the group that site makes with a context of its own; nil
// where site makes none. What the goroutines do is bound to the group's context, or to nothing.
func groupWait(site ssa.CallInstruction) ssa.CallInstruction {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != errgroupPkg || target.Name() != "WithContext" {
		return nil
	}
	group := tupleElement(site, 0)
	if group == nil {
		return nil
	}
	for _, alias := range aliases(group) {
		for _, ref := range *alias.Referrers() {
			if call, ok := ref.(ssa.CallInstruction); ok {
				if t := program.Target(call); t != nil && t.Name() == "Wait" && program.Receiver(call) == alias {
					return call
				}
			}
		}
	}
	return nil
}

// FallsBack tells whether a call stands behind a test that found another context to be nil.
func FallsBack(site ssa.CallInstruction) bool {
	for _, pred := range site.Block().Preds {
		branch, ok := pred.Instrs[len(pred.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		if cmp, ok := branch.Cond.(*ssa.BinOp); ok && cmp.Op == token.EQL && isContextType(cmp.X.Type()) {
			return true
		}
	}
	return returnedInstead(site) || replaced(site)
}

// replaced tells whether a new context is only what a variable begins with: another one is assigned to it where there is
// one.
func replaced(site ssa.CallInstruction) bool {
	fresh := site.Value()
	if fresh == nil {
		return false
	}
	for _, ref := range refs(fresh) {
		switch x := ref.(type) {
		case *ssa.Phi:
			if slices.ContainsFunc(x.Edges, func(v ssa.Value) bool { return v != fresh && !derivesFrom(v, x) && !derivesFrom(v, fresh) }) {
				return true
			}
		case *ssa.Store:
			cell, ok := x.Addr.(*ssa.Alloc)
			if ok && slices.ContainsFunc(refs(cell), func(other ssa.Instruction) bool {
				store, ok := other.(*ssa.Store)
				return ok && store.Addr == cell && store.Val != fresh && !derivesFrom(store.Val, cell) && !derivesFrom(store.Val, fresh) && MayPrecede(x, store)
			}) {
				return true
			}
		}
	}
	return false
}

// derivesFrom tells whether a context is made by calls that take one which comes from somewhere: WithTimeout(ctx, d).
func derivesFrom(v, from ssa.Value) bool {
	for range 8 {
		switch x := v.(type) {
		case *ssa.Extract:
			v = x.Tuple
			continue
		case *ssa.UnOp:
			v = x.X
		case *ssa.Call:
			if v = ContextArgument(x); v == nil {
				return false
			}
		}
		if v == from {
			return true
		}
	}
	return false
}

// returnedInstead tells whether a function hands a new context back where it has none to hand on: some other return of it
// gives a context that it was given.
func returnedInstead(site ssa.CallInstruction) bool {
	call, ok := site.(*ssa.Call)
	if !ok {
		return false
	}
	here, elsewhere := false, false
	for _, b := range site.Parent().Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok || len(ret.Results) != 1 || !isContextType(ret.Results[0].Type()) {
			continue
		}
		if ret.Results[0] == call {
			here = true
		} else if _, made := ret.Results[0].(*ssa.Call); !made {
			elsewhere = true
		}
	}
	return here && elsewhere
}
