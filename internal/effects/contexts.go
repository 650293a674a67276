// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ContextKind is what a context was in the beginning, before deadlines and values were put on it.
type ContextKind int

// The kinds of contexts.
const (
	// UnknownContext comes from where the reviewed code does not show.
	UnknownContext ContextKind = iota
	// BackgroundContext is context.Background() or context.TODO(): nothing ends it.
	BackgroundContext
	// DetachedContext is one that somebody cut loose on purpose, by context.WithoutCancel, or that a framework makes for
	// those who give it none: nothing ends it either.
	DetachedContext
	// RequestContext ends when an HTTP, gRPC or webhook request was answered.
	RequestContext
	// ReconcileContext ends with the controller, and after the reconciliation timeout where one is set.
	ReconcileContext
	// ProcessContext ends with the process: a signal, a manager's runnable, a command.
	ProcessContext
	// LeaderContext ends with the leadership: the one that OnStartedLeading is given.
	LeaderContext
	// TestContext belongs to a test.
	TestContext
)

// ContextOrigin is one of the contexts that a value can be derived from.
type ContextOrigin struct {
	Kind ContextKind
	// Root is the call or the parameter in which the derivation begins.
	Root ssa.Value
	// Bounded is set when a deadline was put on the way.
	Bounded bool
	// Polled is set where the only deadline is that of the poll which hands the context to the function that it calls.
	Polled bool
	// Cancellable is set when a cancel function of the way was kept, handed on or captured: somebody can end the context.
	Cancellable bool
	// Deferred is the derivation whose cancel function runs, at the latest, when the deriving function returns, or nil.
	Deferred ssa.CallInstruction
}

// Contexts knows where the contexts of the program come from. Ask for it with [Effects.Contexts].
type Contexts struct {
	p       *program.Program
	plugins *plugins
	known   map[ssa.Value][]ContextOrigin
	calls   map[program.Edge]*call
	// asking holds the values whose origins are being asked for.
	asking map[ssa.Value]bool
	// deep is how far the answer being made has gone.
	deep int
	// invoked are the calls of methods of own interfaces that are given a context, by method; nil until asked for.
	invoked map[string][]ssa.CallInstruction
	// executions are the calls that run commands; nil until asked for.
	executions []execution
}

// Contexts returns the derivations of all contexts of the program. They are followed when first asked for.
func (e *Effects) Contexts() *Contexts {
	if e.contexts == nil {
		e.contexts = &Contexts{p: e.Program, plugins: newPlugins(e.Program), known: make(map[ssa.Value][]ContextOrigin),
			calls: make(map[program.Edge]*call), asking: make(map[ssa.Value]bool)}
	}
	return e.contexts
}

// call is a call of an own function that is looked into: its parameters are the arguments of this site, not of all.
type call struct {
	fn    *ssa.Function
	edge  program.Edge
	outer *call
	depth int
	// known holds what was found inside this call; without it, a context that passes many helpers one after the other is
	// followed through each way of each of them.
	known map[ssa.Value][]ContextOrigin
	calls map[program.Edge]*call
}

// into returns the call behind an edge that is met inside outer, which is nil at the top: the same one each time.
func (c *Contexts) into(e program.Edge, outer *call) *call {
	calls, depth := c.calls, 0
	if outer != nil {
		calls, depth = outer.calls, outer.depth+1
	}
	if calls[e] == nil {
		calls[e] = &call{fn: e.Callee, edge: e, outer: outer, depth: depth,
			known: make(map[ssa.Value][]ContextOrigin), calls: make(map[program.Edge]*call)}
	}
	return calls[e]
}

// maxCalls bounds how deep calls that return contexts are looked into, maxDeep how long a derivation may be. A call of more
// than maxCallees functions is one of a registry, each of which derives from what the one before has made: what comes out
// is what went in.
const (
	maxCalls   = 4
	maxDeep    = 60
	maxCallees = 8
)

// Of returns the contexts that v can be derived from, in the order they are found; the same in every run.
func (c *Contexts) Of(v ssa.Value) []ContextOrigin {
	if v == nil {
		return nil
	}
	if known, ok := c.known[v]; ok {
		return known
	}
	if c.asking[v] {
		return nil
	}
	c.asking[v] = true
	found := unique(c.of(v, nil))
	delete(c.asking, v)
	c.known[v] = found
	return found
}

func (c *Contexts) of(v ssa.Value, inside *call) []ContextOrigin {
	if inside == nil {
		return c.follow(v, nil)
	}
	if _, ok := inside.known[v]; !ok {
		inside.known[v] = unique(c.follow(v, inside))
	}
	return inside.known[v]
}

func (c *Contexts) follow(v ssa.Value, inside *call) []ContextOrigin {
	if c.deep >= maxDeep {
		return nil
	}
	c.deep++
	defer func() { c.deep-- }()
	srcs := c.p.SourcesUntil(v, func(v ssa.Value) bool {
		switch v := v.(type) {
		case *ssa.Parameter, *ssa.Call:
			return true
		case *ssa.UnOp:
			_, _, ok := contextCell(v)
			return ok
		case *ssa.Extract:
			_, ok := v.Tuple.(*ssa.Call)
			return ok
		}
		return false
	})
	var out []ContextOrigin
	for _, src := range srcs.Values {
		switch src := src.(type) {
		case *ssa.Parameter:
			out = append(out, c.parameter(src, inside)...)
		case *ssa.Call:
			out = append(out, c.result(src, 0, src, inside)...)
		case *ssa.Extract:
			if site, ok := src.Tuple.(*ssa.Call); ok {
				out = append(out, c.result(site, src.Index, src, inside)...)
				continue
			}
			out = append(out, ContextOrigin{Root: src})
		case *ssa.UnOp:
			out = append(out, c.content(src, inside)...)
		case *ssa.Const: // nil: nothing to wait for
		default:
			out = append(out, ContextOrigin{Root: src})
		}
	}
	return out
}

