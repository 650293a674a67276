// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// result follows a context that a call returned: into the own functions it may run, or by what the library is known to
// make of the context it was given.
func (c *Contexts) result(site *ssa.Call, index int, at ssa.Value, inside *call) []ContextOrigin {
	depth := 0
	if inside != nil {
		depth = inside.depth + 1
	}
	var out []ContextOrigin
	followed := false
	callees := c.p.Callees(site)
	if len(callees) > maxCallees {
		return c.derived(site, at, inside)
	}
	for _, e := range callees {
		if e.Arg >= 0 || depth > maxCalls {
			continue
		}
		frame := c.into(e, inside)
		for _, b := range e.Callee.Blocks {
			if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && index < len(ret.Results) {
				followed = true
				out = append(out, c.of(ret.Results[index], frame)...)
			}
		}
	}
	if followed {
		return out
	}
	return c.derived(site, at, inside)
}

// derived knows the functions of the standard library and of frameworks that make contexts.
func (c *Contexts) derived(site *ssa.Call, at ssa.Value, inside *call) []ContextOrigin {
	target := program.Target(site)
	pkg, name := "", ""
	if target != nil {
		name = target.Name()
		if target.Pkg() != nil {
			pkg = target.Pkg().Path()
		}
	}
	if pkg == "context" {
		switch name {
		case "Background", "TODO":
			return []ContextOrigin{{Kind: BackgroundContext, Root: at}}
		case "WithoutCancel":
			return []ContextOrigin{{Kind: DetachedContext, Root: at}}
		case "WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause":
			return mark(c.parents(site, inside), func(o *ContextOrigin) { o.Bounded, o.Polled = true, false; c.cancel(site, o) })
		case "WithCancel", "WithCancelCause":
			return mark(c.parents(site, inside), func(o *ContextOrigin) { c.cancel(site, o) })
		}
	}
	switch {
	case pkg == "os/signal" && name == "NotifyContext", signalContext(site, name):
		return []ContextOrigin{{Kind: ProcessContext, Root: at}}
	case pkg == "k8s.io/apimachinery/pkg/util/wait" && name == "ContextForChannel" && c.endsAtSignal(site.Call.Args[0]):
		return []ContextOrigin{{Kind: ProcessContext, Root: at}}
	case ContextArgument(site) != nil:
		return c.parents(site, inside)
	case name == "Context":
		return []ContextOrigin{{Kind: c.carrierKind(program.Receiver(site), site.Parent()), Root: at}}
	}
	return []ContextOrigin{{Root: at}}
}

// parents are the origins of the context that a derivation starts from.
func (c *Contexts) parents(site *ssa.Call, inside *call) []ContextOrigin {
	arg := ContextArgument(site)
	// A variable that is derived from itself has the origins of its other assignments.
	if c.asking[arg] {
		return nil
	}
	c.asking[arg] = true
	defer delete(c.asking, arg)
	return c.of(arg, inside)
}

func mark(origins []ContextOrigin, how func(*ContextOrigin)) []ContextOrigin {
	out := make([]ContextOrigin, len(origins))
	for i, o := range origins {
		how(&o)
		out[i] = o
	}
	return out
}

// cancel notes what becomes of the cancel function that a derivation returns.
func (c *Contexts) cancel(site *ssa.Call, o *ContextOrigin) {
	fn := tupleElement(site, 1)
	if fn == nil || fn.Referrers() == nil {
		return
	}
	for _, ref := range *fn.Referrers() {
		switch ref := ref.(type) {
		case *ssa.Defer:
			if ref.Call.Value == fn {
				o.Deferred = site
				continue
			}
			o.Cancellable = true
		case *ssa.Call:
			if ref.Call.Value != fn {
				o.Cancellable = true
			}
		case *ssa.DebugRef:
		case *ssa.Store:
			// A captured variable: it counts when a closure uses it, which is where it was captured for.
			if cell, ok := ref.Addr.(*ssa.Alloc); ok {
				c.cancelCell(cell, site, o)
				continue
			}
			o.Cancellable = true
		default:
			o.Cancellable = true
		}
	}
}

