// SPDX-License-Identifier: Apache-2.0

package kube

import "testing"

func TestStrategicMergeList(t *testing.T) {
	w := readWorld(t, "testdata/base.txtar", "testdata/kinds.txtar")
	pod := w.typeIn(t, "k8s.io/api/core/v1", "Pod")
	for path, want := range map[string]bool{
		"Status.Conditions":       true,
		"status.conditions":       true,
		"metadata.finalizers":     true,
		"ObjectMeta.Finalizers":   true,
		"Finalizers":              true,
		"Spec.Volumes":            true,
		"Spec.Containers.Env":     true,
		"Spec.Containers.Args":    false,
		"spec.tolerations":        false,
		"Spec.Nothing":            false,
		"Spec.Tolerations.Deeper": false,
		"":                        false,
	} {
		if got := StrategicMergeList(pod, path); got != want {
			t.Errorf("%q of a Pod: %t, want %t", path, got, want)
		}
	}
	if StrategicMergeList(w.typeIn(t, "example.org/api/shop/v1", "Order"), "Finalizers") {
		t.Error("a custom resource takes no strategic merge patch")
	}
}

func TestUnconditionalUpdate(t *testing.T) {
	for _, tt := range []struct {
		kind Kind
		want bool
	}{
		{Kind{Pkg: "k8s.io/api/core/v1", Name: "ConfigMap"}, true},
		{Kind{Pkg: "k8s.io/api/apps/v1beta2", Name: "Deployment"}, true},
		{Kind{Pkg: "k8s.io/api/coordination/v1", Name: "Lease"}, false},
		{Kind{Pkg: "k8s.io/api/policy/v1", Name: "PodDisruptionBudget"}, false},
		{Kind{Pkg: "example.org/api/core/v1", Name: "ConfigMap"}, false},
	} {
		if got := UnconditionalUpdate(tt.kind); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.kind, got, tt.want)
		}
	}
}

func TestKindStored(t *testing.T) {
	for _, tt := range []struct {
		kind Kind
		want bool
	}{
		{Kind{Pkg: "k8s.io/api/core/v1", Name: "Pod"}, true},
		{Kind{Pkg: "k8s.io/api/authorization/v1", Name: "SubjectAccessReview"}, false},
		{Kind{Pkg: "example.org/api/authorization/v1", Name: "Grant"}, true},
	} {
		if got := tt.kind.Stored(); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.kind, got, tt.want)
		}
	}
}

func TestKindSame(t *testing.T) {
	order := Kind{Pkg: "example.org/api/shop/v1", Name: "Order", Form: Typed}
	for _, tt := range []struct {
		other Kind
		want  bool
	}{
		{Kind{Pkg: "example.org/api/shop/v1", Name: "Order", Form: Typed, List: true}, true},
		{Kind{Pkg: "example.org/gen/applyconfiguration/shop/v1", Name: "Order", Form: ApplyConfiguration}, true},
		{Kind{Pkg: "example.org/gen/applyconfiguration/shop/v2", Name: "Order", Form: ApplyConfiguration}, false},
		{Kind{Pkg: "example.org/other/v1", Name: "Order", Form: Typed}, false},
		{Kind{Pkg: "example.org/api/shop/v1", Name: "Basket", Form: Typed}, false},
	} {
		if got := order.Same(tt.other); got != tt.want {
			t.Errorf("%v same as %v: %t, want %t", order, tt.other, got, tt.want)
		}
	}
	unknown := Kind{Pkg: unstructPath, Form: Unstructured}
	if unknown.Same(unknown) {
		t.Error("two unstructured objects need not be of one kind")
	}
}

func TestCanonicalPath(t *testing.T) {
	for path, want := range map[string]string{
		"k8s.io/client-go/util/retry":                     "k8s.io/client-go/util/retry",
		"example.org/a/vendor/k8s.io/client-go/rest":      "k8s.io/client-go/rest",
		"vendor/golang.org/x/net/http2":                   "golang.org/x/net/http2",
		"github.com/labstack/echo/v4":                     "github.com/labstack/echo",
		"github.com/crossplane/crossplane-runtime/v2/pkg": "github.com/crossplane/crossplane-runtime/pkg",
		"k8s.io/api/core/v1":                              "k8s.io/api/core/v1",
		"example.org/v2beta1/x":                           "example.org/v2beta1/x",
		"example.org/velero":                              "example.org/velero",
	} {
		if got := canonicalPath(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestLookupField(t *testing.T) {
	w := readWorld(t, "testdata/base.txtar", "testdata/rows.txtar")
	server := w.typeIn(t, "net/http", "Server")
	if c := LookupField(server, "Handler"); c == nil || c.Effect != RegisterEveryReplica {
		t.Errorf("http.Server.Handler is %+v", c)
	}
	if c := LookupField(server, "Addr"); c != nil {
		t.Errorf("http.Server.Addr is %+v, but nothing is known of it", c)
	}
}
