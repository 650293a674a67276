// SPDX-License-Identifier: Apache-2.0

package review

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// A configuration that is accepted says where everything stands, and is what the published schema allows.
func FuzzConfig(f *testing.F) {
	f.Add("version: 1\n")
	f.Add("version: 1\nstrict: true\nrules: {triage: off, triage/unused: high}\nfail: none\n")
	f.Add("version: 1\nignore:\n- {rules: [triage], paths: ['a/**/*.go'], function: '(*T).*', until: 2027-01-31, reason: x}\n")
	f.Add("version: 1\nignore: [{reason: [}]\n")
	f.Add("a: &a [*a]\nversion: 1\n")
	schema := compile(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConfig("f", []byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		if c.Lines["version"] < 1 {
			t.Error("no version, and no error")
		}
		for _, i := range c.Ignore {
			if i.Reason == "" || i.Line < 1 {
				t.Errorf("%+v was accepted", i)
			}
		}
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return // the node form is more tolerant, as of keys that come twice
		}
		data, err := json.Marshal(value)
		if err != nil {
			return // keys that are no strings
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		_ = schema.Validate(instance) // must not panic; words such as on are booleans to some readers
	})
}

// What the schema and the parser say of examples is the same.
func TestConfigSchema(t *testing.T) {
	schema := compile(t)
	for text, ok := range map[string]bool{
		`{"version": 1}`: true,
		`{"version": 1, "strict": true, "tests": false, "tags": "a,b", "show": "high", "fail": "none", "baseline": "b.json"}`:            true,
		`{"version": 1, "rules": {"triage/unused": "off", "triage": "medium"}}`:                                                          true,
		`{"version": 1, "ignore": [{"rules": ["triage"], "paths": ["**/*.go"], "function": "f", "until": "2027-01-31", "reason": "r"}]}`: true,
		`{"strict": true}`:                                  false,
		`{"version": 1, "unknown": 1}`:                      false,
		`{"version": 1, "rules": {"triage": "maybe"}}`:      false,
		`{"version": 1, "ignore": [{"rules": ["triage"]}]}`: false,
		`{"version": 1, "show": "none"}`:                    false,
	} {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); (err == nil) != ok {
			t.Errorf("schema on %s: %v", text, err)
		}
		if _, err := parseConfig("f", []byte(text)); (err == nil) != ok {
			t.Errorf("parser on %s: %v", text, err)
		}
	}
}

func compile(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ConfigSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// What is read from a baseline is written as it was.
func FuzzBaseline(f *testing.F) {
	f.Add(`{"version": 1, "findings": []}`)
	f.Add(`{"version": 1, "findings": [{"fingerprint": "a", "rule": "b/c", "function": "(*T).M$1"}]}`)
	f.Add(`{"version": 1, "findings": [{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ReadBaseline(strings.NewReader(text))
		if err != nil {
			return
		}
		data, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ReadBaseline(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Findings) != len(again.Findings) || len(b.Findings) > 0 && !cmp.Equal(b, again) {
			t.Errorf("wrote %+v, read %+v", b, again)
		}
	})
}

// A directive is read the same way whatever stands around it, and only one with words for each part is complete.
func FuzzDirective(f *testing.F) {
	f.Add("//replicavet:ignore rmw/unlocked-patch until=2027-01-31 reason")
	f.Add("//replicavet:ignore")
	f.Add("//replicavet:ignored rmw")
	f.Add("//nolint:errcheck,replicavet // reason")
	f.Add("// nolint: replicavet")
	f.Fuzz(func(t *testing.T, comment string) {
		d, ok := parseDirective(comment)
		if !ok {
			if strings.HasPrefix(comment, ignoreMark+" ") {
				t.Error("a directive was not read")
			}
			return
		}
		if d.Kind == "directive" && len(d.Rules) == 0 {
			t.Error("a directive without a rule covers all")
		}
		if strings.TrimSpace(d.Reason) != d.Reason {
			t.Errorf("reason %q is not trimmed", d.Reason)
		}
		if d.Kind == "directive" && d.Reason != "" && d.Rules[0] != "" {
			until := ""
			if d.Until != "" {
				until = "until=" + d.Until + " "
			}
			again, _ := parseDirective(fmt.Sprintf("%s %s %s%s", ignoreMark, strings.Join(d.Rules, ","), until, d.Reason))
			if again.Reason != d.Reason && !strings.HasPrefix(d.Reason, "until=") {
				t.Errorf("reason %q became %q", d.Reason, again.Reason)
			}
		}
	})
}

// Lines of a diff count as lines only where hunks say so.
func FuzzChangedLines(f *testing.F) {
	f.Add("--- a.go\n+++ a.go\n@@ -1 +1,2 @@ func f()\n-x\n+++ y\n+@@ -7 +7 @@\n@@ -9,2 +10,0 @@\n-a\n-b\n\\ No newline at end of file\n")
	f.Add("@@ -1,99999999999999999999 +1 @@\n")
	f.Fuzz(func(t *testing.T, diff string) {
		for file, spans := range changedLines(diff) {
			for _, s := range spans {
				if s.to < s.from {
					t.Errorf("%s: %+v is no range", file, s)
				}
			}
		}
	})
}

func TestChangedLines(t *testing.T) {
	got := changedLines("--- a.go\n+++ a.go\n@@ -1 +1,2 @@ func f()\n-x\n+++ y\n+@@ -7 +7 @@\n@@ -9,2 +10,0 @@\n-a\n-b\n--- b.go\n+++ b.go\n@@ -0,0 +1 @@\n+z\n")
	want := map[string][]span{"a.go": {{1, 2}, {10, 10}}, "b.go": {{1, 1}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(span{})); diff != "" {
		t.Error(diff)
	}
}

func TestMatchPath(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"a/*.go", "a/b.go", true}, {"a/*.go", "a/b/c.go", false}, {"a/**", "a/b/c.go", true}, {"**/c.go", "c.go", true},
		{"**/c.go", "a/b/c.go", true}, {"a/**/c.go", "a/c.go", true}, {"a/**/c.go", "b/c.go", false}, {"a", "a/b", false},
	} {
		if got, err := matchPath(test.pattern, test.name); err != nil || got != test.want {
			t.Errorf("matchPath(%s, %s) = %t, %v", test.pattern, test.name, got, err)
		}
	}
	if _, err := matchPath("[", "b"); err == nil {
		t.Error("a pattern that is none was taken")
	}
}

func TestMatchName(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"(*T).*", "(*T).M$1", true}, {"(*T).M", "(*U).M", false}, {"F[int]", "F[int]", true}, {"F*", "G", false},
	} {
		if got := matchName(test.pattern, test.name); got != test.want {
			t.Errorf("matchName(%s, %s) = %t", test.pattern, test.name, got)
		}
	}
}
