// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// returnedUnder returns the calls that open something under the context and whose result is returned although the
// function cancels the context when it returns.
func (e *Effects) returnedUnder(d *derivation) []Over {
	var out []Over
	for _, cancel := range d.deferred {
		for site := range program.Sites(d.made.Parent()) {
			if !After(cancel, site) || !slices.ContainsFunc(contextsOf(site), func(ctx ssa.Value) bool { return d.is(ctx, site, 0) }) {
				continue
			}
			if slices.ContainsFunc(e.boundTo(site), isReturned) {
				out = append(out, Over{Site: site, Made: d.made, By: cancel, Way: OverReturned})
			}
		}
	}
	return out
}

// boundTo returns the names of what a call makes that is of no use when the call's context is over; none where it makes no
// such thing. Connections and clients need their context only to be made.
func (e *Effects) boundTo(site ssa.CallInstruction) []ssa.Value {
	if r, ok := e.Goroutines().ResourceAt(site); ok && e.endsWithContext(r) {
		return e.Goroutines().namesOf(r)
	}
	made := tupleElement(site, 0)
	if made == nil {
		return nil
	}
	target := program.Target(site)
	switch {
	case makesRequest(site), rebinds(target), isClientStream(made.Type()):
	case target != nil && target.Pkg() != nil && target.Pkg().Path() == "os/exec" && target.Name() == "CommandContext":
	default:
		return nil
	}
	return aliases(made)
}

// rebinds tells whether a method gives a request another context.
func rebinds(target *types.Func) bool {
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "net/http" || target.Signature().Recv() == nil {
		return false
	}
	return target.Name() == "WithContext" || target.Name() == "Clone"
}

// OpensStream tells whether a call opens the caller's side of a gRPC stream.
func OpensStream(site ssa.CallInstruction) bool {
	made := tupleElement(site, 0)
	return made != nil && isClientStream(made.Type())
}

// isClientStream tells whether a type is the caller's side of a gRPC stream, which ends with its context.
// https://pkg.go.dev/google.golang.org/grpc#ClientStream
func isClientStream(t types.Type) bool {
	if !types.IsInterface(t) {
		return false
	}
	for _, name := range []string{"CloseSend", "RecvMsg", "SendMsg"} {
		if obj, _, _ := types.LookupFieldOrMethod(t, false, nil, name); obj == nil {
			return false
		}
	}
	return true
}

// contextsOf returns the contexts that a call can run under: its argument, or those of the requests that it may send.
func contextsOf(site ssa.CallInstruction) []ssa.Value {
	if ctx := ContextArgument(site); ctx != nil {
		return []ssa.Value{ctx}
	}
	var out []ssa.Value
	for _, arg := range site.Common().Args {
		if program.IsNamed(arg.Type(), "net/http", "Request") {
			out = append(out, requestContexts(arg, 0)...)
		}
	}
	return out
}

// requestContexts follows a request back to the calls that gave it a context.
func requestContexts(request ssa.Value, depth int) []ssa.Value {
	if depth > 6 {
		return nil
	}
	values := []ssa.Value{}
	switch x := request.(type) {
	case *ssa.Extract:
		return requestContexts(x.Tuple, depth+1)
	case *ssa.Phi:
		values = x.Edges
	case *ssa.UnOp:
		if cell, ok := x.X.(*ssa.Alloc); ok {
			values = storedIn(cell)
		}
	case *ssa.Call:
		if ctx := ContextArgument(x); ctx != nil {
			return []ssa.Value{ctx}
		}
	}
	var out []ssa.Value
	for _, v := range values {
		out = append(out, requestContexts(v, depth+1)...)
	}
	return out
}

// endsWithContext tells whether what was opened under a context is of no use without it: a watch, a stream, rows, the body
// of a response that a caller reads. Connections and clients need their context only to be made.
func (e *Effects) endsWithContext(r Resource) bool {
	switch r.What {
	case "watch", "stream", "rows of a query":
		return true
	case "response body":
		return slices.ContainsFunc(e.Program.Callers(r.Site.Parent()), e.readsBody)
	}
	return false
}

// readsBody tells whether a call's response is read where the call stands.
func (e *Effects) readsBody(edge program.Edge) bool {
	response := tupleElement(edge.Site, 0)
	if response == nil {
		return false
	}
	for _, name := range withBody(aliases(response)) {
		for _, ref := range refs(name) {
			if site, ok := ref.(ssa.CallInstruction); ok && program.Receiver(site) != name && !isResponse(name.Type()) && reads(program.Target(site)) {
				return true
			}
		}
	}
	return false
}
