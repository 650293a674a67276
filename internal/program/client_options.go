// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

const (
	clientPkg  = "sigs.k8s.io/controller-runtime/pkg/client"
	clusterPkg = "sigs.k8s.io/controller-runtime/pkg/cluster"
)

// cacheOptions says what a cached client was told about its cache.
type cacheOptions struct {
	// given is set when the options are in sight.
	given bool
	// readers are the caches that it reads through, where the options name them.
	readers []ssa.Value
	// live are the objects that it reads from the API server all the same.
	live []ssa.Value
	// liveKnown is false when there may be more of them.
	liveKnown bool
	// unstructured is what was said of Unstructured objects: live is the default.
	unstructured []ssa.Value
}

// exempt answers for reads of type t through a cached client: kinds that its options take out of the cache are read
// live, and so is Unstructured unless they say otherwise.
// Source: controller-runtime, client.CacheOptions, its predecessor client.NewDelegatingClientInput, and
// manager.Options.ClientDisableCacheFor.
func (p *Program) exempt(call *ssa.Call, t types.Type) Freshness {
	o := p.cacheOptions(call)
	if isUnstructured(t) {
		for _, v := range o.unstructured {
			switch b := p.Bool(v); {
			case !b.Known:
				return FreshnessUnknown
			case b.Value:
				return Cached
			}
		}
		return FreshnessUnknown // live, if nothing else makes its cache
	}
	for _, object := range o.live {
		if sameKind(object, t) {
			return Live
		}
	}
	if o.given && !o.liveKnown {
		return FreshnessUnknown
	}
	return Cached
}

func sameKind(object ssa.Value, t types.Type) bool {
	if t == nil {
		return false
	}
	a, ok := kube.KindOf(unboxed(object).Type())
	b, known := kube.KindOf(t)
	return ok && known && a.Name != "" && a.Same(b)
}

func unboxed(v ssa.Value) ssa.Value {
	if box, ok := v.(*ssa.MakeInterface); ok {
		return box.X
	}
	return v
}

// readsThrough tells whether options name a cache to read through.
func readsThrough(o cacheOptions) bool {
	for _, r := range o.readers {
		if k, isConst := r.(*ssa.Const); !isConst || !k.IsNil() {
			return true
		}
	}
	return false
}

// cacheOptions collects what was said where the client of call was made: among its own arguments, or in the options of
// the manager or cluster that hands it out.
func (p *Program) cacheOptions(call *ssa.Call) cacheOptions {
	o := cacheOptions{liveKnown: true}
	o.read(p, call.Call.Args)
	if !call.Call.IsInvoke() {
		return o
	}
	for _, src := range p.Sources(Receiver(call)).Values {
		if ex, ok := src.(*ssa.Extract); ok {
			src = ex.Tuple
		}
		if made, ok := src.(*ssa.Call); ok {
			o.read(p, made.Call.Args)
		}
	}
	return o
}

func (o *cacheOptions) read(p *Program, args []ssa.Value) {
	for _, arg := range args {
		switch {
		case IsNamed(arg.Type(), managerPkg, "Options"), IsNamed(arg.Type(), clusterPkg, "Options"):
			o.given = true
			o.add(p, arg, "ClientDisableCacheFor")
			o.cache(p, arg, "Client.Cache")
		case IsNamed(arg.Type(), clientPkg, "Options"):
			o.given = true
			o.cache(p, arg, "Cache")
		case IsNamed(arg.Type(), clientPkg, "NewDelegatingClientInput"):
			o.given = true
			o.add(p, arg, "UncachedObjects")
			o.told(p, arg, "CacheUnstructured")
		}
	}
}

// cache reads client.Options.Cache, which field leads to.
func (o *cacheOptions) cache(p *Program, options ssa.Value, field string) {
	caches, _ := p.FieldOf(options, field)
	for _, c := range caches {
		readers, _ := p.FieldOf(c, "Reader")
		o.readers = append(o.readers, readers...)
		o.add(p, c, "DisableFor")
		o.told(p, c, "Unstructured")
	}
}

// told adds what a field says of Unstructured objects.
func (o *cacheOptions) told(p *Program, options ssa.Value, field string) {
	values, _ := p.FieldOf(options, field)
	o.unstructured = append(o.unstructured, values...)
}

// add adds the objects that a field lists.
func (o *cacheOptions) add(p *Program, options ssa.Value, field string) {
	lists, _ := p.FieldOf(options, field)
	for _, list := range lists {
		for _, src := range p.SourcesUntil(list, isSlice).Values {
			elements, ok := Elements(src)
			o.live = append(o.live, elements...)
			o.liveKnown = o.liveKnown && ok
		}
	}
}

func isSlice(v ssa.Value) bool {
	_, ok := v.(*ssa.Slice)
	return ok
}

func isUnstructured(t types.Type) bool {
	if t == nil {
		return false
	}
	k, ok := kube.KindOf(t)
	return ok && k.Form == kube.Unstructured
}
