// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
)

// IsAPIPart tells whether t, pointers removed, is an API object or a struct that API objects are made of: it has the
// generated method DeepCopyInto, and an object of its package reaches it, if the package has objects.
func (e *Effects) IsAPIPart(t types.Type) bool {
	named := program.Named(t)
	if named == nil || named.Obj().Pkg() == nil {
		return false
	}
	if known, ok := e.apiParts[named]; ok {
		return known
	}
	_, isStruct := named.Underlying().(*types.Struct)
	sel := types.NewMethodSet(types.NewPointer(named)).Lookup(named.Obj().Pkg(), "DeepCopyInto")
	found := isStruct && sel != nil && len(sel.Index()) == 1 // a promoted method copies only what is embedded
	if found && e.Program.OwnPackage(named.Obj().Pkg()) {
		parts := partsOf(named.Obj().Pkg())
		found = len(parts) == 0 || parts[named]
	}
	e.apiParts[named] = found
	return found
}

// partsOf returns the structs that the objects of a package are made of.
func partsOf(pkg *types.Package) map[*types.Named]bool {
	parts := make(map[*types.Named]bool)
	for _, name := range pkg.Scope().Names() {
		if _, isType := pkg.Scope().Lookup(name).(*types.TypeName); !isType {
			continue
		}
		t := pkg.Scope().Lookup(name).Type()
		if k, ok := kube.KindOf(t); ok && !k.List {
			addParts(t, parts)
		}
	}
	return parts
}

func addParts(t types.Type, parts map[*types.Named]bool) {
	if named := program.Named(t); named != nil {
		if parts[named] {
			return
		}
		parts[named] = true
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		addParts(u.Elem(), parts)
	case *types.Slice:
		addParts(u.Elem(), parts)
	case *types.Map:
		addParts(u.Elem(), parts)
	case *types.Struct:
		for f := range u.Fields() {
			addParts(f.Type(), parts)
		}
	}
}
