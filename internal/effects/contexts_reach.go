// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// InReach is a context that code could use.
type InReach struct {
	// Expr is how the code would write it: ctx, r.Context(), s.ctx.
	Expr string
	// From says what it is, for a sentence: "parameter ctx".
	From string
	// Value is the context, or what carries it.
	Value ssa.Value
	// Field is the field of Value that holds the context, or nil.
	Field *program.FieldKey
	// Own is set when the function itself has it; otherwise one of its callers does.
	Own bool
	// Edge is the call by which the caller could hand it on, where Own is not set.
	Edge program.Edge
}

// InReach returns the context that an instruction could use instead of a new one: a parameter, what carries a request,
// a captured variable, a field of the receiver. nil if there is none in its function.
func (c *Contexts) InReach(at ssa.Instruction) *InReach {
	fn := at.Parent()
	if found := parameterInReach(fn); found != nil {
		return found
	}
	for _, free := range fn.FreeVars {
		if name := free.Name(); name != "_" && name != "" {
			if isContextType(free.Type()) || isPointerToContext(free.Type()) {
				return &InReach{Expr: name, From: "captured " + name, Value: free, Own: true}
			}
		}
	}
	if found := c.localInReach(at); found != nil {
		return found
	}
	return receiverInReach(fn)
}

func parameterInReach(fn *ssa.Function) *InReach {
	for _, param := range fn.Params {
		name := param.Name()
		if param.Object() == nil || param.Object().Name() == "" || name == "_" {
			continue // SSA names what has no name
		}
		switch {
		case isContextType(param.Type()):
			return &InReach{Expr: name, From: "parameter " + name, Value: param, Own: true}
		case program.IsNamed(param.Type(), "github.com/gin-gonic/gin", "Context"):
			return &InReach{Expr: name + ".Request.Context()", From: "request of parameter " + name, Value: param, Own: true}
		case carriesRequest(param.Type()):
			return &InReach{Expr: name + ".Context()", From: "request of parameter " + name, Value: param, Own: true}
		}
	}
	return nil
}

// localInReach finds a context that the function got before the instruction, and that is not rooted in Background.
func (c *Contexts) localInReach(at ssa.Instruction) *InReach {
	for _, b := range at.Parent().Blocks {
		if !b.Dominates(at.Block()) {
			continue
		}
		for _, instr := range b.Instrs {
			if instr == at {
				break
			}
			call, ok := instr.(*ssa.Call)
			if !ok || !isContextType(call.Type()) {
				continue
			}
			for _, o := range c.Of(call) {
				switch o.Kind {
				case RequestContext, ReconcileContext, ProcessContext, LeaderContext:
					return &InReach{Expr: "ctx", From: "context of " + Describe(call), Value: call, Own: true}
				}
			}
		}
	}
	return nil
}

// receiverInReach finds a context, or the stop channel that older code has instead, in a field of the receiver.
func receiverInReach(fn *ssa.Function) *InReach {
	if fn.Signature.Recv() == nil || len(fn.Params) == 0 {
		return nil
	}
	recv := fn.Params[0]
	named := program.Named(recv.Type())
	if named == nil || recv.Name() == "" || recv.Name() == "_" {
		return nil
	}
	s, ok := named.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	for i := range s.NumFields() {
		if f := s.Field(i); isContextType(f.Type()) && !f.Embedded() {
			expr := recv.Name() + "." + f.Name()
			return &InReach{Expr: expr, From: "field " + named.Obj().Name() + "." + f.Name(), Value: recv,
				Field: &program.FieldKey{Type: named, Index: i}, Own: true}
		}
	}
	return nil
}

