// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/types"
	"slices"
	"strings"
)

// Form is how a Go type represents an API object. The cached client keeps one informer for each form of a kind,
// so two forms of one object can be of different age.
type Form string

const (
	Typed              Form = "typed"
	Unstructured       Form = "unstructured"        // kind and fields are values, not types
	MetadataOnly       Form = "metadata"            // PartialObjectMetadata: the kind is a value
	ApplyConfiguration Form = "apply-configuration" // the payload of a server-side apply
)

// Kind is the API kind that a Go type stands for. It is comparable.
type Kind struct {
	Pkg  string // import path of the Go type, without vendor prefix; it tells group and version
	Name string // Pod; for lists the kind of the items; "" if only the value knows
	Form Form
	List bool
}

// KindOf returns the kind of an API object's type, of a pointer to it, or of its list: structs with metav1.TypeMeta
// and metav1.ObjectMeta or ListMeta, others that are objects by their own methods, Unstructured,
// PartialObjectMetadata and apply configurations. Interfaces such as client.Object are none.
func KindOf(t types.Type) (Kind, bool) {
	named := namedOf(t)
	if named == nil || named.Obj().Pkg() == nil {
		return Kind{}, false
	}
	pkg, name := vendorless(named.Obj().Pkg().Path()), named.Obj().Name()
	if k, ok := formless(pkg, name); ok {
		return k, true
	}
	fields, ok := named.Underlying().(*types.Struct)
	if !ok {
		return Kind{}, false
	}
	switch {
	case strings.HasSuffix(name, "ApplyConfiguration") && inApplyConfigurations(named.Obj().Pkg()):
		if !hasApplyMetadata(fields) {
			return Kind{}, false
		}
		kind := strings.TrimSuffix(name, "ApplyConfiguration")
		return Kind{Pkg: objectPackage(pkg), Name: kind, Form: ApplyConfiguration}, true
	case wraps(fields, "Unstructured"):
		return Kind{Pkg: pkg, Form: Unstructured}, true
	case wraps(fields, "UnstructuredList"):
		return Kind{Pkg: pkg, Form: Unstructured, List: true}, true
	case !embeds(fields, "TypeMeta"):
		return kindByMethods(named, pkg)
	case embeds(fields, "ObjectMeta"):
		return Kind{Pkg: pkg, Name: name, Form: Typed}, true
	case embeds(fields, "ListMeta"):
		return listKind(fields)
	}
	return Kind{}, false
}

// formless knows the types whose kind is a value.
func formless(pkg, name string) (Kind, bool) {
	switch pkg + "." + name {
	case unstructPath + ".Unstructured", unstructPath + ".UnstructuredList":
		return Kind{Pkg: pkg, Form: Unstructured, List: name == "UnstructuredList"}, true
	case metav1Path + ".PartialObjectMetadata", metav1Path + ".PartialObjectMetadataList":
		return Kind{Pkg: pkg, Form: MetadataOnly, List: name == "PartialObjectMetadataList"}, true
	}
	return Kind{}, false
}

// listKind returns the kind of a list's items.
func listKind(list *types.Struct) (Kind, bool) {
	for i := range list.NumFields() {
		if list.Field(i).Name() != "Items" {
			continue
		}
		elem := elemOf(list.Field(i).Type())
		if elem == nil {
			break
		}
		k, ok := KindOf(elem)
		k.List = true
		return k, ok
	}
	return Kind{}, false
}

// kindByMethods accepts structs that are objects without metav1.ObjectMeta inside: the methods must be their own,
// since a struct that embeds an object (a scope, a test wrapper) has them too and is no kind. One that embeds
// Unstructured and copies itself is Unstructured.
func kindByMethods(named *types.Named, pkg string) (Kind, bool) {
	ptr := types.NewPointer(named)
	_, index, _ := types.LookupFieldOrMethod(ptr, true, named.Obj().Pkg(), "DeepCopyObject")
	if len(index) != 1 {
		return Kind{}, false
	}
	version, index, _ := types.LookupFieldOrMethod(ptr, true, named.Obj().Pkg(), "GetResourceVersion")
	fn, ok := version.(*types.Func)
	if !ok {
		return Kind{}, false
	}
	if len(index) > 1 && receiverName(fn.Signature()) == "Unstructured" {
		return Kind{Pkg: pkg, Form: Unstructured}, true
	}
	return Kind{Pkg: pkg, Name: named.Obj().Name(), Form: Typed}, true
}

// wraps reports whether a struct is nothing but a type of the unstructured package under another name, with methods of its own.
func wraps(fields *types.Struct, name string) bool {
	if fields.NumFields() != 1 || !fields.Field(0).Embedded() {
		return false
	}
	return namedIn(fields.Field(0).Type(), unstructPath) == name
}

// embeds reports whether a struct embeds the type called name of the metadata package.
func embeds(fields *types.Struct, name string) bool {
	for i := range fields.NumFields() {
		if f := fields.Field(i); f.Embedded() && namedIn(f.Type(), metav1Path) == name {
			return true
		}
	}
	return false
}

