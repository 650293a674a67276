// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
)

// ListAt returns the outermost list on the way to a field of an object of type t: a JSON merge patch replaces it whole,
// whatever changes within. The way is spelled as in Place.Path; ok is false when no list lies on it, or when the type
// does not tell, as for Unstructured.
func ListAt(t types.Type, path string) (list string, ok bool) {
	if path == "" {
		return "", false
	}
	steps := strings.Split(path, ".")
	if metadata, known := metadataClass(strings.TrimSuffix(steps[0], "[]")); known {
		return strings.TrimSuffix(steps[0], "[]"), metadata == kube.ListField
	}
	for i, step := range steps {
		name, inside := strings.CutSuffix(step, "[]")
		if t = fieldType(t, name); t == nil {
			return "", false
		}
		switch kube.ClassOf(t) {
		case kube.ListField, kube.Conditions:
			return strings.Join(append(steps[:i:i], name), "."), true
		case kube.MapField:
			if !inside && i == len(steps)-1 {
				return "", false
			}
			t = t.Underlying().(*types.Map).Elem()
		}
	}
	return "", false
}

// metadataClass knows the fields of ObjectMeta that are lists and maps.
func metadataClass(name string) (kube.FieldClass, bool) {
	switch name {
	case "Finalizers", "OwnerReferences", "ManagedFields":
		return kube.ListField, true
	case "Labels", "Annotations":
		return kube.MapField, true
	}
	return "", false
}

// fieldType returns the type of a field of the struct behind t, embedded structs included, or nil.
func fieldType(t types.Type, name string) types.Type {
	t = types.Unalias(t)
	for {
		if ptr, ok := t.Underlying().(*types.Pointer); ok {
			t = ptr.Elem()
			continue
		}
		break
	}
	named, _ := types.Unalias(t).(*types.Named)
	var pkg *types.Package
	if named != nil {
		pkg = named.Obj().Pkg()
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, pkg, name)
	if v, ok := obj.(*types.Var); ok {
		return v.Type()
	}
	return nil
}

// ClassAt returns how a merge patch treats the field at path of an object of type t; "" when the type does not tell.
func ClassAt(t types.Type, path string) kube.FieldClass {
	if class, ok := metadataClass(path); ok {
		return class
	}
	if t = TypeAt(t, path); t == nil {
		return ""
	}
	return kube.ClassOf(t)
}

// TypeAt returns the type of the field at path of an object of type t; nil when the type does not tell.
func TypeAt(t types.Type, path string) types.Type {
	if path == "" || t == nil {
		return nil
	}
	for step := range strings.SplitSeq(path, ".") {
		name, inside := strings.CutSuffix(step, "[]")
		if t = fieldType(t, name); t == nil {
			return nil
		}
		if inside {
			switch u := t.Underlying().(type) {
			case *types.Slice:
				t = u.Elem()
			case *types.Map:
				t = u.Elem()
			}
		}
	}
	return t
}
