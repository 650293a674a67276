// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// Freshness says where a read is served from.
type Freshness int

// The states of freshness.
const (
	// FreshnessUnknown: the client comes from where the code does not show.
	FreshnessUnknown Freshness = iota
	// Cached reads come from an informer's store and may be stale.
	Cached
	// Live reads go to the API server.
	Live
)

// ClientOf answers whether reads of objects of type t through client v are cached or live, and where the client was
// made. Unstructured objects bypass the cache of a manager's client unless it was told otherwise, see
// controller-runtime's client.CacheOptions.
func (p *Program) ClientOf(v ssa.Value, t types.Type) (Freshness, string) { return p.clientOf(v, t, 0) }

// clientOf answers for ClientOf. The depth is how many clients were made of this one so far: a client may be wrapped in a
// loop, or by who wraps it.
func (p *Program) clientOf(v ssa.Value, t types.Type, depth int) (Freshness, string) {
	answer, because, first := FreshnessUnknown, "", true
	for _, src := range p.Sources(v).Values {
		if unused(src) || p.madeForTests(src) {
			continue
		}
		one, why := p.clientSource(src, t, depth)
		if !first && one != answer {
			return FreshnessUnknown, ""
		}
		answer, because, first = one, why, false
	}
	return answer, because
}

// unused tells whether a source is a parameter that nobody in own code passes, or nil: a constructor for tests says
// nothing about production.
func unused(src ssa.Value) bool {
	if c, ok := src.(*ssa.Const); ok {
		return c.Value == nil
	}
	_, ok := src.(*ssa.Parameter)
	return ok
}

// madeForTests tells whether a source stands in a test or in a package of test helpers, whose managers are not those of
// production.
func (p *Program) madeForTests(src ssa.Value) bool {
	fn := src.Parent()
	return fn != nil && (p.TestSupport(fn) || p.InTest(fn) && !p.Tests())
}

func (p *Program) clientSource(src ssa.Value, t types.Type, depth int) (Freshness, string) {
	call, ok := src.(*ssa.Call)
	if ex, isExtract := src.(*ssa.Extract); isExtract {
		call, ok = ex.Tuple.(*ssa.Call)
	}
	if !ok || depth > 6 {
		return FreshnessUnknown, ""
	}
	row := Model(call)
	switch {
	case row == nil && wrapsReader(call):
		return p.wrapped(call, t, depth+1)
	case row == nil:
		return FreshnessUnknown, ""
	case row.Effect == kube.ClientWrapper:
		return p.wrapped(call, t, depth+1)
	case row.Effect == kube.ClientNavigation || row.Effect == kube.SubresourceClient:
		if row.Shape {
			return Live, fmt.Sprintf("the clientset used at %s", p.At(call.Pos()))
		}
		return p.clientOf(Receiver(call), t, depth+1)
	}
	where := fmt.Sprintf("%s at %s", row.Name, p.At(call.Pos()))
	switch row.Provenance {
	case "cached":
		return p.exempt(call, t), where
	case "live":
		if readsThrough(p.cacheOptions(call)) {
			return p.exempt(call, t), where
		}
		return Live, where
	}
	return FreshnessUnknown, where
}

// wrapped answers for a client that is made of another.
func (p *Program) wrapped(call *ssa.Call, t types.Type, depth int) (Freshness, string) {
	for i := range call.Call.Args {
		arg := Argument(call, i)
		if arg == nil || !types.IsInterface(arg.Type()) {
			continue
		}
		if f, why := p.clientOf(arg, t, depth); f != FreshnessUnknown {
			return f, why
		}
	}
	return FreshnessUnknown, ""
}

// wrapsReader tells whether a library function makes a client of the one client that it is given.
func wrapsReader(call *ssa.Call) bool {
	results := call.Call.Signature().Results()
	if results.Len() == 0 || call.Call.IsInvoke() {
		return false
	}
	readers := 0
	for _, arg := range call.Call.Args {
		if isReader(arg.Type()) {
			readers++
			face := arg.Type().Underlying().(*types.Interface)
			if !types.Implements(results.At(0).Type(), face) {
				return false
			}
		}
	}
	return readers == 1
}

// isReader knows controller-runtime's client interfaces.
func isReader(t types.Type) bool {
	for _, name := range []string{"Client", "Reader", "WithWatch"} {
		if IsNamed(t, clientPkg, name) && types.IsInterface(t) {
			return true
		}
	}
	return false
}

// ReadsCache tells whether some client that v can be reads objects of type t from a cache. It says less than
// [Program.ClientOf]: other clients, and such whose making the code does not show, may be among them. A reconciler that
// embeds a client and is handed on as one reads as that client does.
func (p *Program) ReadsCache(v ssa.Value, t types.Type) bool { return p.readsCache(v, t, 0) }

func (p *Program) readsCache(v ssa.Value, t types.Type, depth int) bool {
	for _, src := range p.Sources(v).Values {
		if p.madeForTests(src) {
			continue
		}
		if one, _ := p.clientSource(src, t, 0); one == Cached {
			return true
		}
		if depth == 3 {
			continue
		}
		for _, inner := range p.embeddedClients(src) {
			if p.readsCache(inner, t, depth+1) {
				return true
			}
		}
	}
	return false
}

// embeddedClients returns what is stored into the client that a struct embeds.
func (p *Program) embeddedClients(holder ssa.Value) []ssa.Value {
	named := Named(holder.Type())
	if named == nil {
		return nil
	}
	s, ok := named.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	var out []ssa.Value
	for i := range s.NumFields() {
		if f := s.Field(i); f.Embedded() && isReader(f.Type()) {
			for _, store := range p.FieldStores(FieldKey{Type: named, Index: i}) {
				out = append(out, store.Val)
			}
		}
	}
	return out
}
