// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// closable returns the resource that a call is when it makes something that can be closed: a library's function that
// dials, opens or makes a client, or a constructor of own code whose result has such a thing inside.
func (g *Goroutines) closable(call *ssa.Call) (Resource, bool) {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil {
		return Resource{}, false
	}
	if target.Signature().Recv() != nil || call.Call.IsInvoke() {
		if r, ok := g.handedOpen(call); ok {
			return r, true
		}
		if g.p.OwnPackage(target.Pkg()) {
			return g.owed(call)
		}
		return dialled(call, target)
	}
	stop := closeMethod(firstResult(call))
	if stop == nil {
		return Resource{}, false
	}
	if !g.p.OwnPackage(target.Pkg()) {
		return Resource{What: nameOfType(firstResult(call)), Stop: stop.Name(), Idle: strings.HasPrefix(target.Name(), "New")}, opens(target)
	}
	for _, callee := range g.p.Static(call) {
		if g.opensWithin(callee, g.p.Method(firstResult(call), stop.Name())) {
			return Resource{What: nameOfType(firstResult(call)), Stop: stop.Name()}, true
		}
	}
	if r, ok := g.handedOpen(call); ok {
		return r, true
	}
	return g.owed(call)
}

// dialled returns the connection that a library's dialer makes: a method called Dial, or the like, whose first result can be
// closed and whose last is an error.
func dialled(call *ssa.Call, target *types.Func) (Resource, bool) {
	results, stop := target.Signature().Results(), closeMethod(firstResult(call))
	if stop == nil || results.Len() < 2 || !isErrorType(results.At(results.Len()-1).Type()) || !strings.HasPrefix(target.Name(), "Dial") {
		return Resource{}, false
	}
	return Resource{What: nameOfType(firstResult(call)), Stop: stop.Name()}, true
}

// closeMethod returns the method by which a value is closed, or nil.
func closeMethod(t types.Type) *types.Func {
	if t == types.Typ[types.Invalid] || isResponse(t) {
		return nil
	}
	for _, name := range []string{"Close", "Disconnect"} {
		obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
		method, ok := obj.(*types.Func)
		if !ok {
			continue
		}
		params := method.Signature().Params()
		if params.Len() == 0 || params.Len() == 1 && isContextType(params.At(0).Type()) {
			return method
		}
	}
	return nil
}

// opens tells whether a library's function makes a connection or a client, by its name and by what it returns. The
// standard library's files and decoders hold no goroutine and no connection.
func opens(target *types.Func) bool {
	results := target.Signature().Results()
	if results.Len() != 2 || !isErrorType(results.At(1).Type()) {
		return false
	}
	if host, _, _ := strings.Cut(target.Pkg().Path(), "/"); !strings.Contains(host, ".") {
		switch target.Pkg().Path() {
		case "net", "crypto/tls", "net/rpc":
			return strings.HasPrefix(target.Name(), "Dial")
		}
		return false
	}
	for _, prefix := range []string{"Dial", "Connect", "Open"} {
		if strings.HasPrefix(target.Name(), prefix) {
			return true
		}
	}
	return strings.HasPrefix(target.Name(), "New") && strings.Contains(target.Name(), "Client")
}

// opensWithin tells whether a constructor of own code keeps something that it opens in what it returns, and close gives it
// up: its caller has it then. What the constructor also keeps elsewhere, or hands to a goroutine, has another owner.
func (g *Goroutines) opensWithin(fn, closer *ssa.Function) bool {
	if known, ok := g.constructors[fn]; ok {
		return known
	}
	g.constructors[fn] = false // who calls itself says nothing
	g.constructors[fn] = closer != nil && stopsSomething(closer) && returnsOwn(fn) && g.opensFor(fn)
	return g.constructors[fn]
}