// hasApplyMetadata tells the apply configuration of a kind from that of a part: it embeds
// TypeMetaApplyConfiguration.
func hasApplyMetadata(fields *types.Struct) bool {
	for i := range fields.NumFields() {
		if f := fields.Field(i); f.Embedded() && f.Name() == "TypeMetaApplyConfiguration" {
			return true
		}
	}
	return false
}

// objectPackage returns the package of the typed objects for one of client-go's apply configurations, and other
// paths unchanged.
func objectPackage(pkg string) string {
	if gv, ok := strings.CutPrefix(pkg, "k8s.io/client-go/applyconfigurations/"); ok {
		return "k8s.io/api/" + gv
	}
	return pkg
}

// vendorless removes everything up to a vendor folder.
func vendorless(path string) string {
	if i := strings.LastIndex(path, "/vendor/"); i >= 0 {
		return path[i+len("/vendor/"):]
	}
	return strings.TrimPrefix(path, "vendor/")
}

// ManyUses reports whether a program has objects of the kind for many purposes, so that two writers most often mean two
// objects: the kinds of Kubernetes but those that stand for one thing each, such as a machine or what runs on it.
func (k Kind) ManyUses() bool {
	return k.BuiltIn() && !slices.Contains([]string{"Node", "Namespace", "Pod", "PersistentVolume", "PersistentVolumeClaim"}, k.Name)
}

// BuiltIn reports whether the kind is served by the API server itself. Strategic merge works for these only.
func (k Kind) BuiltIn() bool { return strings.HasPrefix(k.Pkg, "k8s.io/api/") }

// Finalized reports whether controllers that belong to no program under review put finalizers on objects of a built-in kind: what is
// attached to machines, volumes and load balancers, and what many controllers keep for their own. Nobody is known to do so with
// workloads, roles and configurations.
func (k Kind) Finalized() bool {
	return slices.Contains([]string{"Node", "Namespace", "Pod", "PersistentVolume", "PersistentVolumeClaim", "Service", "Ingress", "Secret", "VolumeAttachment", "ResourceClaim"}, k.Name)
}

// FixedList reports whether the API server refuses every change of a list of a stored object but to parts of its elements.
// Source: k8s.io/kubernetes/pkg/apis/core/validation, ValidatePodUpdate; pkg/apis/batch/validation, ValidateJobSpecUpdate.
func (k Kind) FixedList(path string) bool {
	if !k.BuiltIn() {
		return false
	}
	switch k.Name {
	case "Pod":
		return strings.HasPrefix(path, "Spec.") && path != "Spec.Tolerations" && path != "Spec.SchedulingGates"
	case "Job":
		return strings.HasPrefix(path, "Spec.Template.Spec.") && path != "Spec.Template.Spec.Tolerations" && path != "Spec.Template.Spec.SchedulingGates"
	case "StatefulSet":
		return strings.HasPrefix(path, "Spec.VolumeClaimTemplates")
	}
	return false
}

// Alone reports whether only who owns an object of the kind writes a list of it: Kubernetes itself never does, or leaves it to the
// one controller of its class.
// Source: k8s.io/kubernetes/pkg/controller/statefulset, pkg/controller/daemon set no conditions; pkg/registry/core/service sets node
// ports of the ports that it is given.
func (k Kind) Alone(path string) bool {
	if !k.BuiltIn() {
		return false
	}
	switch k.Name {
	case "StatefulSet", "DaemonSet":
		return path == "Status.Conditions"
	case "Service":
		return path == "Spec.Ports" || path == "Status.LoadBalancer.Ingress"
	case "Ingress":
		return path == "Status.LoadBalancer.Ingress"
	}
	return false
}

// Stored reports whether the API server keeps what is created of the kind. Reviews of tokens, access and admission are
// questions in the shape of an object.
func (k Kind) Stored() bool {
	group, ok := strings.CutPrefix(k.Pkg, "k8s.io/api/")
	if !ok {
		return true
	}
	group, _, _ = strings.Cut(group, "/")
	switch group {
	case "admission", "authentication", "authorization", "imagepolicy":
		return false
	}
	return true
}

// Same reports whether two kinds are one, whatever their form: equal names, from one package or, where the one is a
// generated apply configuration, from packages of one group and version.
func (k Kind) Same(other Kind) bool {
	if k.Name == "" || k.Name != other.Name {
		return false
	}
	if k.Pkg == other.Pkg {
		return true
	}
	apply := k.Form == ApplyConfiguration || other.Form == ApplyConfiguration
	return apply && lastElement(k.Pkg) == lastElement(other.Pkg)
}

// String returns group directory, version and name as far as the path tells: apps/v1.Deployment.
func (k Kind) String() string {
	if k.Name == "" {
		return string(k.Form)
	}
	elems := strings.Split(k.Pkg, "/")
	return strings.Join(elems[max(0, len(elems)-2):], "/") + "." + k.Name
}

func lastElement(path string) string {
	return path[strings.LastIndex(path, "/")+1:]
}
