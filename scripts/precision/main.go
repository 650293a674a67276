// SPDX-License-Identifier: Apache-2.0

// Command precision prints how often the tool was right on public controllers, from the judgements kept in
// docs/precision: one tab-separated row for each finding that a person read, as
//
//	project  commit  rule  file  line  function  verdict  why
//
// where the verdict is true or false. It prints a table by rule and one by project, in Markdown.
//
// Usage: go run ./scripts/precision [FILE...]
//
// To add judgements, review a checkout of a project at a commit with -format json, read every finding with its code,
// and append a row for each.
package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	files := os.Args[1:]
	if len(files) == 0 {
		files, _ = filepath.Glob("docs/precision/*.tsv")
	}
	rows, err := readAll(files)
	if err != nil {
		fmt.Fprintln(os.Stderr, "precision:", err)
		os.Exit(2)
	}
	table(os.Stdout, "rule", rows, func(r judgement) string { return r.rule })
	fmt.Println()
	table(os.Stdout, "project", rows, func(r judgement) string { return r.project })
}

// judgement is what a reader said of one finding.
type judgement struct {
	project, rule string
	right         bool
}

func readAll(files []string) ([]judgement, error) {
	var rows []judgement
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		some, err := read(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// read reads rows; a row of another form is an error with its line.
func read(in io.Reader) ([]judgement, error) {
	var rows []judgement
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		if text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "project\t") {
			continue
		}
		fields := strings.Split(text, "\t")
		if len(fields) != 8 || fields[6] != "true" && fields[6] != "false" {
			return nil, fmt.Errorf("line %d: want eight fields, the seventh true or false", n)
		}
		rows = append(rows, judgement{project: fields[0], rule: fields[2], right: fields[6] == "true"})
	}
	return rows, lines.Err()
}

// table prints findings and the share that was right, grouped by key, with a last row for all.
func table(out io.Writer, title string, rows []judgement, key func(judgement) string) {
	all, right := make(map[string]int), make(map[string]int)
	total := 0
	for _, r := range rows {
		all[key(r)]++
		if r.right {
			right[key(r)]++
			total++
		}
	}
	fmt.Fprintf(out, "| %s | findings | true | share |\n|---|---|---|---|\n", title)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(out, "| %s | %d | %d | %d %% |\n", k, all[k], right[k], 100*right[k]/all[k])
	}
	if len(rows) > 0 {
		fmt.Fprintf(out, "| all | %d | %d | %d %% |\n", len(rows), total, 100*total/len(rows))
	}
}