// CallerInReach returns the context that a caller of fn has at the call and could hand on, looking up to three calls
// back; the nearest, in source order. Test code does not count, and neither does a context that never ends; where skip
// says so of one, neither it nor what lies behind it.
func (c *Contexts) CallerInReach(fn *ssa.Function, skip func(*InReach) bool) *InReach {
	seen := map[*ssa.Function]bool{fn: true}
	level := []*ssa.Function{fn}
	for range 3 {
		var next []*ssa.Function
		for _, fn := range level {
			for _, e := range c.waiting(fn) {
				caller := e.Caller()
				if seen[caller] || e.How != program.Calls || c.p.InTest(caller) || c.plugins.crosses(e) {
					continue
				}
				seen[caller] = true
				if found := c.InReach(e.Site); found != nil && !c.Endless(found) && !c.ofOperation(found) {
					found.Own, found.Edge = false, e
					if skip(found) {
						continue
					}
					return found
				}
				next = append(next, caller)
			}
		}
		level = next
	}
	return nil
}

// waiting returns the calls that wait for fn. Where a function was handed a closure and runs it, they are the calls by
// which it was handed over: the other closures that it is given have nothing to do with this one.
func (c *Contexts) waiting(fn *ssa.Function) []program.Edge {
	edges := c.p.Callers(fn)
	if fn.Parent() == nil {
		return edges
	}
	var out []program.Edge
	for _, e := range edges {
		out = append(out, c.handovers(fn, e)...)
	}
	return out
}

// handovers returns the calls by which the function around a closure hands it to the function that runs it at an edge;
// the edge itself where there are none.
func (c *Contexts) handovers(closure *ssa.Function, e program.Edge) []program.Edge {
	var out []program.Edge
	for site := range program.Sites(closure.Parent()) {
		for i, arg := range site.Common().Args {
			if !isClosure(arg, closure) {
				continue
			}
			for _, callee := range c.p.Callees(site) {
				if callee.Callee == e.Caller() && callee.How == program.Calls {
					out = append(out, program.Edge{Site: site, Callee: closure, How: e.How, Arg: i})
				}
			}
		}
	}
	if out == nil {
		return []program.Edge{e}
	}
	return out
}

// isClosure tells whether v is the function fn, made where it is used.
func isClosure(v ssa.Value, fn *ssa.Function) bool {
	v = stripped(v)
	if made, ok := v.(*ssa.MakeClosure); ok {
		v = made.Fn
	}
	return v == ssa.Value(fn)
}

// ofOperation tells whether a context in reach is a field in which a caller keeps a context with a deadline: the deadline
// is that of the operation which the field is named after, and not of everything that its methods call.
func (c *Contexts) ofOperation(reach *InReach) bool {
	if reach.Field == nil {
		return false
	}
	origins := c.Behind(reach)
	for _, o := range origins {
		if !o.Bounded {
			return false
		}
	}
	return len(origins) > 0
}

// OfOther tells whether a context in reach is a field with the deadline of an operation that fn does not belong to: nothing
// in fn reads it.
func (c *Contexts) OfOther(reach *InReach, fn *ssa.Function) bool {
	if !c.ofOperation(reach) {
		return false
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if addr, ok := instr.(*ssa.FieldAddr); ok {
				if key, ok := program.FieldKeyOf(addr.X.Type(), addr.Field); ok && key == *reach.Field {
					return false
				}
			}
		}
	}
	return true
}

func isPointerToContext(t types.Type) bool {
	ptr, ok := t.(*types.Pointer)
	return ok && isContextType(ptr.Elem())
}

// TakesStop tells whether a function is given a stop channel: a parameter, or a field of one that is no receiver, that is a
// channel of empty structs to receive from.
func TakesStop(fn *ssa.Function) bool {
	isStop := func(t types.Type) bool {
		ch, ok := t.Underlying().(*types.Chan)
		return ok && ch.Dir() == types.RecvOnly && isEmptyStruct(ch.Elem())
	}
	params := fn.Params
	if fn.Signature.Recv() != nil && len(params) > 0 {
		params = params[1:]
	}
	for _, param := range params {
		if isStop(param.Type()) {
			return true
		}
		named := program.Named(param.Type())
		if named == nil {
			continue
		}
		if s, ok := named.Underlying().(*types.Struct); ok {
			for f := range s.Fields() {
				if isStop(f.Type()) {
					return true
				}
			}
		}
	}
	return false
}
