// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"
	"strings"
)

func isReconcile(sig *types.Signature) bool {
	res := sig.Results()
	if res.Len() != 2 || !strings.HasSuffix(typeName(res.At(0).Type()), "Result") {
		return false
	}
	n := sig.Params().Len()
	return n == 1 || n == 2
}

func isRunnable(sig *types.Signature) bool {
	return sig.Params().Len() == 1 && sig.Results().Len() == 1 && IsError(sig.Results().At(0).Type()) &&
		(isContext(sig.Params().At(0).Type()) || isChan(sig.Params().At(0).Type()))
}

// handlerKind recognises the handlers of net/http and of the router frameworks by their parameters.
func handlerKind(sig *types.Signature) EntryKind {
	params := sig.Params()
	switch {
	case params.Len() >= 2 && IsNamed(params.At(0).Type(), "net/http", "ResponseWriter") && isRequest(params.At(1).Type()):
		return EntryHTTP
	case params.Len() == 1 && IsNamed(params.At(0).Type(), "github.com/gin-gonic/gin", "Context") && sig.Results().Len() == 0:
		return EntryHTTP
	case params.Len() == 1 && sig.Results().Len() == 1 && IsError(sig.Results().At(0).Type()) &&
		(typePkgPrefix(params.At(0).Type(), "github.com/labstack/echo") || typePkgPrefix(params.At(0).Type(), "github.com/gofiber/fiber")) &&
		(typeName(params.At(0).Type()) == "Context" || typeName(params.At(0).Type()) == "Ctx"):
		return EntryHTTP
	}
	return ""
}

func isWebhookMethod(name string, sig *types.Signature) bool {
	params, res := sig.Params(), sig.Results()
	last := func() bool { return res.Len() > 0 && IsError(res.At(res.Len()-1).Type()) }
	switch name {
	case "Handle":
		return params.Len() == 2 && typeName(params.At(1).Type()) == "Request" && res.Len() == 1 && typeName(res.At(0).Type()) == "Response"
	case "Admit":
		return params.Len() == 2 && typeName(params.At(1).Type()) == "AdmissionRequest"
	case "Default":
		return params.Len() == 2 && isContext(params.At(0).Type()) && res.Len() == 1 && last()
	case "ValidateUpdate":
		return last() && (params.Len() == 3 && isContext(params.At(0).Type()) || params.Len() == 1 && typeName(params.At(0).Type()) == "Object")
	default:
		return last() && (params.Len() == 2 && isContext(params.At(0).Type()) || params.Len() == 0)
	}
}

// implementsHandler tells whether t has the three methods of client-go's cache.ResourceEventHandler.
func implementsHandler(t types.Type) bool {
	have := 0
	set := types.NewMethodSet(t)
	for _, name := range []string{"OnAdd", "OnUpdate", "OnDelete"} {
		if set.Lookup(nil, name) != nil {
			have++
		}
	}
	return have == 3
}

// isGRPCMethod recognises a unary method of a generated service: (ctx, *XRequest) (*XResponse, error) on a type that
// embeds the generated Unimplemented…Server.
func isGRPCMethod(recv types.Type, sig *types.Signature) bool {
	named := Named(recv)
	if named == nil || sig.Results().Len() == 0 || !IsError(sig.Results().At(sig.Results().Len()-1).Type()) {
		return false
	}
	s, ok := named.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for f := range s.Fields() {
		if f.Embedded() && strings.HasPrefix(f.Name(), "Unimplemented") && strings.HasSuffix(f.Name(), "Server") {
			return isServiceMethod(sig)
		}
	}
	return false
}

// isServiceMethod tells whether the signature is one of an exported service method: a context or a stream comes first.
func isServiceMethod(sig *types.Signature) bool {
	p := sig.Params()
	return p.Len() == 2 || p.Len() == 1 && !isContext(p.At(0).Type())
}

// IsError tells whether a type is error itself.
func IsError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// ReturnsError tells whether the last result of a signature is an error.
func ReturnsError(sig *types.Signature) bool {
	results := sig.Results()
	return results.Len() > 0 && IsError(results.At(results.Len()-1).Type())
}

func isContext(t types.Type) bool { return IsNamed(t, "context", "Context") }

func isRequest(t types.Type) bool { return IsNamed(t, "net/http", "Request") }

func isChan(t types.Type) bool {
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

func isChanOf(t types.Type, pkg, name string) bool {
	ch, ok := t.Underlying().(*types.Chan)
	return ok && IsNamed(ch.Elem(), pkg, name)
}

func typeName(t types.Type) string {
	if n := Named(t); n != nil {
		return n.Obj().Name()
	}
	return ""
}

func typePkgPrefix(t types.Type, prefix string) bool {
	n := Named(t)
	return n != nil && n.Obj().Pkg() != nil && strings.HasPrefix(n.Obj().Pkg().Path(), prefix)
}
