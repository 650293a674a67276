// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// label says where the bug of a kernel is.
type label struct {
	ID       string   `json:"id"`
	Class    string   `json:"class"`
	Subclass string   `json:"subclass"`
	Func     []string `json:"func"`
	Lines    []int    `json:"bug_lines"`
	Fixed122 bool     `json:"go122_fixed"`
}

func readLabels(file string) (map[string]label, error) {
	known := make(map[string]label)
	if file == "" {
		return known, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all struct{ Kernels []label }
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	for _, l := range all.Kernels {
		known[l.ID] = l
	}
	return known, nil
}

// besideText lists real defects that kernels hold next to the labelled one: id, line, what it is.
//
//go:embed beside.txt
var besideText string

func beside() map[string]bool {
	known := make(map[string]bool)
	for line := range strings.Lines(besideText) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] != "#" {
			known[fields[0]+":"+fields[1]] = true
		}
	}
	return known
}

// scoreboard counts hits, misses and reports for a wrong reason.
type scoreboard struct {
	known   map[string]label
	beside  map[string]bool
	version string
	total   map[string]int // by class, and by class and subclass
	hits    map[string]int
	missed  []string
	wrong   []string
}

func newScoreboard(known map[string]label, version string) *scoreboard {
	return &scoreboard{known: known, beside: beside(), version: version, total: make(map[string]int), hits: make(map[string]int)}
}

// add scores the findings of one kernel and prints a line for it.
func (s *scoreboard) add(out io.Writer, k kernel, findings []found) {
	l, labelled := s.known[k.id]
	if !labelled {
		for _, f := range findings {
			fmt.Fprintf(out, "%s:%d\t%s\t%s\t%s\n", k.id, f.Line, f.Rule, f.Function, f.Message)
		}
		return
	}
	fixed := l.Fixed122 && !before122(s.version)
	hit := ""
	for _, f := range findings {
		switch {
		case !fixed && l.names(f):
			hit += fmt.Sprintf("\n\t%s:%d in %s: %s", f.Rule, f.Line, f.Function, f.Message)
		case s.beside[k.id+":"+strconv.Itoa(f.Line)]:
		default:
			s.wrong = append(s.wrong, fmt.Sprintf("%s:%d %s in %s: %s", k.id, f.Line, f.Rule, f.Function, f.Message))
		}
	}
	if fixed {
		fmt.Fprintf(out, "FIXED\t%s\tno bug at go %s, %d findings\n", k.id, s.version, len(findings))
		return
	}
	sub := l.Class + ", " + l.Subclass
	s.total[l.Class]++
	s.total[sub]++
	if hit == "" {
		s.missed = append(s.missed, fmt.Sprintf("%s %s (%s)", k.id, l.Subclass, strings.Join(l.Func, ", ")))
		fmt.Fprintf(out, "MISS\t%s\t%s\n", k.id, l.Subclass)
		return
	}
	s.hits[l.Class]++
	s.hits[sub]++
	fmt.Fprintf(out, "HIT\t%s\t%s\t%s\n", k.id, l.Subclass, hit)
}

// before122 tells whether a go line gives loops one variable for all iterations.
func before122(version string) bool {
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	return err == nil && parts[0] == "1" && minor < 22
}

// raceRules tell of memory, not of waiting: they cannot be right about a kernel that blocks.
var raceRules = []string{"mutex/unguarded-field", "mutex/write-under-rlock", "mutex/check-then-act", "mutex/leaked-alias", "mutex/atomic-mixed"}

// names tells whether a finding is about the labelled bug: a family that fits the class, and the right function, closures
// counted as their parents.
func (l label) names(f found) bool {
	if l.Class == "blocking" && slices.Contains(raceRules, f.Rule) {
		return false
	}
	if l.in(f.Function) {
		return true
	}
	for _, r := range f.Related {
		if l.in(r.Function) && slices.Contains(l.Lines, r.Line) {
			return true
		}
	}
	return false
}

func (l label) in(function string) bool {
	outer, _, _ := strings.Cut(function, "$")
	return slices.Contains(l.Func, outer)
}

func (s *scoreboard) print(out io.Writer) {
	if len(s.known) == 0 {
		return
	}
	fmt.Fprintln(out)
	for _, class := range slices.Sorted(maps.Keys(s.total)) {
		fmt.Fprintf(out, "%3d of %3d\t%s\n", s.hits[class], s.total[class], class)
	}
	fmt.Fprintf(out, "\n%d missed\n", len(s.missed))
	for _, m := range s.missed {
		fmt.Fprintln(out, "  "+m)
	}
	fmt.Fprintf(out, "\n%d reports for a wrong reason\n", len(s.wrong))
	for _, w := range s.wrong {
		fmt.Fprintln(out, "  "+w)
	}
}
