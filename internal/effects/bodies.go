// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// An HTTP response holds a connection, and two goroutines of the transport, until its body is closed.
// https://pkg.go.dev/net/http#Response

// response returns the resource that a call is when it sends a request and hands out the response: a client of net/http,
// something own code declares that does the same, or a function of own code that returns what it got from one.
func (g *Goroutines) response(call *ssa.Call) (Resource, bool) {
	r := Resource{What: "response body", Stop: "Body.Close", Body: true}
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || !isResponse(firstResult(call)) {
		return r, false
	}
	if target.Pkg().Path() == "net/http" {
		switch target.Name() {
		case "Do", "Get", "Post", "PostForm":
			return r, true
		}
		return r, false
	}
	if call.Call.IsInvoke() && g.p.OwnPackage(target.Pkg()) && len(g.p.Callees(call)) == 0 {
		return r, target.Name() == "Do" && takesRequest(target.Signature())
	}
	edges := g.p.Callees(call)
	for _, e := range edges {
		if e.Arg >= 0 || !g.p.Own(e.Callee) || !g.handsOutResponse(e.Callee) {
			return r, false
		}
	}
	return r, len(edges) > 0
}

func isResponse(t types.Type) bool {
	ptr, ok := t.(*types.Pointer)
	return ok && program.IsNamed(ptr, "net/http", "Response")
}

// takesRequest tells whether the only parameter of a function is a request.
func takesRequest(sig *types.Signature) bool {
	return sig.Params().Len() == 1 && program.IsNamed(sig.Params().At(0).Type(), "net/http", "Request")
}

// handsOutResponse tells whether a function returns a response that it got from a client, and does nothing else with its
// body on any way.
func (g *Goroutines) handsOutResponse(fn *ssa.Function) bool {
	if known, ok := g.responses[fn]; ok {
		return known
	}
	g.responses[fn] = false // who calls itself says nothing
	found := false
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok {
			continue
		}
		r, ok := g.response(call)
		if !ok {
			continue
		}
		if r.Value = tupleElement(call, 0); r.Value == nil {
			continue
		}
		names := g.namesOf(r)
		if slices.ContainsFunc(names, func(v ssa.Value) bool { return g.touchesBody(v, names) }) {
			return false
		}
		found = found || slices.ContainsFunc(names, isReturned)
	}
	g.responses[fn] = found
	return found
}

// touchesBody tells whether a body is read, closed, replaced or given away under one of its names.
func (g *Goroutines) touchesBody(v ssa.Value, names []ssa.Value) bool {
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case ssa.CallInstruction:
			if !isResponse(v.Type()) || g.lets(x, names) {
				return true
			}
		case *ssa.MakeClosure:
			return true
		case *ssa.Store:
			if field, ok := x.Addr.(*ssa.FieldAddr); ok && isResponse(field.X.Type()) {
				return true
			}
		case *ssa.FieldAddr:
			if stored(x) {
				return true
			}
		}
	}
	return false
}

// stored tells whether something is stored at an address.
func stored(addr ssa.Value) bool {
	return slices.ContainsFunc(refs(addr), func(ref ssa.Instruction) bool {
		store, ok := ref.(*ssa.Store)
		return ok && store.Addr == addr
	})
}

func isReturned(v ssa.Value) bool {
	return slices.ContainsFunc(refs(v), func(ref ssa.Instruction) bool {
		_, ok := ref.(*ssa.Return)
		return ok
	})
}

// namesOf are the values that stand for a resource in its function; for a response those that stand for its body, too.
func (g *Goroutines) namesOf(r Resource) []ssa.Value {
	if !r.Body {
		return aliases(r.Value)
	}
	return withBody(aliases(r.Value))
}

// withBody adds the bodies of responses to the values that stand for them.
func withBody(names []ssa.Value) []ssa.Value {
	for _, name := range names {
		for _, ref := range refs(name) {
			addr, ok := ref.(*ssa.FieldAddr)
			if !ok || !isBody(addr) {
				continue
			}
			for _, use := range refs(addr) {
				if load, ok := use.(*ssa.UnOp); ok && load.Op == token.MUL {
					for _, alias := range aliases(load) {
						if !slices.Contains(names, alias) {
							names = append(names, alias)
						}
					}
				}
			}
		}
	}
	return names
}

