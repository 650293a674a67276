// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"go/token"
	"go/types"
	"strings"
	"testing"
)

func TestLearn(t *testing.T) {
	pkg := types.NewPackage("example.com/learned/store", "store")
	client := types.NewNamed(types.NewTypeName(token.NoPos, pkg, "Client", nil), types.NewStruct(nil, nil), nil)
	recv := types.NewVar(token.NoPos, pkg, "c", types.NewPointer(client))
	save := types.NewFunc(token.NoPos, pkg, "Save", types.NewSignatureType(recv, nil, nil, nil, nil, false))
	if got := Lookup(save); got != nil {
		t.Fatalf("before it was learned: %+v", got)
	}
	if err := Learn("example.com/learned/store.Client.Save", "sigs.k8s.io/controller-runtime/pkg/client.Writer.Update"); err != nil {
		t.Fatal(err)
	}
	got := Lookup(save)
	if got == nil || got.Effect != Update || got.Recv != "Client" || got.Name != "Save" {
		t.Errorf("learned %+v, want an update called Client.Save", got)
	}
}

func TestLearnRefuses(t *testing.T) {
	for name, like := range map[string]string{
		"Save":                    "sigs.k8s.io/controller-runtime/pkg/client.Writer.Update",
		"(*store.Client).Save":    "sigs.k8s.io/controller-runtime/pkg/client.Writer.Update",
		"example.com/store.Save":  "example.com/unheard.Of",
		"example.com/store.Save2": "",
	} {
		if err := Learn(name, like); err == nil || !strings.Contains(err.Error(), `"`) {
			t.Errorf("Learn(%q, %q) = %v, want an error that quotes what is wrong", name, like, err)
		}
	}
}

func TestParseSymbol(t *testing.T) {
	for text, want := range map[string]symbol{
		"net/http.HandleFunc":           {"net/http", "", "HandleFunc"},
		"example.com/a/b.Client.Save":   {"example.com/a/b", "Client", "Save"},
		"gopkg.in/yaml.v3.Unmarshal":    {"gopkg.in/yaml.v3", "", "Unmarshal"},
		"gopkg.in/yaml.v3.Node.Decode":  {"gopkg.in/yaml.v3", "Node", "Decode"},
		"example.com/lib/v2/store.Save": {"example.com/lib/store", "", "Save"},
	} {
		if got, ok := parseSymbol(text); !ok || got != want {
			t.Errorf("parseSymbol(%q) = %v, %t, want %v", text, got, ok, want)
		}
	}
}
