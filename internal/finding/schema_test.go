// SPDX-License-Identifier: Apache-2.0

package finding

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("review.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("review.json")
}

// valid tells what the schema says of a document.
func valid(t *testing.T, s *jsonschema.Schema, document []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// The reviews that the reports are tested with are valid, before and after they were read and written.
func TestSchemaTakesReviews(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob("../report/testdata/*/review.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("reviews: %v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, s, data); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		r, err := Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := valid(t, s, encoded(t, r)); err != nil {
			t.Errorf("%s, written again: %v", file, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	whole := string(encoded(t, full()))
	if err := valid(t, s, []byte(whole)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"version": 1,`, `"version": 2,`},
		{`"HIGH"`, `"high"`},
		{`"related": [`, `"relatives": [`},
		{`"line": 7`, `"line": "7"`},
		{`"errors": [`, `"extra": 1, "errors": [`},
	} {
		broken := strings.Replace(whole, change[0], change[1], 1)
		if broken == whole {
			t.Fatalf("no %s in\n%s", change[0], whole)
		}
		if valid(t, s, []byte(broken)) == nil {
			t.Errorf("%s is valid", change[1])
		}
	}
}

// The schema and the types say the same: each struct is a definition with the same fields, and what may be left out
// of one may be left out of the other.
func TestSchemaIsTheTypes(t *testing.T) {
	var doc struct {
		Defs map[string]definition `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(Schema()), &doc); err != nil {
		t.Fatal(err)
	}
	types := make(map[string]reflect.Type)
	collect(reflect.TypeFor[Review](), types)
	for name, typ := range types {
		def, ok := doc.Defs[name]
		if !ok {
			t.Errorf("%s is not in the schema", name)
			continue
		}
		delete(doc.Defs, name)
		if def.Additional == nil || *def.Additional {
			t.Errorf("%s takes additional properties", name)
		}
		compare(t, typ, def)
	}
	for name := range doc.Defs {
		t.Errorf("%s of the schema is no type", name)
	}
}

type definition struct {
	Additional *bool               `json:"additionalProperties"`
	Required   []string            `json:"required"`
	Properties map[string]property `json:"properties"`
}

type property struct {
	Type  string    `json:"type"`
	Ref   string    `json:"$ref"`
	Items *property `json:"items"`
	Enum  []any     `json:"enum"`
	Const any       `json:"const"`
}

// collect finds the structs that a type reaches.
func collect(typ reflect.Type, types map[string]reflect.Type) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice:
		collect(typ.Elem(), types)
	case reflect.Struct:
		if _, known := types[typ.Name()]; known {
			return
		}
		types[typ.Name()] = typ
		for _, f := range reflect.VisibleFields(typ) {
			collect(f.Type, types)
		}
	}
}

// compare checks the fields of a struct against the properties of its definition.
func compare(t *testing.T, typ reflect.Type, def definition) {
	t.Helper()
	var required []string
	fields := make(map[string]bool)
	for _, f := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = true
		if options != "omitempty" {
			required = append(required, name)
		}
		p, ok := def.Properties[name]
		if !ok {
			t.Errorf("%s.%s is not in the schema", typ.Name(), name)
			continue
		}
		fits(t, typ.Name()+"."+name, f.Type, p)
	}
	for name := range def.Properties {
		if !fields[name] {
			t.Errorf("%s.%s of the schema is no field", typ.Name(), name)
		}
	}
	slices.Sort(required)
	slices.Sort(def.Required)
	if diff := cmp.Diff(required, def.Required); diff != "" {
		t.Errorf("required of %s (-type +schema):\n%s", typ.Name(), diff)
	}
}

// fits checks that a property takes what a Go type is written as.
func fits(t *testing.T, name string, typ reflect.Type, p property) {
	t.Helper()
	want := ""
	switch typ.Kind() {
	case reflect.Pointer:
		fits(t, name, typ.Elem(), p)
		return
	case reflect.Struct:
		if p.Ref != "#/$defs/"+typ.Name() {
			t.Errorf("%s refers to %q, want %s", name, p.Ref, typ.Name())
		}
		return
	case reflect.Slice:
		if p.Type != "array" || p.Items == nil {
			t.Errorf("%s is no array", name)
			return
		}
		fits(t, name+"[]", typ.Elem(), *p.Items)
		return
	case reflect.String:
		want = "string"
	case reflect.Int:
		want = "integer"
	}
	if p.Enum == nil && p.Const == nil && p.Type != want {
		t.Errorf("%s is %q, want %q", name, p.Type, want)
	}
}
