// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/types"
	"strings"
)

// listerShape knows generated listers. What they return is the informer's own object.
//
//	List(labels.Selector) ([]*T, error)
//	Get(name string) (*T, error)
//	GetPodJobs(*Pod) ([]T, error)     an expansion
func listerShape(fn *types.Func, sig *types.Signature) *Call {
	if strings.HasSuffix(receiverName(sig), "ListerExpansion") && strings.HasPrefix(fn.Name(), "Get") {
		c := newCall(ReadCached)
		c.Object, c.Shared = 0, true
		return c
	}
	if !isLister(sig.Recv().Type()) {
		return nil
	}
	switch fn.Name() {
	case "List":
		c := newCall(ReadCached)
		c.Shared = true
		return c
	case "Get":
		params, out := sig.Params(), results(sig)
		if params.Len() != 1 || !isString(params.At(0).Type()) || len(out) != 2 || !isPointer(out[0]) {
			return nil
		}
		c := newCall(ReadCached)
		c.Key, c.Shared = 0, true
		return c
	}
	return nil
}

// isLister reports whether t is an interface called …Lister that has a lister's List, or leads to a namespace's.
func isLister(t types.Type) bool {
	named := namedOf(t)
	if named == nil || !strings.HasSuffix(named.Obj().Name(), "Lister") {
		return false
	}
	if list := methodOf(t, "List"); list != nil {
		params, out := list.Signature().Params(), results(list.Signature())
		if params.Len() != 1 || namedIn(params.At(0).Type(), labelsPath) != "Selector" || len(out) != 2 {
			return false
		}
		elem := elemOf(out[0])
		return elem != nil && isPointer(elem)
	}
	iface, ok := t.Underlying().(*types.Interface)
	return ok && iface.NumMethods() == 1 && navigationShape(iface.Method(0), iface.Method(0).Signature()) != nil
}

// informerShape knows generated informers and their factories.
func informerShape(fn *types.Func, sig *types.Signature) *Call {
	switch fn.Name() {
	case "Informer", "InformerFor":
		if returnsInformer(fn) {
			return cached(Provenance)
		}
	case "Lister":
		if out := results(sig); len(out) == 1 && (isLister(out[0]) || namedIn(out[0], cachePath) == "GenericLister") {
			return cached(Provenance)
		}
	}
	if receiverName(sig) == "SharedInformerFactory" {
		return factoryShape(fn)
	}
	return nil
}

// returnsInformer reports whether fn returns a cache.SharedIndexInformer.
func returnsInformer(fn *types.Func) bool {
	out := results(fn.Signature())
	return len(out) == 1 && namedIn(out[0], cachePath) == "SharedIndexInformer"
}

// cached returns a call that yields something served from a cache.
func cached(effect Effect) *Call {
	c := newCall(effect)
	c.Provenance = "cached"
	return c
}

func factoryShape(fn *types.Func) *Call {
	switch fn.Name() {
	case "Start", "StartWithContext":
		return newCall(SpawnGoroutine)
	case "WaitForCacheSync", "WaitForCacheSyncWithContext", "Shutdown":
		return newCall(Block)
	case "ForResource":
		return cached(Provenance)
	}
	return nil
}

// packageShape knows generated functions.
func packageShape(fn *types.Func, sig *types.Signature) *Call {
	out := results(sig)
	if len(out) == 0 {
		return grpcRegistration(fn, sig)
	}
	first := namedOf(out[0])
	name := fn.Name()
	switch {
	case strings.HasPrefix(name, "NewForConfig") && takesConfig(sig),
		name == "New" && sig.Params().Len() == 1 && namedIn(sig.Params().At(0).Type(), restPath) == "Interface":
		c := newCall(ClientConstructor)
		c.Provenance = "live"
		return c
	case first == nil:
		return handlerShape(fn, sig)
	case isFakeClientset(fn, first):
		c := newCall(ClientConstructor)
		c.Provenance = "test"
		return c
	case strings.HasSuffix(first.Obj().Name(), "SharedInformerFactory") && strings.HasPrefix(name, "New"):
		return cached(CacheConstructor)
	case inApplyConfigurations(fn.Pkg()) && strings.HasSuffix(first.Obj().Name(), "ApplyConfiguration"):
		return applyConstructor(fn, first)
	case name == "Get" && strings.Contains(fn.Pkg().Path(), "/injection/"):
		return injectionShape(sig, first)
	case strings.HasPrefix(name, "New") && strings.HasSuffix(name, "Lister") && isLister(first):
		return cached(Provenance)
	case name == "NewImpl" && namedIn(out[0], "knative.dev/pkg/controller") == "Impl":
		c := newCall(RegisterByOption)
		c.Object = 0
		return c
	}
	return nil
}

