// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// CachedClients returns the calls that make clients which read through a cache, and hand them out without anything that
// bounds their reads; in source order. A read starts the informer of its kind when there is none, and waits until that
// has synced.
func (e *Effects) CachedClients() []*ssa.Call {
	var out []*ssa.Call
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.Generated(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			if ok && e.cachedClient(call) {
				if made := tupleElement(call, 0); made != nil && handedOut(made) {
					out = append(out, call)
				}
			}
		}
	}
	return out
}

// cachedClient recognises client.New with Options.Cache.Reader set.
func (e *Effects) cachedClient(call *ssa.Call) bool {
	row := program.Model(call)
	if row == nil || row.Effect != kube.ClientConstructor || row.Pkg != "sigs.k8s.io/controller-runtime/pkg/client" || row.Name != "New" {
		return false
	}
	for _, arg := range call.Call.Args {
		if !program.IsNamed(arg.Type(), row.Pkg, "Options") {
			continue
		}
		caches, _ := e.Program.FieldOf(arg, "Cache")
		for _, c := range caches {
			readers, _ := e.Program.FieldOf(c, "Reader")
			for _, r := range readers {
				if k, isConst := r.(*ssa.Const); (!isConst || !k.IsNil()) && !e.cacheOfManager(r) {
					return true
				}
			}
		}
	}
	return false
}

// cacheOfManager tells whether a cache is the manager's own: its cluster is the one that the process lives in, and
// nothing works while that is out of reach.
func (e *Effects) cacheOfManager(reader ssa.Value) bool {
	for _, src := range e.Program.Sources(reader).Values {
		call, ok := src.(*ssa.Call)
		if !ok || program.Target(call) == nil || program.Target(call).Name() != "GetCache" {
			continue
		}
		if recv := program.Receiver(call); recv != nil && program.IsNamed(recv.Type(), "sigs.k8s.io/controller-runtime/pkg/manager", "Manager") {
			return true
		}
	}
	return false
}

// handedOut tells whether a client leaves its function as it is, by return or by a field; one that is wrapped first does
// not.
func handedOut(made ssa.Value) bool {
	for _, alias := range aliases(made) {
		if alias.Referrers() == nil {
			continue
		}
		for _, ref := range *alias.Referrers() {
			switch ref := ref.(type) {
			case *ssa.Return:
				return true
			case *ssa.Store:
				if _, local := ref.Addr.(*ssa.Alloc); !local && ref.Val == alias {
					return true
				}
			}
		}
	}
	return false
}
