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

// String returns the word that reports use.
func (f Freshness) String() string { return [...]string{"unknown", "cached", "live"}[f] }

// ClientOf answers whether reads of objects of type t through client v are cached or live, and where the client was
// made. Unstructured objects bypass the cache of a manager's client unless it was told otherwise, see
// controller-runtime's client.CacheOptions.
func (p *Program) ClientOf(v ssa.Value, t types.Type) (Freshness, string) {
	answer, because, first := FreshnessUnknown, "", true
	for _, src := range p.Sources(v).Values {
		if unused(src) {
			continue
		}
		one, why := p.clientSource(src, t, 0)
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

func (p *Program) clientSource(src ssa.Value, t types.Type, depth int) (Freshness, string) {
	call, ok := src.(*ssa.Call)
	if ex, isExtract := src.(*ssa.Extract); isExtract {
		call, ok = ex.Tuple.(*ssa.Call)
	}
	if !ok || depth > 6 {
		return FreshnessUnknown, ""
	}
	row := Model(call)
	if row == nil {
		return FreshnessUnknown, ""
	}
	switch row.Effect {
	case kube.ClientWrapper:
		for i := range call.Call.Args {
			arg := Argument(call, i)
			if arg == nil || !types.IsInterface(arg.Type()) {
				continue
			}
			if f, why := p.ClientOf(arg, t); f != FreshnessUnknown {
				return f, why
			}
		}
		return FreshnessUnknown, ""
	case kube.ClientNavigation, kube.SubresourceClient:
		if row.Shape {
			return Live, fmt.Sprintf("the clientset used at %s", p.At(call.Pos()))
		}
		return p.ClientOf(Receiver(call), t)
	}
	where := fmt.Sprintf("%s at %s", row.Name, p.At(call.Pos()))
	switch row.Provenance {
	case "cached":
		if isUnstructured(t) {
			return FreshnessUnknown, where
		}
		return Cached, where
	case "live":
		return Live, where
	}
	return FreshnessUnknown, where
}

func isUnstructured(t types.Type) bool {
	if t == nil {
		return false
	}
	k, ok := kube.KindOf(t)
	return ok && k.Form == kube.Unstructured
}
