// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/types"
	"strings"
)

// Packages whose types make up the shapes.
const (
	metav1Path   = "k8s.io/apimachinery/pkg/apis/meta/v1"
	labelsPath   = "k8s.io/apimachinery/pkg/labels"
	typesPath    = "k8s.io/apimachinery/pkg/types"
	watchPath    = "k8s.io/apimachinery/pkg/watch"
	runtimePath  = "k8s.io/apimachinery/pkg/runtime"
	cachePath    = "k8s.io/client-go/tools/cache"
	restPath     = "k8s.io/client-go/rest"
	clientPath   = "sigs.k8s.io/controller-runtime/pkg/client"
	unstructPath = "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// shapeOf says what a function means that no row names, by the shape that its generator gives it.
// Most methods count only when an interface declares them: the bodies of concrete ones can be read instead.
func shapeOf(fn *types.Func) *Call {
	sig := fn.Signature()
	recv := sig.Recv()
	if recv == nil {
		if c := packageShape(fn, sig); c != nil {
			return shaped(fn, c)
		}
		return shaped(fn, networkFunction(sig))
	}
	for _, shape := range methodShapes {
		if c := shape(fn, sig); c != nil {
			return shaped(fn, c)
		}
	}
	if !types.IsInterface(recv.Type()) {
		return nil
	}
	for _, shape := range interfaceShapes {
		if c := shape(fn, sig); c != nil {
			return shaped(fn, c)
		}
	}
	return nil
}

// methodShapes hold for concrete methods too: generated code and other people's clients.
var methodShapes = []func(*types.Func, *types.Signature) *Call{
	copyShape,
	applyBuilderShape,
	navigationShape,
	networkShape,
}

// interfaceShapes are tried in this order; at most one fits a method.
var interfaceShapes = []func(*types.Func, *types.Signature) *Call{
	runtimeClientShape,
	clientsetShape,
	listerShape,
	informerShape,
}

// shaped completes what a shape said: the symbol, and the arguments that the signature tells.
func shaped(fn *types.Func, c *Call) *Call {
	if c == nil {
		return nil
	}
	c.Pkg, c.Recv, c.Name = canonicalPath(fn.Pkg().Path()), receiverName(fn.Signature()), fn.Name()
	c.Shape = true
	c.fillDefaults()
	return c.fit(fn.Signature())
}

// newCall returns a call without arguments.
func newCall(effect Effect) *Call {
	return &Call{
		Effect: effect,
		Object: -1, Closure: -1, Client: -1, Payload: -1, Key: -1,
		Context: -1, Options: -1, WritesInto: -1, SubNames: -1,
	}
}

// withoutContext returns the parameter types that follow a leading context.
func withoutContext(sig *types.Signature) []types.Type {
	var params []types.Type
	for i := range sig.Params().Len() {
		t := sig.Params().At(i).Type()
		if i == 0 && isNamed(t, "context", "Context") {
			continue
		}
		params = append(params, t)
	}
	return params
}

// results returns the result types.
func results(sig *types.Signature) []types.Type {
	var list []types.Type
	for i := range sig.Results().Len() {
		list = append(list, sig.Results().At(i).Type())
	}
	return list
}

func isString(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Kind() == types.String
}

func isError(t types.Type) bool {
	return types.Identical(t, types.Universe.Lookup("error").Type())
}

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

// elemOf returns the element type of a slice, or nil.
func elemOf(t types.Type) types.Type {
	if slice, ok := t.Underlying().(*types.Slice); ok {
		return slice.Elem()
	}
	return nil
}

// namedIn returns the name of t, behind alias and pointer, if the package declares it.
func namedIn(t types.Type, pkg string) string {
	named := namedOf(t)
	if named == nil || named.Obj().Pkg() == nil || canonicalPath(named.Obj().Pkg().Path()) != pkg {
		return ""
	}
	return named.Obj().Name()
}

// methodOf returns the method of an interface type, embedded ones included, or nil.
func methodOf(t types.Type, name string) *types.Func {
	iface, ok := t.Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	for i := range iface.NumMethods() {
		if m := iface.Method(i); m.Name() == name {
			return m
		}
	}
	return nil
}

// cutVerb splits the name of a generated method: UpdateScale is Update and scale.
func cutVerb(name string, verbs ...string) (verb, rest string, ok bool) {
	for _, verb := range verbs {
		if rest, ok := strings.CutPrefix(name, verb); ok {
			return verb, strings.ToLower(rest), true
		}
	}
	return "", "", false
}
