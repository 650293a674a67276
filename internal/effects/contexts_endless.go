// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// NeverEnds tells whether a context is known to be one that nobody ends: it goes back to Background in all cases, without
// a deadline and without a cancel function that somebody keeps, or to a gRPC request whose only clients send Background.
// To lose such a context is to lose nothing.
func (c *Contexts) NeverEnds(ctx ssa.Value) bool {
	if ctx == nil || !isContextType(ctx.Type()) {
		return false
	}
	return c.endless(c.Of(ctx))
}

// Endless tells of a context in reach what NeverEnds tells of a value.
func (c *Contexts) Endless(reach *InReach) bool { return c.endless(c.Behind(reach)) }

// EndsEarly tells whether a context in reach can end while the process goes on: with the request that it belongs to, at a
// deadline that was put on it, by somebody who keeps its cancel function. What is made when the process starts is kept to
// end the process.
func (c *Contexts) EndsEarly(reach *InReach) bool {
	for _, o := range c.Behind(reach) {
		switch {
		case o.Kind == RequestContext || o.Bounded:
			return true
		case o.Cancellable && o.Kind == BackgroundContext && c.againAndAgain(o.Root):
			return true
		}
	}
	return false
}

// OnlyPolled tells whether nothing ends a context in reach but the poll that hands it to the function that it calls: it comes
// from Background. A call that ignores it can keep the poll a while longer.
func (c *Contexts) OnlyPolled(reach *InReach) bool {
	origins := c.Behind(reach)
	return len(origins) > 0 && !slices.ContainsFunc(origins, func(o ContextOrigin) bool {
		return !o.Polled || o.Cancellable || o.Deferred != nil || o.Kind != BackgroundContext && o.Kind != DetachedContext
	})
}

// againAndAgain tells whether a context is made more than a few times in the life of the process.
func (c *Contexts) againAndAgain(root ssa.Value) bool {
	made, ok := root.(ssa.Instruction)
	return ok && made.Parent() != nil && !c.p.FewTimes(made)
}

// InSight tells whether all that a context in reach can be is known. What comes from where the code does not show may be
// anything.
func (c *Contexts) InSight(reach *InReach) bool {
	return !slices.ContainsFunc(c.Behind(reach), func(o ContextOrigin) bool { return o.Kind == UnknownContext })
}

// Behind returns the origins of a context in reach.
func (c *Contexts) Behind(reach *InReach) []ContextOrigin {
	var out []ContextOrigin
	switch {
	case reach.Field != nil:
		for _, store := range c.p.FieldStores(*reach.Field) {
			if !c.p.InTest(store.Parent()) {
				out = append(out, c.Of(store.Val)...)
			}
		}
	case isPointerToContext(reach.Value.Type()):
		if free, ok := reach.Value.(*ssa.FreeVar); ok {
			if cell, at, ok := captured(free, 0); ok {
				for _, v := range contentOf(cell, at) {
					out = append(out, c.Of(v)...)
				}
			}
		}
	case isContextType(reach.Value.Type()):
		out = c.Of(reach.Value)
	default: // what carries a request
		return []ContextOrigin{{Kind: RequestContext, Root: reach.Value}}
	}
	return unique(out)
}

func (c *Contexts) endless(origins []ContextOrigin) bool {
	for _, o := range origins {
		switch {
		case o.Bounded || o.Cancellable || o.Deferred != nil:
			return false
		case o.Kind == BackgroundContext || o.Kind == DetachedContext:
		case o.Kind == RequestContext && c.blankClients(o.Root):
		default:
			return false
		}
	}
	return len(origins) > 0
}

// blankClients tells whether ctx is the context of a gRPC method whose clients are in own code and all call under
// Background: both sides of a plugin's protocol, for instance.
func (c *Contexts) blankClients(ctx ssa.Value) bool {
	param, ok := ctx.(*ssa.Parameter)
	if !ok {
		return false
	}
	fn := param.Parent()
	e := c.p.EntryAt(fn)
	message := messageOf(fn.Signature)
	if e == nil || e.Kind != program.EntryGRPC || message == nil {
		return false
	}
	calls := 0
	for _, caller := range c.p.Funcs {
		if c.p.InTest(caller) || c.p.Generated(caller) {
			continue
		}
		for site := range program.Sites(caller) {
			target := program.Target(site)
			if target == nil || target.Name() != fn.Name() || !site.Common().IsInvoke() || messageOf(target.Signature()) != message {
				continue
			}
			calls++
			for _, o := range c.Of(ContextArgument(site)) {
				if o.Kind != BackgroundContext || o.Bounded || o.Cancellable {
					return false
				}
			}
		}
	}
	return calls > 0
}

// messageOf returns the type of the request that a gRPC method takes behind its context, or nil.
func messageOf(sig *types.Signature) *types.TypeName {
	if sig.Params().Len() < 2 || !isContextType(sig.Params().At(0).Type()) {
		return nil
	}
	if named := program.Named(sig.Params().At(1).Type()); named != nil {
		return named.Obj()
	}
	return nil
}

// WaitsForEver tells whether a call comes back only when a context ends that nobody ends.
func (c *Contexts) WaitsForEver(call *ssa.Call) bool {
	callee := call.Call.StaticCallee()
	if callee == nil || !c.p.Own(callee) {
		return false
	}
	for i, param := range callee.Params {
		if isContextType(param.Type()) && i < len(call.Call.Args) && c.NeverEnds(call.Call.Args[i]) && c.waitsOut(param) {
			return true
		}
	}
	return false
}

// waitsOut tells whether each way through a function waits for the end of the context that it is given.
func (c *Contexts) waitsOut(ctx *ssa.Parameter) bool {
	w := &Paths{Ends: func(instr ssa.Instruction) bool {
		recv, ok := instr.(*ssa.UnOp)
		if !ok || recv.Op != token.ARROW {
			return false
		}
		done, ok := stripped(recv.X).(*ssa.Call)
		return ok && isDoneCall(done) && c.isParam(done.Call.Value, ctx)
	}}
	return len(ctx.Parent().Blocks) > 0 && w.ExitOf(ctx.Parent()) == nil
}

// isParam tells whether a value is a parameter, or is read from the variable that nothing else is stored in.
func (c *Contexts) isParam(v ssa.Value, param *ssa.Parameter) bool {
	if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
		if cell, ok := load.X.(*ssa.Alloc); ok {
			stored := c.p.StoredAt(cell)
			return len(stored) == 1 && stored[0] == param
		}
	}
	return v == param
}