// opensFor tells whether a constructor opens something for its result, and starts no goroutine.
func (g *Goroutines) opensFor(fn *ssa.Function) bool {
	opened := false
	for site := range program.Sites(fn) {
		if _, starts := site.(*ssa.Go); starts {
			return false
		}
		call, ok := site.(*ssa.Call)
		if !ok {
			continue
		}
		r, ok := g.ResourceAt(call)
		opened = opened || ok && !r.Body && storedInResult(r.Value, fn) || g.opensInside(call, fn)
	}
	return opened
}

// opensInside tells whether a plain function of own code, which fn calls, hands out what it opened, and fn keeps that in
// its result.
func (g *Goroutines) opensInside(call *ssa.Call, fn *ssa.Function) bool {
	v := tupleElement(call, 0)
	if v == nil || closeMethod(firstResult(call)) == nil || !storedInResult(v, fn) {
		return false
	}
	for _, callee := range g.p.Static(call) {
		for site := range program.Sites(callee) {
			inner, ok := site.(*ssa.Call)
			if !ok || callee == fn {
				continue
			}
			if r, ok := g.ResourceAt(inner); ok && slices.ContainsFunc(aliases(r.Value), isReturned) {
				return true
			}
		}
	}
	return false
}

// storedInResult tells whether a value is stored in a field of something that fn makes.
func storedInResult(v ssa.Value, fn *ssa.Function) bool {
	for _, alias := range aliases(v) {
		for _, ref := range refs(alias) {
			store, ok := ref.(*ssa.Store)
			if !ok || store.Val != alias {
				continue
			}
			if field, ok := store.Addr.(*ssa.FieldAddr); ok {
				if made, ok := field.X.(*ssa.Alloc); ok && slices.ContainsFunc(aliases(made), isReturned) {
					return true
				}
			}
		}
	}
	return false
}

// returnsOwn tells whether all that fn returns first is nil or made by it, and kept nowhere else.
func returnsOwn(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok || len(ret.Results) == 0 {
			continue
		}
		switch v := stripped(ret.Results[0]).(type) {
		case *ssa.Const:
		case *ssa.Alloc:
			for _, alias := range aliases(v) {
				if slices.ContainsFunc(refs(alias), func(ref ssa.Instruction) bool { return keepsName(ref, alias) }) {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

// stopsSomething tells whether a method calls a stop, or closes a channel.
func stopsSomething(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		if b, ok := site.Common().Value.(*ssa.Builtin); ok && b.Name() == "close" || stops(program.Target(site)) {
			return true
		}
	}
	return false
}

// nameOfType names a resource by its type, for a sentence.
func nameOfType(t types.Type) string {
	named := program.Named(t)
	if named == nil {
		return "connection"
	}
	if pkg := named.Obj().Pkg(); pkg != nil {
		return pkg.Name() + "." + named.Obj().Name()
	}
	return named.Obj().Name()
}

// partsOf returns what methods of a library's resource returned: the resource is in use as long as they are.
func (g *Goroutines) partsOf(r Resource, names []ssa.Value) []ssa.Value {
	var out []ssa.Value
	if r.Stop != "Close" {
		return nil
	}
	for _, name := range names {
		for _, ref := range refs(name) {
			call, ok := ref.(*ssa.Call)
			if !ok || program.Receiver(call) != name || len(g.p.Callees(call)) > 0 {
				continue
			}
			for i := range max(1, call.Call.Signature().Results().Len()) {
				if part := tupleElement(call, i); part != nil && isPart(part.Type()) {
					out = append(out, aliases(part)...)
				}
			}
		}
	}
	return out
}

// isPart tells whether a value of a type can refer to what made it.
func isPart(t types.Type) bool {
	if isErrorType(t) {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer, *types.Interface, *types.Signature, *types.Chan:
		return true
	case *types.Struct:
		return u.NumFields() > 0
	}
	return false
}

// keptForOthers tells whether a value is stored for others or captured.
func keptForOthers(v ssa.Value) bool {
	return slices.ContainsFunc(refs(v), func(ref ssa.Instruction) bool {
		_, captured := ref.(*ssa.MakeClosure)
		return captured || keepsName(ref, v)
	})
}
