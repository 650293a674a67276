// SPDX-License-Identifier: Apache-2.0

// Command goker scores replicavet on the GoKer kernels of GoBench (github.com/timmyyuan/gobench, gobench/goker): 103
// small programs, each with one known concurrency bug.
//
//	go run ./scripts/goker -kernels DIR [-labels FILE] [-tool BINARY] [-go VERSION] [-only id,id]
//
// DIR holds blocking/ and nonblocking/. Every kernel is copied into a module of its own, outside of the repository, with
// the go line that -go names, and is reviewed with -tests, since the bug is often in the test itself.
//
// With -labels only the kernels in FILE are run, and scored: a hit is a finding of a fitting family in the right
// function. FILE is JSON, {"kernels": [{"id", "class", "subclass", "func": [...], "bug_lines": [...], "go122_fixed"}]}.
// A finding that is neither the labelled bug nor a known one beside it (beside.txt) is a report for a wrong reason.
// A kernel with go122_fixed is no bug from Go 1.22 on: every finding there is wrong when -go says so. Without -labels
// the findings are listed.
//
// Exit status: 0 when everything could run, 1 otherwise.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "goker:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("goker", flag.ContinueOnError)
	kernels := fs.String("kernels", "", "the `directory` that holds blocking/ and nonblocking/")
	labels := fs.String("labels", "", "a `file` that says where the bugs are")
	tool := fs.String("tool", "", "the replicavet `binary` (default: built from ./cmd/replicavet)")
	version := fs.String("go", "1.26", "the go `version` of the modules")
	only := fs.String("only", "", "comma-separated `ids` of kernels")
	rules := fs.String("rules", "mutex,channel,context,goroutine", "the `rules` to run")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *kernels == "" {
		return errors.New("-kernels is missing: name a checkout's gobench/goker")
	}
	found, err := find(*kernels)
	if err != nil {
		return err
	}
	known, err := readLabels(*labels)
	if err != nil {
		return err
	}
	found = choose(found, known, *only)
	work, err := os.MkdirTemp("", "goker")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	bench := &bench{work: work, tool: *tool, version: *version, rules: *rules}
	if err := bench.build(); err != nil {
		return err
	}
	board := newScoreboard(known, *version)
	for _, k := range found {
		findings, err := bench.review(k)
		if err != nil {
			return fmt.Errorf("%s: %w", k.id, err)
		}
		board.add(out, k, findings)
	}
	board.print(out)
	return nil
}

// kernel is one program of the benchmark.
type kernel struct {
	id    string // project_number
	class string // blocking, nonblocking
	dir   string
}

// find lists the kernels: class/project/number/*_test.go.
func find(root string) ([]kernel, error) {
	var out []kernel
	for _, class := range []string{"blocking", "nonblocking"} {
		dirs, err := filepath.Glob(filepath.Join(root, class, "*", "*"))
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			number, project := filepath.Base(dir), filepath.Base(filepath.Dir(dir))
			out = append(out, kernel{project + "_" + number, class, dir})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no kernels below %s: it must hold blocking/ and nonblocking/", root)
	}
	slices.SortFunc(out, func(a, b kernel) int { return cmp.Or(strings.Compare(a.class, b.class), strings.Compare(a.id, b.id)) })
	return out, nil
}

// choose keeps the kernels that are asked for, and only labelled ones when there are labels.
func choose(all []kernel, known map[string]label, only string) []kernel {
	return slices.DeleteFunc(all, func(k kernel) bool {
		_, labelled := known[k.id]
		return only != "" && !slices.Contains(strings.Split(only, ","), k.id) || len(known) > 0 && !labelled
	})
}

// bench reviews kernels in modules of their own.
type bench struct {
	work, tool, version, rules string
}

func (b *bench) build() error {
	if b.tool != "" {
		var err error
		b.tool, err = filepath.Abs(b.tool)
		return err
	}
	b.tool = filepath.Join(b.work, "replicavet")
	cmd := exec.Command("go", "build", "-o", b.tool, "./cmd/replicavet")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building replicavet (run this in the repository's root): %w\n%s", err, text)
	}
	return nil
}

// found is what a review says about one kernel.
type found struct {
	Rule, Function, Message, Section string
	Line                             int
	Related                          []struct {
		Function string
		Line     int
	}
}

func (b *bench) review(k kernel) ([]found, error) {
	dir := filepath.Join(b.work, k.class, k.id)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(k.dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, from := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(from)), data, 0o644); err != nil {
			return nil, err
		}
	}
	mod := fmt.Sprintf("module example.com/%s\n\ngo %s\n", k.id, b.version)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command(b.tool, "review", "-C", dir, "-tests", "-rules", b.rules, "-fail", "none", "-format", "json", "./...")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	var problems strings.Builder
	cmd.Stderr = &problems
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("reviewing: %w\n%s", err, problems.String())
	}
	var review struct{ Findings []found }
	if err := json.Unmarshal(text, &review); err != nil {
		return nil, fmt.Errorf("reading the review: %w", err)
	}
	return review.Findings, nil
}
