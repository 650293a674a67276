// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// contract is a method or function that a library calls from many goroutines, as the documentation of its interface says.
type contract struct {
	// name is that of the method; none for a function that is known by its parameters alone.
	name string
	// params and results are the types that tell it from others of its name, by package path and name.
	params, results []string
	// beside are the other methods that its type must have.
	beside []string
	// kind names such a method for a sentence, and because is the reason, in one clause.
	kind, because string
}

var contracts = []contract{
	{name: "RoundTrip", params: []string{"net/http.Request"}, results: []string{"net/http.Response", "error"},
		kind: "HTTP transport", because: "an HTTP client calls its transport in each goroutine that makes a request"},
	{name: "GetRequestMetadata", params: []string{"context.Context", ""}, results: []string{"", "error"},
		kind: "gRPC credentials", because: "a gRPC client asks its credentials in each goroutine that makes a call"},
	{name: "Handle", params: []string{"context.Context", "log/slog.Record"}, results: []string{"error"},
		kind: "log handler", because: "a logger calls its handler in each goroutine that logs"},
	{name: "When", params: []string{""}, results: []string{"time.Duration"}, beside: []string{"Forget", "NumRequeues"},
		kind: "rate limiter", because: "a work queue asks its rate limiter in each goroutine that adds to it"},
	{params: []string{"crypto/tls.ClientHelloInfo"}, results: []string{"crypto/tls.Certificate", "error"},
		kind: "certificate source", because: "a TLS server asks for its certificate in the goroutine of each connection"},
}

// contractOf returns what a library promises about the callers of a function; nil if it is not called by one.
func contractOf(fn *ssa.Function) *contract {
	for i := range contracts {
		if contracts[i].fits(fn) {
			return &contracts[i]
		}
	}
	return nil
}

func (c *contract) fits(fn *ssa.Function) bool {
	sig := fn.Signature
	if c.name != "" && (c.name != fn.Name() || sig.Recv() == nil) {
		return false
	}
	if !fitsTypes(sig.Params(), c.params) || !fitsTypes(sig.Results(), c.results) {
		return false
	}
	if len(c.beside) == 0 || fn.Object() == nil {
		return len(c.beside) == 0
	}
	methods := types.NewMethodSet(sig.Recv().Type())
	return !slices.ContainsFunc(c.beside, func(name string) bool { return methods.Lookup(fn.Object().Pkg(), name) == nil })
}

// fitsTypes compares types with names of types or of what pointers point to; an empty name is any type.
func fitsTypes(tuple *types.Tuple, names []string) bool {
	if tuple.Len() != len(names) {
		return false
	}
	for i, name := range names {
		if name != "" && pathAndName(tuple.At(i).Type()) != name {
			return false
		}
	}
	return true
}

// pathAndName names a type, or what it points to, by the path of its package and its name.
func pathAndName(t types.Type) string {
	named := Named(t)
	switch {
	case named == nil:
		return ""
	case named.Obj().Pkg() == nil:
		return named.Obj().Name()
	}
	return named.Obj().Pkg().Path() + "." + named.Obj().Name()
}
