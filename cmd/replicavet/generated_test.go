// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/replicavet/replicavet/internal/review"
	"github.com/replicavet/replicavet/internal/rules"
)

// These tests keep what is generated current: `go generate ./...` runs them with -update.

// root is the root of the repository.
const root = "../.."

// docs/rules holds the pages of the rules, and a list of them.
func TestGeneratedPages(t *testing.T) {
	want := map[string]string{"README.md": pageList()}
	for _, r := range rules.All() {
		want[r.ID+".md"] = r.Doc
	}
	dir := filepath.Join(root, "docs", "rules")
	for name, page := range want {
		current(t, filepath.Join(dir, filepath.FromSlash(name)), page)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if _, ok := want[filepath.ToSlash(name)]; err != nil || ok {
			return err
		}
		if *update {
			return os.Remove(path)
		}
		t.Errorf("%s is the page of no rule: run `go generate ./...`", path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func pageList() string {
	var b strings.Builder
	b.WriteString("# The rules\n\n`replicavet explain RULE` prints the same pages.\n")
	family := ""
	for _, r := range rules.All() {
		if r.Family() != family {
			family = r.Family()
			fmt.Fprintf(&b, "\n## %s\n\n| rule | what is wrong | severity, at most | checklist |\n|---|---|---|---|\n", family)
		}
		checklist := strings.Join(r.Checklist, ", ")
		if r.Strict {
			checklist += " (strict)"
		}
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s |\n", r.ID, r.ID, r.Title, r.Severity, strings.TrimSpace(checklist))
	}
	return b.String()
}

// current demands that a file holds text, or writes it.
func current(t *testing.T, path, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil && string(data) == text {
		return
	}
	if !*update {
		t.Errorf("%s is not current: run `go generate ./...`\n%s", path, cmp.Diff(string(data), text))
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// exampleRules are those whose findings README.md shows.
const exampleRules = "rmw/retry-without-lock"

// README.md shows what the command says of the example, to the letter.
func TestGeneratedReadme(t *testing.T) {
	path := filepath.Join(root, "README.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- the output begins -->\n", "<!-- the output ends -->\n"
	before, rest, ok1 := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s lacks the marks of the output", path)
	}
	if !strings.Contains(before, "-rules "+exampleRules) {
		t.Errorf("%s does not show the command", path)
	}
	out := example(t, "-rules", exampleRules)
	current(t, path, before+begin+"```\n"+out+"```\n"+end+after)
}

// A review of the example tells the bugs of examples/README.md, each under its rule in its file, and nothing of the mended twin.
func TestExampleSpeaks(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "examples", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, bugs, _ := strings.Cut(string(data), "## The bugs")
	bugs, _, _ = strings.Cut(bugs, "A review stays silent")
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)`.* \\| `([a-z0-9]+/[a-z0-9-]+)` \\|").FindAllStringSubmatch(bugs, -1)
	if len(rows) < 30 {
		t.Fatalf("only %d rows", len(rows))
	}
	var told struct {
		Findings []struct{ Rule, File string }
	}
	if err := json.Unmarshal([]byte(example(t, "-format", "json", "./...")), &told); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		file := row[1]
		if !strings.HasPrefix(file, "cmd/") {
			file = "internal/" + file
		}
		if !slices.Contains(told.Findings, struct{ Rule, File string }{row[2], file}) {
			t.Errorf("nothing told of %s in %s", row[2], file)
		}
	}
	var out, errs bytes.Buffer
	if status := run(context.Background(), []string{"review", "-C", filepath.Join(root, "examples", "parking-fixed"), "./..."}, &out, &errs); status != review.Clean {
		t.Errorf("the mended twin: status %d, %s%s", status, out.String(), errs.String())
	}
}

// The review of the example is the same in every order of packages, with any parallelism, cold and from the cache.
func TestExampleIsDeterministic(t *testing.T) {
	packages := []string{"./api/...", "./cmd/...", "./internal/controller", "./internal/gate", "./internal/...", "./..."}
	t.Setenv("REPLICAVET_CACHE", t.TempDir())
	t.Setenv("GOMAXPROCS", "1")
	cold := example(t, append([]string{"-format", "json", "-j", "1"}, packages...)...)
	cached := example(t, append([]string{"-format", "json", "-j", "1"}, packages...)...)
	slices.Reverse(packages)
	t.Setenv("GOMAXPROCS", "8")
	shuffled := example(t, append([]string{"-format", "json", "-j", "8", "-no-cache"}, packages...)...)
	for name, got := range map[string]string{"cached": cached, "shuffled": shuffled} {
		if diff := cmp.Diff(cold, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// example reviews the example and returns what is printed.
func example(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"review", "-C", filepath.Join(root, "examples", "parking")}, args...)
	if status := run(context.Background(), args, &out, &errs); status != review.Found {
		t.Fatalf("%q: status %d, %s", args, status, errs.String())
	}
	return out.String()
}
