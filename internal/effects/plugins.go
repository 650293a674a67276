// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

const goPlugin = "github.com/hashicorp/go-plugin"

// plugins knows the packages that speak go-plugin's protocol. One program is both sides of it: the host, whose calls of an
// interface go through a gRPC client, and the plugin, whose gRPC server calls the implementations of the same interface.
// Calls resolved by type cross from one process into the other where no call does.
type plugins struct {
	p        *program.Program
	packages map[*types.Package]bool
}

// newPlugins finds the packages with a function that is given go-plugin's broker.
func newPlugins(p *program.Program) *plugins {
	packages := make(map[*types.Package]bool)
	for _, fn := range p.Funcs {
		for _, param := range fn.Params {
			if fn.Pkg != nil && program.IsNamed(param.Type(), goPlugin, "GRPCBroker") {
				packages[fn.Pkg.Pkg] = true
			}
		}
	}
	return &plugins{p, packages}
}

// isRequest tells whether a call is a request of the host to a plugin: another process on the same machine, that the host
// started and that ends with it.
func (g *plugins) isRequest(site ssa.CallInstruction) bool {
	fn := site.Parent()
	if fn.Pkg == nil || !g.packages[fn.Pkg.Pkg] || !site.Common().IsInvoke() {
		return false
	}
	sig := site.Common().Signature()
	if !sig.Variadic() {
		return false
	}
	options, ok := sig.Params().At(sig.Params().Len() - 1).Type().(*types.Slice)
	return ok && program.IsNamed(options.Elem(), "google.golang.org/grpc", "CallOption")
}

// crosses tells whether an edge leads from one process into the other: the plugin's server never calls the host's client,
// and the host calls nothing of the plugin but through that client, or through what wraps it.
func (g *plugins) crosses(e program.Edge) bool {
	if len(g.packages) == 0 || !e.Site.Common().IsInvoke() {
		return false
	}
	if entry := g.p.EntryAt(e.Caller()); entry != nil && entry.Kind == program.EntryGRPC {
		return g.requests(e.Callee)
	}
	if g.requests(e.Callee) || delegates(e.Callee, e.Site.Common().Method.Name()) {
		return false
	}
	for _, other := range g.p.Callees(e.Site) {
		if g.requests(other.Callee) {
			return true
		}
	}
	return false
}

// requests tells whether a function sends a request to a plugin itself.
func (g *plugins) requests(fn *ssa.Function) bool {
	for site := range program.Sites(fn) {
		if g.isRequest(site) {
			return true
		}
	}
	return false
}

// delegates tells whether a method hands on to the same method of something else.
func delegates(fn *ssa.Function, name string) bool {
	for site := range program.Sites(fn) {
		if common := site.Common(); common.IsInvoke() && common.Method.Name() == name {
			return true
		}
	}
	return false
}
