// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/types"
	"reflect"
	"strings"
)

// FieldClass is how patches and clocks treat a field of an API object.
type FieldClass string

const (
	Scalar     FieldClass = "scalar"     // strings, numbers, booleans, bytes, and pointers to them
	Moment     FieldClass = "moment"     // metav1.Time (second precision) and MicroTime
	ListField  FieldClass = "list"       // a JSON merge patch replaces it whole
	Conditions FieldClass = "conditions" // a list of conditions, in any project's spelling
	MapField   FieldClass = "map"        // a merge patch merges it by key
	Struct     FieldClass = "struct"     // a merge patch merges it by field
	Opaque     FieldClass = "opaque"     // interfaces, functions, channels
)

// ClassOf returns the class of a field's type; pointers are looked through.
func ClassOf(t types.Type) FieldClass {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	if IsTime(t) {
		return Moment
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return Scalar
	case *types.Slice:
		if basic, ok := u.Elem().Underlying().(*types.Basic); ok && basic.Kind() == types.Byte {
			return Scalar
		}
		if isCondition(u.Elem()) {
			return Conditions
		}
		return ListField
	case *types.Array:
		return ListField
	case *types.Map:
		return MapField
	case *types.Struct:
		return Struct
	}
	return Opaque
}

// IsTime reports whether t or what it points to is metav1.Time or metav1.MicroTime.
func IsTime(t types.Type) bool {
	name := namedIn(t, metav1Path)
	return name == "Time" || name == "MicroTime"
}

// isCondition reports whether an element, or what it points to, has the fields that all conditions have.
func isCondition(elem types.Type) bool {
	if ptr, ok := elem.Underlying().(*types.Pointer); ok {
		elem = ptr.Elem()
	}
	fields, ok := elem.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	has := make(map[string]bool, fields.NumFields())
	for i := range fields.NumFields() {
		has[fields.Field(i).Name()] = true
	}
	return has["Type"] && has["Status"] && has["LastTransitionTime"]
}

// StrategicMergeList reports whether a strategic merge patch merges the list at path by element, instead of
// replacing it. t is a built-in kind (others reject such patches: false), path is dotted and names fields as Go or as
// JSON does: "Status.Conditions", "metadata.finalizers"; embedded fields may be left out. The source is the field's
// patchStrategy tag.
func StrategicMergeList(t types.Type, path string) bool {
	if k, ok := KindOf(t); !ok || !k.BuiltIn() {
		return false
	}
	var tag string
	for name := range strings.SplitSeq(path, ".") {
		fields, ok := structOf(t)
		if !ok {
			return false
		}
		if t, tag, ok = fieldOf(fields, name, maxEmbedding); !ok {
			return false
		}
	}
	for strategy := range strings.SplitSeq(reflect.StructTag(tag).Get("patchStrategy"), ",") {
		if strategy == "merge" {
			return true
		}
	}
	return false
}

// maxEmbedding bounds the walk through types that contain themselves. No API type nests deeper.
const maxEmbedding = 8

// structOf looks through pointers, lists and maps.
func structOf(t types.Type) (*types.Struct, bool) {
	for range maxEmbedding {
		switch u := t.Underlying().(type) {
		case *types.Pointer:
			t = u.Elem()
		case *types.Slice:
			t = u.Elem()
		case *types.Map:
			t = u.Elem()
		case *types.Struct:
			return u, true
		default:
			return nil, false
		}
	}
	return nil, false
}

// fieldOf returns type and tag of the field called name: its own first, then those of structs embedded at most depth
// deep.
func fieldOf(fields *types.Struct, name string, depth int) (types.Type, string, bool) {
	for i := range fields.NumFields() {
		json, _, _ := strings.Cut(reflect.StructTag(fields.Tag(i)).Get("json"), ",")
		if fields.Field(i).Name() == name || json == name {
			return fields.Field(i).Type(), fields.Tag(i), true
		}
	}
	if depth == 0 {
		return nil, "", false
	}
	for i := range fields.NumFields() {
		inner, ok := structOf(fields.Field(i).Type())
		if !ok || !fields.Field(i).Embedded() {
			continue
		}
		if t, tag, ok := fieldOf(inner, name, depth-1); ok {
			return t, tag, true
		}
	}
	return nil, "", false
}