// content follows a variable to what it can hold where it is read.
func (c *Contexts) content(load *ssa.UnOp, inside *call) []ContextOrigin {
	cell, at, ok := contextCell(load)
	if !ok {
		return []ContextOrigin{{Root: load}}
	}
	if inside != nil && inside.fn != cell.Parent() {
		inside = nil
	}
	var out []ContextOrigin
	for _, v := range contentOf(cell, at) {
		if inside == nil {
			out = append(out, c.Of(v)...)
			continue
		}
		out = append(out, c.of(v, inside)...)
	}
	return out
}

// parameter follows a parameter to the call that is looked into, or to all calls and to the framework that calls it.
func (c *Contexts) parameter(param *ssa.Parameter, inside *call) []ContextOrigin {
	fn := param.Parent()
	index := parameterOf(fn, param)
	if inside != nil && inside.fn == fn {
		if arg := program.ArgumentFor(inside.edge, index); arg != nil {
			if inside.outer == nil {
				return c.Of(arg)
			}
			return c.of(arg, inside.outer)
		}
		return []ContextOrigin{{Root: param}}
	}
	if known, ok := c.known[param]; ok {
		return known
	}
	if c.asking[param] && inside != nil {
		return nil
	}
	wasAsking := c.asking[param]
	c.asking[param] = true
	var out []ContextOrigin
	if e := c.p.EntryAt(fn); e != nil {
		out = append(out, ContextOrigin{Kind: entryContext(e), Root: param})
	}
	for _, e := range c.callers(fn) {
		if arg := program.ArgumentFor(e, index); arg != nil {
			out = append(out, c.Of(arg)...)
		} else if e.Arg >= 0 {
			out = append(out, c.handedOn(e, param)...)
		}
	}
	if len(c.p.Callers(fn)) == 0 && len(out) == 0 {
		out = c.invokedWith(fn, index)
	}
	if len(c.p.Callers(fn)) == 0 && len(out) == 0 {
		out = append(out, ContextOrigin{Root: param})
	}
	if !wasAsking {
		delete(c.asking, param)
	}
	out = unique(out)
	c.known[param] = out
	return out
}

// callers returns the calls of a function, without those in functions that nobody runs, where there are others: what these
// would hand on says nothing.
func (c *Contexts) callers(fn *ssa.Function) []program.Edge {
	all := c.p.Callers(fn)
	idle := func(e program.Edge) bool { return c.p.Idle(e.Caller()) }
	if slices.ContainsFunc(all, idle) && !slices.ContainsFunc(all, func(e program.Edge) bool { return !idle(e) }) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), idle)
}

// handedOn is the context that a library gives to a function it was handed: the one that the library was given itself,
// with a deadline where the library puts one on it.
func (c *Contexts) handedOn(e program.Edge, param *ssa.Parameter) []ContextOrigin {
	arg := ContextArgument(e.Site)
	if arg == nil {
		return []ContextOrigin{{Root: param}}
	}
	if target := program.Target(e.Site); target != nil && target.Name() == "PollUntilContextTimeout" {
		return mark(c.Of(arg), func(o *ContextOrigin) { o.Polled, o.Bounded = !o.Bounded, true })
	}
	return c.Of(arg)
}

func entryContext(e *program.Entry) ContextKind {
	switch e.Kind {
	case program.EntryWebhook, program.EntryHTTP, program.EntryGRPC, program.EntryProbe:
		return RequestContext
	case program.EntryReconcile:
		return ReconcileContext
	case program.EntryRunnable, program.EntryMain, program.EntryInformer: // handlers and maps are given the controller's
		return ProcessContext
	case program.EntryElected:
		return LeaderContext
	case program.EntryTest:
		return TestContext
	}
	return UnknownContext
}

func parameterOf(fn *ssa.Function, param *ssa.Parameter) int {
	for i, p := range fn.Params {
		if p == param {
			return i
		}
	}
	return -1
}

// unique drops origins that were found before.
func unique(in []ContextOrigin) []ContextOrigin {
	seen := make(map[ContextOrigin]bool, len(in))
	var out []ContextOrigin
	for _, o := range in {
		if !seen[o] {
			seen[o] = true
			out = append(out, o)
		}
	}
	return out
}

// ContextArgument returns the context that a call is given: an argument that is one, or whose Done channel is one. The
// receiver does not count. It returns nil where there is none.
func ContextArgument(site ssa.CallInstruction) ssa.Value {
	args := site.Common().Args
	if !site.Common().IsInvoke() && site.Common().Signature().Recv() != nil && len(args) > 0 {
		args = args[1:]
	}
	for _, arg := range args {
		if isContextType(arg.Type()) {
			return arg
		}
		if done, ok := stripped(arg).(*ssa.Call); ok && isDoneCall(done) {
			return program.Receiver(done)
		}
	}
	return nil
}
