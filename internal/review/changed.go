// SPDX-License-Identifier: Apache-2.0

package review

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// span is a range of lines, both ends included.
type span struct{ from, to int }

// onlyChanged silences the findings of which no place lies in lines that changed since a revision: neither the finding
// itself nor a related place or a step of its scenario. It is fast and it is not exact; see compare for what is.
func (o *Options) onlyChanged(ctx context.Context, r *finding.Review) error {
	// --end-of-options keeps a revision from being read as a flag.
	lines, err := o.linesSince(ctx, o.Changed)
	if err != nil {
		return fmt.Errorf("%w: name a revision that this repository has", err)
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Suppressed == nil && !touches(f, lines) {
			f.Suppressed = &finding.Suppression{Kind: "unchanged", Reason: "no place of it changed since " + o.Changed}
		}
	}
	return nil
}

// uncommitted returns the lines that are changed and not committed; outside of a repository there are none.
func (o *Options) uncommitted(ctx context.Context) map[string][]span {
	lines, err := o.linesSince(ctx, "HEAD")
	if err != nil {
		return nil // no repository, or one without commits: there is nothing to tell apart
	}
	return lines
}

// linesSince returns the lines of the work tree that changed since a revision, by file; files that git does not know
// have changed as a whole.
func (o *Options) linesSince(ctx context.Context, revision string) (map[string][]span, error) {
	diff, err := git(ctx, o.Load.Dir, "-c", "core.quotePath=false", "diff", "-U0", "--no-color", "--no-ext-diff", "--no-prefix",
		"--relative", "--end-of-options", revision, "--", ".")
	if err != nil {
		return nil, err
	}
	added, err := git(ctx, o.Load.Dir, "-c", "core.quotePath=false", "ls-files", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	lines := changedLines(diff)
	for file := range strings.SplitSeq(added, "\n") {
		lines[file] = []span{{1, 1 << 30}}
	}
	return lines, nil
}

// touches tells whether a place of a finding lies in changed lines.
func touches(f *finding.Finding, lines map[string][]span) bool {
	in := func(file string, from, to int) bool {
		for _, s := range lines[file] {
			if from <= s.to && s.from <= to {
				return true
			}
		}
		return false
	}
	if in(f.File, f.Line, max(f.Line, f.EndLine)) {
		return true
	}
	for _, rel := range f.Related {
		if in(rel.File, rel.Line, rel.Line) {
			return true
		}
	}
	for _, step := range f.Scenario.Steps {
		if in(step.File, step.Line, step.Line) {
			return true
		}
	}
	return false
}

// changedLines reads the hunk headers of a diff without context and without prefixes: the new lines, by file. Where
// lines were only removed, the line before counts.
//
//	+++ internal/a.go
//	@@ -40,2 +41,3 @@ func f() {
func changedLines(diff string) map[string][]span {
	lines := make(map[string][]span)
	file := ""
	body := 0 // lines of the hunk still to come: they may look like headers
	for line := range strings.Lines(diff) {
		line = strings.TrimRight(line, "\r\n")
		if body > 0 {
			if !strings.HasPrefix(line, `\`) { // "\ No newline at end of file"
				body--
			}
			continue
		}
		if name, ok := strings.CutPrefix(line, "+++ "); ok {
			file = strings.TrimSuffix(name, "\t")
			continue
		}
		if removed, added, ok := hunk(line); ok {
			body = count(removed) + count(added)
			lines[file] = append(lines[file], span{added.from, max(added.from, added.to)})
		}
	}
	return lines
}

// hunk reads the header of a hunk.
func hunk(line string) (removed, added span, ok bool) {
	header, ok := strings.CutPrefix(line, "@@ -")
	if !ok {
		return removed, added, false
	}
	before, rest, _ := strings.Cut(header, " +")
	after, _, _ := strings.Cut(rest, " @@")
	removed, ok1 := lineRange(before)
	added, ok2 := lineRange(after)
	return removed, added, ok1 && ok2
}

// lineRange reads "41" or "41,3"; "41,0" is the empty range behind line 41.
func lineRange(text string) (span, bool) {
	first, length, counted := strings.Cut(text, ",")
	from, err := strconv.Atoi(first)
	n := 1
	if counted && err == nil {
		n, err = strconv.Atoi(length)
	}
	return span{from, from + n - 1}, err == nil && from >= 0 && n >= 0
}

func count(s span) int { return s.to - s.from + 1 }
