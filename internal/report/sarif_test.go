// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The official schema of SARIF 2.1.0, errata 01, as one well-known module carries it for its own tests. It is read from
// the module cache instead of being copied, and pinned by its hash.
const (
	schemaModule = "github.com/securego/gosec/v2@v2.30.0"
	schemaFile   = "report/sarif/testdata/sarif-schema-2.1.0.json"
	schemaHash   = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
)

// sarifSchema returns the compiled schema. Without the module cache and the network, the test is skipped.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", schemaModule)
	cmd.Dir = t.TempDir() // outside of any module: nothing is added to a go.mod
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("%s is not at hand: %v", schemaModule, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(module.Dir, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != schemaHash {
		t.Fatalf("%s has changed", schemaFile)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("sarif.json")
}

func TestSARIFSchema(t *testing.T) {
	schema := sarifSchema(t)
	for _, name := range reviews(t) {
		r, source := read(t, name)
		for _, o := range []Options{{}, {Source: source}} {
			got := render(t, "sarif", r, o)
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s with source %v: %v", name, o.Source != nil, err)
			}
			if strings.Contains(got, "null") {
				t.Errorf("%s has a null: consumers take it for a run that did not happen", name)
			}
		}
	}
}

// The schema refuses what it should: a test that cannot fail proves nothing.
func TestSARIFSchemaRefuses(t *testing.T) {
	schema := sarifSchema(t)
	r, _ := read(t, "tracker")
	got := render(t, "sarif", r, Options{})
	for _, broken := range []string{
		strings.Replace(got, `"startLine": 26`, `"startLine": 0`, 1),
		strings.Replace(got, `"level": "error"`, `"level": "critical"`, 1),
		strings.Replace(got, `"threadFlows"`, `"threads"`, 1),
	} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(broken))
		if err != nil {
			t.Fatal(err)
		}
		if broken == got || schema.Validate(doc) == nil {
			t.Error("a broken log is valid")
		}
	}
}

// The steps of all actors together are the scenario in its order.
func TestSARIFInterleaving(t *testing.T) {
	r, source := read(t, "tracker")
	var log sarifLog
	if err := json.Unmarshal([]byte(render(t, "sarif", r, Options{Source: source})), &log); err != nil {
		t.Fatal(err)
	}
	for i, result := range log.Runs[0].Results {
		order := make(map[int]string)
		for _, flow := range result.CodeFlows {
			for _, thread := range flow.ThreadFlows {
				for _, step := range thread.Locations {
					order[step.Order] = thread.ID
				}
			}
		}
		steps := r.Findings[i].Scenario.Steps
		if len(order) != len(steps) {
			t.Errorf("%s: %d steps of %d", r.Findings[i].ID, len(order), len(steps))
		}
		for n, s := range steps {
			if order[n+1] != s.Actor {
				t.Errorf("%s: step %d by %q, want %q", r.Findings[i].ID, n+1, order[n+1], s.Actor)
			}
		}
	}
}

// Columns are UTF-16 units: an emoji is two, a Chinese character one, whatever bytes they take.
func TestSARIFColumns(t *testing.T) {
	for _, test := range []struct {
		text         string
		offset       int
		line, column int
	}{
		{"abc", 1, 1, 2},
		{"a\nbc", 2, 2, 1},
		{"計.n", 3, 1, 2},
		{"😀x", 4, 1, 3},
		{"", 0, 1, 1},
		{"a\n", 2, 2, 1},
	} {
		line, column := lineColumn([]byte(test.text), test.offset)
		if line != test.line || column != test.column {
			t.Errorf("lineColumn(%q, %d) = %d, %d, want %d, %d", test.text, test.offset, line, column, test.line, test.column)
		}
	}
}

func TestFileURI(t *testing.T) {
	for file, want := range map[string]string{
		"a/b.go":    "a/b.go",
		"a b/ü.go":  "a%20b/%C3%BC.go",
		"c:x/b#.go": "c%3Ax/b%23.go",
		"../x.go":   "../x.go",
		"/abs/x.go": "file:///abs/x.go",
		"q?%.go":    "q%3F%25.go",
	} {
		if got := fileURI(file); got != want {
			t.Errorf("fileURI(%q) = %q, want %q", file, got, want)
		}
	}
}
