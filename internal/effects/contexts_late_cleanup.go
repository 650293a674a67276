// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LateCleanup is a deferred call that takes something back under the context that its function works under, which has a
// deadline or belongs to a request: when the function ends because the context did, the call fails.
type LateCleanup struct {
	Defer *ssa.Defer
	// Site is the call: the deferred one, or one in the deferred closure.
	Site ssa.CallInstruction
	// Work is a call of the function that waits under the context, Origin what ends it.
	Work   ssa.CallInstruction
	Origin ContextOrigin
}

// LateCleanups returns the deferred cleanups of a function that fail when they are needed most, one for each context.
func (e *Effects) LateCleanups(fn *ssa.Function) []LateCleanup {
	var out []LateCleanup
	for site := range program.Sites(fn) {
		d, ok := site.(*ssa.Defer)
		if !ok {
			continue
		}
		ctx, cleanup := e.deferredCleanup(d)
		if cleanup == nil || slices.ContainsFunc(out, func(c LateCleanup) bool { return c.Site == cleanup }) {
			continue
		}
		origin, ends := e.endsInTime(ctx)
		if work := e.worksUnder(d, ctx); ends && work != nil {
			out = append(out, LateCleanup{d, cleanup, work, origin})
		}
	}
	return out
}

// deferredCleanup returns the call that a defer statement makes, itself or in a closure, to take something back, with the
// context of the function that it is given.
func (e *Effects) deferredCleanup(d *ssa.Defer) (ssa.Value, ssa.CallInstruction) {
	closure, ok := d.Call.Value.(*ssa.MakeClosure)
	if !ok {
		if ctx := ContextArgument(d); ctx != nil && takesBack(d) && e.sendsUnder(d, 0) {
			return ctx, d
		}
		return nil, nil
	}
	fn := closure.Fn.(*ssa.Function)
	for i, bound := range closure.Bindings {
		free := fn.FreeVars[i]
		if !isContextType(bound.Type()) && !isPointerToContext(bound.Type()) || stored(free) || looksAt(free) {
			continue
		}
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			if !ok || !isFree(ContextArgument(call), free) || !takesBack(call) || !e.sendsUnder(call, 0) {
				continue
			}
			if cell, ok := bound.(*ssa.Alloc); ok {
				if held := storedIn(cell); len(held) == 1 {
					return held[0], call
				}
				continue // another context may be in it by then
			}
			return bound, call
		}
	}
	return nil, nil
}

// takesBack tells whether a call is there to end or take back what was made: by its effect, or by its name.
func takesBack(site ssa.CallInstruction) bool {
	if row := program.Model(site); row != nil && row.Effect == kube.Delete {
		return true
	}
	name := strings.ToLower(calledBy(site))
	return slices.ContainsFunc([]string{"delete", "remove", "unlock", "release", "stop", "cleanup", "teardown", "revoke", "deregister", "unregister", "terminate", "destroy", "uncordon"},
		func(verb string) bool { return strings.HasPrefix(name, verb) || strings.HasSuffix(name, verb) })
}

// calledBy is the name of the function that a call names, or of the field that holds it.
func calledBy(site ssa.CallInstruction) string {
	if target := program.Target(site); target != nil {
		return target.Name()
	}
	if load, ok := site.Common().Value.(*ssa.UnOp); ok {
		if addr, ok := load.X.(*ssa.FieldAddr); ok {
			return fieldNameAt(addr.X.Type(), addr.Field)
		}
	}
	return ""
}

// sendsUnder tells whether a call that is given a context sends a request under it, or waits in a library for something, in the
// functions that it hands the context to.
func (e *Effects) sendsUnder(site ssa.CallInstruction, depth int) bool {
	target := program.Target(site)
	if isDoneCall(site) || target != nil && goesQuietly(target) || ContextArgument(site) == nil {
		return false
	}
	if e.isRequest(site) || e.Work().At(site) == ForeignWork {
		return target != nil && (target.Pkg() == nil || !isRedis(target.Pkg().Path()))
	}
	edges := e.Program.Callees(site)
	if depth == 3 || len(edges) > maxCallees {
		return false
	}
	for _, edge := range edges {
		if edge.How == program.Starts || edge.Arg >= 0 {
			continue
		}
		for inner := range program.Sites(edge.Callee) {
			if _, started := inner.(*ssa.Go); !started && takesBack(inner) && isParameterOrDerived(ContextArgument(inner), inner) && e.sendsUnder(inner, depth+1) {
				return true
			}
		}
	}
	return false
}

// endsInTime tells whether a context ends, whoever calls, before the process does: all that it can be has a deadline or
// belongs to a request.
func (e *Effects) endsInTime(ctx ssa.Value) (ContextOrigin, bool) {
	origins := e.Contexts().Of(ctx)
	for _, o := range origins {
		if !o.Bounded && o.Kind != RequestContext {
			return o, false
		}
	}
	if len(origins) == 0 {
		return ContextOrigin{}, false
	}
	return origins[0], true
}

// worksUnder returns a call of the function that comes with or behind a defer statement and waits under the context.
func (e *Effects) worksUnder(d *ssa.Defer, ctx ssa.Value) ssa.CallInstruction {
	for site := range program.Sites(d.Parent()) {
		call, ok := site.(*ssa.Call)
		if !ok || !After(d, call) || !sameContext(ContextArgument(call), ctx, call, 0) {
			continue
		}
		if e.isRequest(call) || e.Work().At(call) == ForeignWork || e.Work().Through(call) != nil {
			return call
		}
	}
	return nil
}
