// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/types"
	"strings"
)

// clientsetShape knows the methods that client-gen writes for a kind, in any package:
//
//	Update(ctx, *T, metav1.UpdateOptions) (*T, error)
//	UpdateScale(ctx, name string, *S, metav1.UpdateOptions) (*S, error)
//	Delete(ctx, name string, metav1.DeleteOptions) error
//
// The options type tells the verb; what follows the verb in the name is the subresource. Arguments are never
// changed: the answer is the result.
func clientsetShape(fn *types.Func, sig *types.Signature) *Call {
	params := withoutContext(sig)
	switch optionsName(params) {
	case "GetOptions":
		return clientsetGet(fn, params)
	case "ListOptions":
		return clientsetList(fn, sig, params)
	case "CreateOptions":
		return clientsetWrite(fn, params, "Create")
	case "UpdateOptions":
		return clientsetWrite(fn, params, "Update")
	case "ApplyOptions":
		return clientsetWrite(fn, params, "Apply")
	case "DeleteOptions":
		return clientsetDelete(fn, params)
	case "PatchOptions":
		return clientsetPatch(fn, params)
	case "":
		return oldClientsetShape(fn, sig, params)
	}
	return nil
}

// optionsName returns the name of the first metav1.…Options parameter, or "".
func optionsName(params []types.Type) string {
	for _, p := range params {
		if name := namedIn(p, metav1Path); strings.HasSuffix(name, "Options") {
			return name
		}
	}
	return ""
}

func clientsetGet(fn *types.Func, params []types.Type) *Call {
	_, sub, ok := cutVerb(fn.Name(), "Get")
	if !ok || len(params) != 2 || !isString(params[0]) {
		return nil
	}
	c := newCall(ReadLive)
	c.Key, c.Subresource = 0, sub
	return c
}

func clientsetList(fn *types.Func, sig *types.Signature, params []types.Type) *Call {
	out := results(sig)
	if len(params) != 1 || len(out) != 2 || !isError(out[1]) {
		return nil
	}
	effect := List
	switch {
	case fn.Name() == "Watch" && namedIn(out[0], watchPath) == "Interface":
		effect = Watch
	case fn.Name() != "List" || !isPointer(out[0]):
		return nil
	}
	c := newCall(effect)
	c.Provenance = "live"
	return c
}

// clientsetWrite handles Create, Update and Apply: of the object, of its status, of another subresource by name.
func clientsetWrite(fn *types.Func, params []types.Type, verb string) *Call {
	_, sub, ok := cutVerb(fn.Name(), verb)
	object := len(params) - 2
	if !ok || object < 0 || object > 1 || !isPointer(params[object]) {
		return nil
	}
	c := newCall(writeEffect(verb, sub))
	c.Object, c.Subresource = object, sub
	if object == 1 {
		c.Key = 0
	}
	switch verb {
	case "Create":
		if sub == "" {
			c.Protection = "name-uniqueness"
		}
	case "Update":
		c.Protection = "rv-if-set"
	case "Apply":
		c.Protection = "field-ownership"
	}
	return c
}

func writeEffect(verb, sub string) Effect {
	column := 2
	switch sub {
	case "":
		column = 0
	case "status":
		column = 1
	}
	return map[string][3]Effect{
		"Create": {Create, CreateSubresource, CreateSubresource},
		"Update": {Update, UpdateStatus, UpdateSubresource},
		"Apply":  {Apply, ApplyStatus, ApplySubresource},
		"Patch":  {Patch, PatchStatus, PatchSubresource},
	}[verb][column]
}

func clientsetDelete(fn *types.Func, params []types.Type) *Call {
	if len(params) != 2 {
		return nil
	}
	switch fn.Name() {
	case "Delete":
		if !isString(params[0]) {
			return nil
		}
		c := newCall(Delete)
		c.Key, c.Protection = 0, "preconditions"
		return c
	case "DeleteCollection":
		c := newCall(DeleteCollection)
		c.Protection = "none"
		return c
	}
	return nil
}

// clientsetPatch: Patch(ctx, name, types.PatchType, []byte, metav1.PatchOptions, subresources ...string).
func clientsetPatch(fn *types.Func, params []types.Type) *Call {
	if fn.Name() != "Patch" || len(params) < 3 || namedIn(params[1], typesPath) != "PatchType" {
		return nil
	}
	c := newCall(Patch)
	c.Key, c.Payload, c.PatchType, c.Protection = 0, 2, "argument", "by-payload"
	return c
}

// oldClientsetShape knows the writes of client-gen before v0.18, which had neither context nor options. Such a
// signature says little, so the interface must also watch as a generated one does.
func oldClientsetShape(fn *types.Func, sig *types.Signature, params []types.Type) *Call {
	if !isGeneratedClient(sig.Recv().Type()) {
		return nil
	}
	if fn.Name() == "Patch" {
		return clientsetPatch(fn, params)
	}
	verb, _, ok := cutVerb(fn.Name(), "Create", "Update")
	out := results(sig)
	if !ok || len(out) != 2 || len(params) == 0 || !isError(out[1]) || !types.Identical(out[0], params[len(params)-1]) {
		return nil
	}
	return clientsetWrite(fn, append(params, types.Typ[types.Invalid]), verb)
}

