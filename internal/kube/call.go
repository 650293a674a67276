// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/types"
	"strings"
)

// Call is what calling one function means. Argument numbers do not count the receiver; -1 is "none".
type Call struct {
	Pkg, Recv, Name string // Pkg as the row says, without vendor prefix and major version
	Effect          Effect

	Object     int // the object; for calls that only take code, the closure or handler
	Closure    int // the function that the call runs, now or later
	Client     int // the client that the call reads and writes through
	Payload    int // the patch, or its bytes
	Key        int // the name or key of the object
	Context    int // the context
	Options    int // the metav1 options; without such, the first variadic argument
	WritesInto int // the object that the server's answer overwrites
	SubNames   int // first of the variadic strings that name a subresource: Patch(…, opts, "status")

	Protection  string // what guards the write: a key of protections
	Provenance  string // where a read is served from, or what a constructor yields: a key of provenances
	Subresource string // "status", "scale", …; SubresourceByReceiver when the receiver says
	Touches     string // field class changed in memory: finalizers, conditions, ownerReferences, …
	PatchType   string // merge, strategic, json, apply; "argument" when an argument says
	Begins      Effect // RequestBuilder: what the chain's end does
	Shared      bool   // returned pointers alias a cache
	GivesUp     bool   // repeats a function for a time or a number of attempts, and ends by itself

	Since, Until string // versions of the module that have the symbol; "" is open
	absent       [2]string
	Shape        bool // known by its signature, not by its name in the table
}

// SubresourceByReceiver says that the receiver carries the subresource: client.Status() or client.SubResource(name).
const SubresourceByReceiver = "receiver"

// protections are the guards a write can have.
var protections = wordSet(
	"none",              // the last writer wins
	"rv-if-set",         // the object's resourceVersion, when it has one
	"rv-if-option",      // only with the optimistic lock option
	"rv",                // the version just read, always
	"by-payload",        // what the bytes say
	"by-patch",          // what the patch argument's constructor says
	"by-closure",        // what the closure does
	"field-ownership",   // server-side apply
	"name-uniqueness",   // a second create of the name fails
	"preconditions",     // only with Preconditions
	"conditions-only",   // status conditions locked and merged, all else open
	"laundered-version", // carries the newest version next to older values: no guard
)

// provenances are the places a read is served from, and what constructors yield.
var provenances = wordSet("cached", "live", "test", "cluster", "manager", "rest-config", "kubeconfig")

// Lookup returns what calling fn means, or nil when nothing is known of it.
// fn may be a function, a concrete method, or the method of an interface; instances of generic
// functions and types mean what their origin means. Argument numbers fit fn's own signature,
// whatever version of the module it comes from.
func Lookup(fn *types.Func) *Call {
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	fn = fn.Origin()
	sig := fn.Signature()
	if c := find(fn.Pkg().Path(), receiverName(sig), fn.Name()); c != nil {
		return c.fit(sig)
	}
	return shapeOf(fn)
}

// LookupObject is Lookup for anything a name can denote at package level: functions, variables that hold
// functions (ctrl.NewManager), patches (client.Apply), and types used as options or adapters.
func LookupObject(obj types.Object) *Call {
	switch obj := obj.(type) {
	case *types.Func:
		return Lookup(obj)
	case *types.Var, *types.TypeName, *types.Const:
		if obj.Pkg() == nil || obj.Parent() != obj.Pkg().Scope() {
			return nil
		}
		c := find(obj.Pkg().Path(), "", obj.Name())
		if c == nil {
			return nil
		}
		sig, _ := obj.Type().Underlying().(*types.Signature)
		return c.fit(sig)
	}
	return nil
}

// LookupField returns what setting the field called name of a struct type means, or nil.
func LookupField(owner types.Type, name string) *Call {
	named := namedOf(owner)
	if named == nil || named.Obj().Pkg() == nil {
		return nil
	}
	c := find(named.Obj().Pkg().Path(), named.Obj().Name(), name)
	if c == nil {
		return nil
	}
	return c.fit(nil)
}

func find(pkg, recv, name string) *Call {
	key := symbol{canonicalPath(pkg), recv, name}
	if row := table().rows[key]; row != nil {
		return row
	}
	return learnedRow(key)
}

// fit returns a copy of a row whose argument numbers count sig's context. Rows do not count it, so one row
// serves the versions before and after contexts were added.
func (c *Call) fit(sig *types.Signature) *Call {
	fitted := *c
	fitted.Context, fitted.Options, fitted.SubNames = -1, -1, -1
	if sig == nil {
		return &fitted
	}
	params := sig.Params()
	fitted.Context = contextParam(params)
	fitted.Options, fitted.SubNames = optionsParams(sig)
	for _, arg := range fitted.arguments() {
		if fitted.Context >= 0 && *arg >= fitted.Context {
			*arg++
		}
		if *arg >= params.Len() {
			*arg = -1
		}
	}
	return &fitted
}

// arguments returns the numbers that rows give.
func (c *Call) arguments() []*int {
	return []*int{&c.Object, &c.Closure, &c.Client, &c.Payload, &c.Key, &c.WritesInto}
}

// optionsParams returns the numbers of the options and of the subresources.
func optionsParams(sig *types.Signature) (options, subNames int) {
	variadic := -1
	if sig.Variadic() {
		variadic = sig.Params().Len() - 1
	}
	for i := range sig.Params().Len() {
		if name := namedIn(sig.Params().At(i).Type(), metav1Path); strings.HasSuffix(name, "Options") {
			return i, variadic
		}
	}
	return variadic, -1
}

func contextParam(params *types.Tuple) int {
	for i := range params.Len() {
		if isNamed(params.At(i).Type(), "context", "Context") {
			return i
		}
	}
	return -1
}

func receiverName(sig *types.Signature) string {
	if sig.Recv() == nil {
		return ""
	}
	if named := namedOf(sig.Recv().Type()); named != nil {
		return named.Obj().Name()
	}
	return ""
}

// namedOf returns the origin of the named type behind t's alias and pointer, or nil.
func namedOf(t types.Type) *types.Named {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	if named, ok := types.Unalias(t).(*types.Named); ok {
		return named.Origin()
	}
	return nil
}

// isNamed reports whether t, behind aliases but not behind a pointer, is the named type pkg.name.
func isNamed(t types.Type, pkg, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return false
	}
	obj := named.Obj()
	return obj.Name() == name && obj.Pkg() != nil && canonicalPath(obj.Pkg().Path()) == pkg
}

// canonicalPath removes what may differ between two copies of one package: everything up to a vendor
// folder, and the major versions of the module (/v2 and later, which API groups share: no row depends on it).
func canonicalPath(path string) string {
	if i := strings.LastIndex(path, "/vendor/"); i >= 0 {
		path = path[i+len("/vendor/"):]
	}
	path = strings.TrimPrefix(path, "vendor/")
	if !strings.Contains(path, "/v") || !hasMajorVersion(path) {
		return path // nearly all: they are asked for at every call
	}
	var kept []string
	for elem := range strings.SplitSeq(path, "/") {
		if !isMajorVersion(elem) {
			kept = append(kept, elem)
		}
	}
	return strings.Join(kept, "/")
}

func hasMajorVersion(path string) bool {
	for elem := range strings.SplitSeq(path, "/") {
		if isMajorVersion(elem) {
			return true
		}
	}
	return false
}

func isMajorVersion(elem string) bool {
	digits, ok := strings.CutPrefix(elem, "v")
	return ok && digits != "" && digits != "0" && digits != "1" && strings.Trim(digits, "0123456789") == ""
}