// cancelCell notes what becomes of a cancel function that lives in a variable which closures capture.
func (c *Contexts) cancelCell(cell *ssa.Alloc, site *ssa.Call, o *ContextOrigin) {
	for _, ref := range *cell.Referrers() {
		switch ref := ref.(type) {
		case *ssa.MakeClosure:
			if onlyDeferred(ref) {
				o.Deferred = site
				continue
			}
			o.Cancellable = true
		case *ssa.UnOp:
			for _, use := range *ref.Referrers() {
				if d, ok := use.(*ssa.Defer); ok && d.Call.Value == ref {
					o.Deferred = site
				}
			}
		}
	}
}

// onlyDeferred tells whether a closure is made for nothing but a defer statement.
func onlyDeferred(closure *ssa.MakeClosure) bool {
	for _, use := range *closure.Referrers() {
		switch use := use.(type) {
		case *ssa.Defer:
			if use.Call.Value != closure {
				return false
			}
		case *ssa.DebugRef:
		default:
			return false
		}
	}
	return true
}

// tupleElement returns the value that holds element index of a call's result, or nil where it is not used.
func tupleElement(site ssa.CallInstruction, index int) ssa.Value {
	v := site.Value()
	if v == nil || v.Referrers() == nil {
		return nil
	}
	if _, isTuple := v.Type().(*types.Tuple); !isTuple {
		if index == 0 {
			return v
		}
		return nil
	}
	for _, ref := range *v.Referrers() {
		if ex, ok := ref.(*ssa.Extract); ok && ex.Index == index {
			return ex
		}
	}
	return nil
}

// signalContext recognises the functions that make a context which signals end, among them controller-runtime's, which
// is a variable.
func signalContext(site *ssa.Call, name string) bool {
	if load, ok := site.Call.Value.(*ssa.UnOp); ok {
		if g, ok := load.X.(*ssa.Global); ok {
			name = g.Name()
		}
	}
	if target := program.Target(site); target != nil && target.Pkg() != nil &&
		target.Pkg().Path() == "knative.dev/pkg/signals" && name == "NewContext" {
		return true
	}
	return strings.HasPrefix(name, "SetupSignal")
}

// carrierKind is the kind of context that x.Context() gives in a function, by what x is.
func (c *Contexts) carrierKind(carrier ssa.Value, fn *ssa.Function) ContextKind {
	if carrier == nil {
		return UnknownContext
	}
	t := carrier.Type()
	switch {
	case program.IsNamed(t, cobraPkg, "Command"):
		if c.commandsNeverEnd(fn) {
			return DetachedContext
		}
		return ProcessContext
	case program.IsNamed(t, "testing", "T"), program.IsNamed(t, "testing", "B"):
		return TestContext
	case carriesRequest(t):
		return RequestContext
	}
	return UnknownContext
}

// carriesRequest tells whether t stands for one request and has its context: net/http's request, the contexts of the
// HTTP frameworks, the streams of gRPC.
func carriesRequest(t types.Type) bool {
	n := program.Named(t)
	if n == nil || n.Obj().Pkg() == nil {
		return isStream(t)
	}
	name := n.Obj().Name()
	switch pkg := n.Obj().Pkg().Path(); {
	case pkg == "net/http":
		return name == "Request"
	case pkg == "github.com/gin-gonic/gin", strings.HasPrefix(pkg, "github.com/labstack/echo"):
		return name == "Context"
	case strings.HasPrefix(pkg, "github.com/gofiber/fiber"):
		return name == "Ctx"
	}
	return isStream(t)
}

// isStream recognises the server side of a gRPC stream, generated ones included.
func isStream(t types.Type) bool {
	iface, ok := t.Underlying().(*types.Interface)
	if !ok {
		return false
	}
	have := 0
	for m := range iface.Methods() {
		switch m.Name() {
		case "SendMsg", "RecvMsg", "Context", "SetTrailer":
			have++
		}
	}
	return have == 4
}

func isContextType(t types.Type) bool { return program.IsNamed(t, "context", "Context") }

// isDoneCall tells whether a call is ctx.Done().
func isDoneCall(site ssa.CallInstruction) bool { return isContextMethod(site, "Done") }

// isContextMethod tells whether site calls the method of context.Context with that name.
func isContextMethod(site ssa.CallInstruction, name string) bool {
	common := site.Common()
	return common.IsInvoke() && common.Method.Name() == name && isContextType(common.Value.Type())
}