// isGeneratedClient reports whether an interface has a method of client-gen's: one that takes metav1 options.
func isGeneratedClient(t types.Type) bool {
	iface, ok := t.Underlying().(*types.Interface)
	if !ok {
		return false
	}
	for i := range iface.NumMethods() {
		if optionsName(withoutContext(iface.Method(i).Signature())) != "" {
			return true
		}
	}
	return false
}

// navigationShape knows the links of clientset.AppsV1().Deployments(ns) and of factory.Apps().V1().Deployments(): a
// method that takes nothing or a namespace and returns one interface, which is a generated client, lister, informer,
// or a group of them.
func navigationShape(_ *types.Func, sig *types.Signature) *Call {
	params, out := sig.Params(), results(sig)
	if len(out) != 1 || !types.IsInterface(out[0]) || params.Len() > 1 {
		return nil
	}
	if params.Len() == 1 && !isString(params.At(0).Type()) {
		return nil
	}
	if named := namedOf(out[0]); named != nil && (isClientLink(named) || namedIn(named, restPath) == "Interface") {
		return newCall(ClientNavigation)
	}
	return nil
}

// isClientLink reports whether an interface is a link of such a chain.
func isClientLink(t *types.Named) bool {
	name, pkg := t.Obj().Name(), t.Obj().Pkg()
	switch {
	case strings.HasSuffix(name, "NamespaceLister"):
		return isLister(t)
	case strings.HasSuffix(name, "Informer"):
		return methodOf(t, "Lister") != nil && methodOf(t, "Informer") != nil
	case !strings.HasSuffix(name, "Interface"):
		return false
	}
	return isGeneratedClient(t) || methodOf(t, "RESTClient") != nil ||
		name == "Interface" && pkg != nil && strings.Contains(pkg.Path(), "/informers/")
}

// runtimeClientShape knows one's own interfaces that declare methods of controller-runtime's client:
//
//	Get(ctx, types.NamespacedName, client.Object, ...client.GetOption) error
//	Patch(ctx, client.Object, client.Patch, ...client.PatchOption) error
//
// They mean what the row of client.Reader or client.Writer says.
func runtimeClientShape(fn *types.Func, sig *types.Signature) *Call {
	out := results(sig)
	if len(out) != 1 || !isError(out[0]) {
		return nil
	}
	params := withoutContext(sig)
	if len(params) == sig.Params().Len() {
		return nil // all methods of the client take a context: Update(obj) of a builder sends nothing
	}
	if sig.Variadic() {
		last := len(params) - 1
		option := namedIn(elemOf(params[last]), clientPath)
		if !strings.HasSuffix(option, "Option") {
			return nil
		}
		if strings.HasPrefix(option, "SubResource") {
			return borrow(subresourceHome(fn.Name()), fn.Name())
		}
		params = params[:last]
	}
	if !takesObject(fn.Name(), params) {
		return nil
	}
	return borrow(clientHome(fn.Name()), fn.Name())
}

// takesObject reports whether params are those of the client's method, without context and options.
func takesObject(name string, params []types.Type) bool {
	switch name {
	case "Get":
		return len(params) == 2 && namedIn(params[0], typesPath) == "NamespacedName" && isObject(params[1])
	case "List":
		return len(params) == 1 && (namedIn(params[0], clientPath) == "ObjectList" || isObject(params[0]))
	case "Create", "Update", "Delete", "DeleteAllOf":
		return len(params) == 1 && isObject(params[0])
	case "Patch":
		return len(params) == 2 && isObject(params[0]) && namedIn(params[1], clientPath) == "Patch"
	case "Apply":
		return len(params) == 1 && namedIn(params[0], runtimePath) == "ApplyConfiguration"
	}
	return false
}

// isObject reports whether t is client.Object: declared there up to v0.24, in cacheapi since, and preceded by
// runtime.Object.
func isObject(t types.Type) bool {
	for _, pkg := range []string{clientPath, "sigs.k8s.io/controller-runtime/pkg/cache/cacheapi", runtimePath} {
		if namedIn(t, pkg) == "Object" {
			return true
		}
	}
	return false
}

func clientHome(method string) string {
	switch method {
	case "Get", "List":
		return "Reader"
	}
	return "Writer"
}

func subresourceHome(method string) string {
	if method == "Get" {
		return "SubResourceReader"
	}
	return "SubResourceWriter"
}

// borrow returns a copy of a row of controller-runtime's client, or nil.
func borrow(recv, name string) *Call {
	row := find(clientPath, recv, name)
	if row == nil {
		return nil
	}
	c := *row
	c.Since, c.Until = "", ""
	return &c
}
