// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/constant"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// Watched tells whether a controller of the program watches objects of a kind: For, Owns or Watches of a builder, or
// source.Kind. A change of such an object leads to another reconcile.
func (p *Program) Watched(k kube.Kind) bool {
	if p.watched == nil {
		p.watched = p.kindsGivenTo("For", "Owns", "Watches", "WatchesRawSource", "Watch", "Kind", "TypedKind")
	}
	return slices.ContainsFunc(p.watched, k.Same)
}

// Informed tells whether the program keeps an informer of a kind from the start: a controller watches it, or the informer
// is asked for by name.
func (p *Program) Informed(k kube.Kind) bool {
	if p.informed == nil {
		p.informed = p.kindsGivenTo("GetInformer", "GetInformerForKind")
	}
	return p.Watched(k) || slices.ContainsFunc(p.informed, k.Same)
}

// Informs tells whether an event handler is registered on an informer of client-go's factories for a kind, as far as the code
// shows.
func (p *Program) Informs(e *Entry, k kube.Kind) bool {
	sites := e.sites
	if e.Group != nil && e.Group.Parent() != nil { // functions in a struct of handlers
		for site := range Sites(e.Group.Parent()) {
			if t := Target(site); t != nil && strings.HasPrefix(t.Name(), "AddEventHandler") && slices.ContainsFunc(site.Common().Args, func(arg ssa.Value) bool { return holds(arg, e.Group) }) {
				sites = append(slices.Clone(sites), site)
			}
		}
	}
	return k.Name != "" && slices.ContainsFunc(sites, func(site ssa.CallInstruction) bool {
		recv := Receiver(site)
		return recv != nil && slices.ContainsFunc(p.Sources(recv).Values, func(src ssa.Value) bool {
			call, ok := src.(*ssa.Call)
			if !ok || Target(call) == nil || Target(call).Name() != "Informer" || Receiver(call) == nil {
				return false
			}
			typed := Named(Receiver(call).Type())
			return typed != nil && strings.TrimPrefix(typed.Obj().Name(), "Typed") == k.Name+"Informer"
		})
	})
}

// holds tells whether an interface holds a struct, or a pointer to it.
func holds(arg, group ssa.Value) bool {
	made, ok := arg.(*ssa.MakeInterface)
	if !ok {
		return false
	}
	load, ok := made.X.(*ssa.UnOp)
	return made.X == group || ok && load.X == group
}

// kindsGivenTo returns the kinds that controller-runtime's functions of these names are given; never nil.
func (p *Program) kindsGivenTo(names ...string) []kube.Kind {
	out := []kube.Kind{}
	for _, fn := range p.Funcs {
		if p.InTest(fn) {
			continue
		}
		for site := range Sites(fn) {
			target := Target(site)
			if target == nil || target.Pkg() == nil || !strings.HasPrefix(target.Pkg().Path(), "sigs.k8s.io/controller-runtime/pkg/") {
				continue
			}
			if !slices.Contains(names, target.Name()) {
				continue
			}
			for _, arg := range site.Common().Args {
				for _, src := range p.Sources(arg).Values {
					if k, ok := kindNamed(src); ok {
						out = append(out, k)
					}
				}
			}
		}
	}
	return out
}

// kindNamed returns the kind of an object, or the one that group, version and a constant name say:
// appsv1.SchemeGroupVersion.WithKind("Deployment").
func kindNamed(v ssa.Value) (kube.Kind, bool) {
	if k, ok := kube.KindOf(v.Type()); ok && k.Name != "" {
		return k, true
	}
	call, ok := v.(*ssa.Call)
	if !ok || len(call.Call.Args) != 2 {
		return kube.Kind{}, false
	}
	target := Target(call)
	if target == nil || target.Name() != "WithKind" || target.Pkg() == nil || target.Pkg().Path() != "k8s.io/apimachinery/pkg/runtime/schema" {
		return kube.Kind{}, false
	}
	version, isLoad := call.Call.Args[0].(*ssa.UnOp)
	name, isConst := call.Call.Args[1].(*ssa.Const)
	if !isLoad || !isConst || name.Value == nil || name.Value.Kind() != constant.String {
		return kube.Kind{}, false
	}
	global, isGlobal := version.X.(*ssa.Global)
	if !isGlobal {
		return kube.Kind{}, false
	}
	return kube.Kind{Pkg: global.Object().Pkg().Path(), Name: constant.StringVal(name.Value), Form: kube.Typed}, true
}