func takesConfig(sig *types.Signature) bool {
	params := sig.Params()
	return params.Len() > 0 && namedIn(params.At(0).Type(), restPath) == "Config"
}

func isFakeClientset(fn *types.Func, result *types.Named) bool {
	fake := fn.Name() == "NewSimpleClientset" || fn.Name() == "NewClientset"
	return fake && result.Obj().Name() == "Clientset" && strings.HasSuffix(fn.Pkg().Path(), "/fake")
}

func inApplyConfigurations(pkg *types.Package) bool {
	return strings.Contains(pkg.Path(), "applyconfiguration")
}

// applyConstructor: Pod(name, namespace) is empty, ExtractPod(obj, fieldManager) is what the manager owns of obj.
// Others that return an apply configuration convert one's own values and must be read.
func applyConstructor(fn *types.Func, result *types.Named) *Call {
	kind := strings.TrimSuffix(result.Obj().Name(), "ApplyConfiguration")
	switch {
	case strings.HasPrefix(fn.Name(), "Extract"+kind):
		c := newCall(Pure)
		c.Object = 0
		return c
	case fn.Name() != kind:
		return nil
	}
	for param := range fn.Signature().Params().Variables() {
		if !isString(param.Type()) {
			return nil
		}
	}
	return newCall(Pure)
}

// injectionShape: knative's generated Get(ctx) hands out the process's client or informer of one kind.
func injectionShape(sig *types.Signature, result *types.Named) *Call {
	if contextParam(sig.Params()) != 0 || !types.IsInterface(result) {
		return nil
	}
	if methodOf(result, "Informer") != nil && isClientLink(result) {
		return cached(Provenance)
	}
	if methodOf(result, "Discovery") != nil || result.Obj().Name() == "Interface" && methodOf(result, "Resource") != nil {
		c := newCall(Provenance)
		c.Provenance = "live"
		return c
	}
	return nil
}

// copyShape: deepcopy-gen's DeepCopy, DeepCopyObject and DeepCopyInto.
func copyShape(fn *types.Func, sig *types.Signature) *Call {
	switch name := fn.Name(); {
	case (name == "DeepCopy" || name == "DeepCopyObject") && sig.Params().Len() == 0 && sig.Results().Len() == 1:
		return newCall(DeepCopy)
	case name == "DeepCopyInto" && sig.Params().Len() == 1 && sig.Results().Len() == 0:
		c := newCall(DeepCopy)
		c.Object = 0
		return c
	}
	return nil
}

// applyBuilderShape: an apply configuration's WithX changes its receiver's field X.
func applyBuilderShape(fn *types.Func, sig *types.Signature) *Call {
	field, ok := strings.CutPrefix(fn.Name(), "With")
	recv := receiverName(sig)
	if !ok || field == "" || !strings.HasSuffix(recv, "ApplyConfiguration") || !inApplyConfigurations(fn.Pkg()) {
		return nil
	}
	c := newCall(MutateMemory)
	c.Touches = strings.ToLower(field[:1]) + field[1:]
	return c
}

// grpcRegistration: RegisterXServer(grpc.ServiceRegistrar, XServer) makes the methods of its second argument handlers.
func grpcRegistration(fn *types.Func, sig *types.Signature) *Call {
	params := sig.Params()
	if params.Len() != 2 || !strings.HasPrefix(fn.Name(), "Register") || !strings.HasSuffix(fn.Name(), "Server") {
		return nil
	}
	switch namedIn(params.At(0).Type(), "google.golang.org/grpc") {
	case "ServiceRegistrar", "Server":
		c := newCall(RegisterEveryReplica)
		c.Object = 1
		return c
	}
	return nil
}

// handlerShape: connect's NewXHandler(service, ...) (string, http.Handler).
func handlerShape(fn *types.Func, sig *types.Signature) *Call {
	out := results(sig)
	if len(out) != 2 || !isString(out[0]) || !isNamed(out[1], "net/http", "Handler") {
		return nil
	}
	if sig.Params().Len() == 0 || !types.IsInterface(sig.Params().At(0).Type()) || !strings.HasPrefix(fn.Name(), "New") {
		return nil
	}
	c := newCall(RegisterEveryReplica)
	c.Object = 0
	return c
}
