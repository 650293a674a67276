// SPDX-License-Identifier: Apache-2.0

// Package replicavet_test holds the house rules: what may import what, and what every file and rule must have.
package replicavet_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rules"
)

const module = "github.com/replicavet/replicavet/"

// allowed says which rooms a room may import. A wing of the catalogue counts as rules/<wing>.
var allowed = map[string][]string{
	"finding":  {},
	"load":     {},
	"kube":     {},
	"program":  {"load", "kube"},
	"effects":  {"load", "kube", "program"},
	"rule":     {"finding", "kube", "program", "effects"},
	"ruletest": {"finding", "load", "program", "effects", "rule", "kube"},
	"wing":     {"finding", "load", "kube", "program", "effects", "rule"},
	"rules":    {"rule", "wing"},
	"fix":      {"finding"},
	"report":   {"finding", "fix"},
	"review":   {"finding", "load", "kube", "program", "effects", "rule", "rules", "fix"},
	"serve":    {"finding", "rules", "fix", "review", "report"},
}

// room names the room that a directory or import path below internal belongs to.
func room(path string) string {
	path = strings.TrimPrefix(path, "internal/")
	switch {
	case strings.HasPrefix(path, "rule/ruletest"):
		return "ruletest"
	case strings.HasPrefix(path, "rules/"):
		return "wing"
	}
	name, _, _ := strings.Cut(path, "/")
	return name
}

// sources calls visit for every Go file of the project's own module, with its slashed path.
func sources(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." {
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if nested == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
		}
		if strings.HasSuffix(path, ".go") {
			visit(filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImports(t *testing.T) {
	sources(t, func(path string) {
		if !strings.HasPrefix(path, "internal/") || strings.HasSuffix(path, "_test.go") {
			return
		}
		from := room(filepath.ToSlash(filepath.Dir(path)))
		may, known := allowed[from]
		if !known {
			t.Errorf("%s: room %s is not in the table of rooms", path, from)
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			inner, own := strings.CutPrefix(name, module+"internal/")
			to := room(inner)
			samePackage := filepath.ToSlash(filepath.Dir(path)) == "internal/"+inner
			if own && !samePackage && !slices.Contains(may, to) && !(to == from && from != "wing") {
				t.Errorf("%s imports %s: a %s must not know of %s", path, name, from, to)
			}
		}
	})
}

func TestLicenceLine(t *testing.T) {
	sources(t, func(path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte("// SPDX-License-Identifier: Apache-2.0\n")) {
			t.Errorf("%s does not begin with the licence line", path)
		}
	})
}

func TestFileSizes(t *testing.T) {
	sources(t, func(path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(data, []byte("\n")); n > 500 && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s has %d lines: a file holds one idea, in 500 lines at most", path, n)
		}
	})
}

func TestCatalogue(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range rules.All() {
		if seen[r.ID] {
			t.Errorf("%s is declared twice", r.ID)
		}
		seen[r.ID] = true
		_, name, ok := strings.Cut(r.ID, "/")
		if !ok || name != strings.ToLower(name) {
			t.Errorf("%s is not family/name", r.ID)
		}
		if r.Title == "" || r.Since == "" || r.Check == nil && r.Family() != "triage" || r.Severity < finding.Medium {
			t.Errorf("%s lacks a title, a version, a severity or its check", r.ID)
		}
		file := filepath.Join("internal", "rules", r.Family(), strings.ReplaceAll(name, "-", "_"))
		for _, ext := range []string{".go", ".md"} {
			if ext == ".go" && r.Check == nil {
				continue // the review itself decides it
			}
			if _, err := os.Stat(file + ext); err != nil {
				t.Errorf("%s must live in %s", r.ID, file+ext)
			}
		}
	}
}
