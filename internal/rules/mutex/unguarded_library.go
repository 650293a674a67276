// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// forLibrary tells whether a method belongs to an interface of a library that its package imports and its type has, such as
// http.Flusher: who is given an object finds the method, and calls it out of sight.
func forLibrary(p *rule.Pass, fn *ssa.Function) bool {
	recv := fn.Signature.Recv()
	if recv == nil || fn.Pkg == nil || fn.Object() == nil || !fn.Object().Exported() {
		return false
	}
	return slices.ContainsFunc(fn.Pkg.Pkg.Imports(), func(pkg *types.Package) bool {
		if p.Program.OwnPackage(pkg) {
			return false
		}
		scope := pkg.Scope()
		return slices.ContainsFunc(scope.Names(), func(name string) bool {
			iface, ok := scope.Lookup(name).Type().Underlying().(*types.Interface)
			return ok && hasMethod(iface, fn.Name()) && types.Implements(recv.Type(), iface)
		})
	})
}

func hasMethod(iface *types.Interface, name string) bool {
	for m := range iface.Methods() {
		if m.Name() == name {
			return true
		}
	}
	return false
}
