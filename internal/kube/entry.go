// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/types"
	"slices"
	"strings"
)

// Packages whose types make up the signatures of entry points.
const (
	reconcilePath  = "sigs.k8s.io/controller-runtime/pkg/reconcile"
	admissionPath  = "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	conversionPath = "sigs.k8s.io/controller-runtime/pkg/conversion"
	eventPath      = "sigs.k8s.io/controller-runtime/pkg/event"
)

// EntryPoint returns where a framework that is given fn, or fn's receiver, runs it, by fn's name and signature:
// reconcilers, webhooks, HTTP handlers, informer handlers. It says nothing of whether anybody registers it; nil means
// that its signature is no framework's.
func EntryPoint(fn *types.Func) *Call {
	sig := fn.Signature()
	for _, entry := range entries {
		if entry.fits(fn.Name(), sig) {
			return shaped(fn, newCall(entry.effect))
		}
	}
	return nil
}

// entries are the signatures, most special first.
var entries = []struct {
	effect Effect
	fits   func(name string, sig *types.Signature) bool
}{
	{EntryByOption, isReconcile},
	{EntryLeader, isKnativeReconcile},
	{EntryEveryReplica, isKnativeObserve},
	{EntryEveryReplica, isAdmissionHandle},
	{EntryEveryReplica, isDefault},
	{EntryEveryReplica, isValidate},
	{EntryEveryReplica, isConvert},
	{EntryEveryReplica, isHandler},
	{InformerHandler, isInformerHandler},
	{InformerHandler, isEventHandler},
}

// isReconcile: Reconcile(ctx, request) (reconcile.Result, error); no context before v0.7.
func isReconcile(name string, sig *types.Signature) bool {
	out := results(sig)
	return name == "Reconcile" && len(withoutContext(sig)) == 1 && len(out) == 2 &&
		namedIn(out[0], reconcilePath) == "Result" && isError(out[1])
}

// isKnativeReconcile: the leader of the object's key calls these.
func isKnativeReconcile(name string, sig *types.Signature) bool {
	return (name == "ReconcileKind" || name == "FinalizeKind") && isKnative(sig)
}

// isKnativeObserve: all others call these.
func isKnativeObserve(name string, sig *types.Signature) bool {
	return (name == "ObserveKind" || name == "ObserveFinalizeKind") && isKnative(sig)
}

// isKnative: (ctx, *T) reconciler.Event.
func isKnative(sig *types.Signature) bool {
	params, out := withoutContext(sig), results(sig)
	return len(params) == 1 && isPointer(params[0]) &&
		len(out) == 1 && namedIn(out[0], "knative.dev/pkg/reconciler") == "Event"
}

// isAdmissionHandle: controller-runtime's Handle and knative's Admit.
func isAdmissionHandle(name string, sig *types.Signature) bool {
	params, out := withoutContext(sig), results(sig)
	if len(params) != 1 || len(out) != 1 {
		return false
	}
	switch name {
	case "Handle":
		return namedIn(params[0], admissionPath) == "Request" && namedIn(out[0], admissionPath) == "Response"
	case "Admit":
		return namedOf(params[0]) != nil && namedOf(params[0]).Obj().Name() == "AdmissionRequest"
	}
	return false
}

// isDefault: Default(ctx, object) error, or Default() of an API type.
func isDefault(name string, sig *types.Signature) bool {
	if name != "Default" || sig.Recv() == nil {
		return false
	}
	params, out := withoutContext(sig), results(sig)
	if len(params) == 0 && len(out) == 0 {
		_, ok := KindOf(sig.Recv().Type())
		return ok
	}
	return len(params) == 1 && isAPIObject(params[0]) && len(out) == 1 && isError(out[0])
}

var validations = []string{"ValidateCreate", "ValidateUpdate", "ValidateDelete"}

// isValidate: ValidateCreate, ValidateUpdate and ValidateDelete of a validator or of an API type.
func isValidate(name string, sig *types.Signature) bool {
	if sig.Recv() == nil || !slices.Contains(validations, name) {
		return false
	}
	out := results(sig)
	if len(out) == 0 || !isError(out[len(out)-1]) {
		return false
	}
	for _, p := range withoutContext(sig) {
		if !isAPIObject(p) {
			return false
		}
	}
	if sig.Params().Len() > 0 && isNamed(sig.Params().At(0).Type(), "context", "Context") {
		return true
	}
	_, ok := KindOf(sig.Recv().Type())
	return ok
}

// isConvert: ConvertTo and ConvertFrom a conversion.Hub.
func isConvert(name string, sig *types.Signature) bool {
	params := withoutContext(sig)
	return (name == "ConvertTo" || name == "ConvertFrom") &&
		len(params) == 1 && namedIn(params[0], conversionPath) == "Hub"
}

// isHandler knows the handler types of the HTTP frameworks, whatever the function's name.
func isHandler(_ string, sig *types.Signature) bool {
	var names []string
	for i := range sig.Params().Len() {
		named := namedOf(sig.Params().At(i).Type())
		if named == nil || named.Obj().Pkg() == nil {
			return false
		}
		names = append(names, canonicalPath(named.Obj().Pkg().Path())+"."+named.Obj().Name())
	}
	switch strings.Join(names, " ") {
	case "net/http.ResponseWriter net/http.Request",
		"net/http.ResponseWriter net/http.Request github.com/julienschmidt/httprouter.Params",
		"github.com/gin-gonic/gin.Context",
		"github.com/emicklei/go-restful.Request github.com/emicklei/go-restful.Response":
		return sig.Results().Len() == 0
	case "github.com/labstack/echo.Context", "github.com/gofiber/fiber.Ctx":
		return sig.Results().Len() == 1 && isError(sig.Results().At(0).Type())
	}
	return false
}

// isInformerHandler: OnAdd, OnUpdate and OnDelete of client-go's ResourceEventHandler.
func isInformerHandler(name string, sig *types.Signature) bool {
	if sig.Recv() == nil || sig.Results().Len() != 0 {
		return false
	}
	params := withoutContext(sig)
	switch {
	case name == "OnDelete" && len(params) == 1,
		name == "OnAdd" && (len(params) == 1 || len(params) == 2),
		name == "OnUpdate" && len(params) == 2:
		return types.IsInterface(params[0])
	}
	return false
}

var events = []string{"Create", "Update", "Delete", "Generic"}

// isEventHandler: controller-runtime's handlers and predicates take a typed event.
func isEventHandler(name string, sig *types.Signature) bool {
	params := withoutContext(sig)
	if !slices.Contains(events, name) || len(params) == 0 {
		return false
	}
	event := namedIn(params[0], eventPath)
	return event == name+"Event" || event == "Typed"+name+"Event"
}

// isAPIObject reports whether t is an API kind, or one of the interfaces that all kinds fulfil.
func isAPIObject(t types.Type) bool {
	_, ok := KindOf(t)
	return ok || isObject(t)
}