// isBody tells whether an address is that of the field Body of a response.
func isBody(addr *ssa.FieldAddr) bool {
	if !isResponse(addr.X.Type()) {
		return false
	}
	name, _ := fieldOf(addr.X.Type(), addr.Field)
	return name == "Body"
}

// reads tells whether a call of a library only reads from what it is given: whoever opened it closes it.
func reads(target *types.Func) bool {
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch target.Pkg().Path() {
	case "io", "io/ioutil":
		return target.Name() != "NopCloser"
	case "bufio", "bytes", "encoding/json", "encoding/xml", "encoding/csv", "encoding/gob", "compress/gzip", "fmt", "net/http/httputil":
		return true
	case "k8s.io/apimachinery/pkg/util/yaml", "sigs.k8s.io/yaml", "golang.org/x/net/html", "github.com/json-iterator/go":
		return true
	}
	return false
}

// drains tells whether an instruction reads all that there is: the connection is free then, or broken.
func drains(instr ssa.Instruction) bool {
	call, ok := instr.(*ssa.Call)
	if !ok {
		return false
	}
	target := program.Target(call)
	return target != nil && target.Pkg() != nil && (target.Pkg().Path() == "io" || target.Pkg().Path() == "io/ioutil") && target.Name() == "ReadAll"
}

// seesToBody tells whether a function that is given a response, or its body, can close it or keep it.
func (g *Goroutines) seesToBody(fn *ssa.Function, held ssa.Value, depth int) bool {
	if depth > 4 || len(fn.Blocks) == 0 {
		return true
	}
	names := withBody(aliases(held))
	for _, free := range refs(held) {
		if load, ok := free.(*ssa.UnOp); ok && load.Op == token.MUL {
			names = withBody(append(names, aliases(load)...))
		}
	}
	for _, name := range names {
		for _, ref := range refs(name) {
			if g.closesBody(ref, names, depth) || keepsName(ref, name) {
				return true
			}
			if _, returns := ref.(*ssa.Return); returns || depth > 0 && drains(ref) {
				return true
			}
		}
	}
	return false
}

// closesBody tells whether an instruction closes a body, or gives it to somebody who may.
func (g *Goroutines) closesBody(instr ssa.Instruction, names []ssa.Value, depth int) bool {
	switch x := instr.(type) {
	case ssa.CallInstruction:
		if recv := program.Receiver(x); recv != nil && slices.Contains(names, recv) {
			return stops(program.Target(x))
		}
		for i, arg := range x.Common().Args {
			if isName(arg, names) && g.mayCloseBody(x, i, depth) {
				return true
			}
		}
	case *ssa.MakeClosure:
		for i, bound := range x.Bindings {
			if isName(bound, names) || holds(bound, names) {
				fn := x.Fn.(*ssa.Function)
				if g.seesToBody(fn, fn.FreeVars[i], depth+1) {
					return true
				}
			}
		}
	}
	return false
}

// mayCloseBody tells whether a callee may see to the body that it is given: a library is trusted to, unless it is known
// to read only.
func (g *Goroutines) mayCloseBody(site ssa.CallInstruction, arg, depth int) bool {
	edges := g.p.Callees(site)
	if len(edges) == 0 {
		return !reads(program.Target(site))
	}
	for _, e := range edges {
		for i, param := range e.Callee.Params {
			if program.ArgumentFor(e, i) == site.Common().Args[arg] && !g.seesToBody(e.Callee, param, depth+1) {
				return false
			}
		}
	}
	return true
}

// keepsName tells whether an instruction stores a value for others: in a field, a global, a map, a channel.
func keepsName(instr ssa.Instruction, name ssa.Value) bool {
	switch x := instr.(type) {
	case *ssa.Store:
		_, local := x.Addr.(*ssa.Alloc)
		return !local && x.Val == name
	case *ssa.MapUpdate:
		return x.Value == name
	case *ssa.Send:
		return true
	}
	return false
}
