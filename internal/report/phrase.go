// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/replicavet/replicavet/internal/finding"
)

// plain returns s as one line that is safe to print: identifiers, paths and literals come from foreign code and may
// hold line breaks, terminal escapes or marks that reverse the reading direction. Those are shown as Go escapes.
func plain(s string) string {
	if !strings.ContainsFunc(s, steers) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if steers(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// steers holds for runes that steer a terminal or a reader instead of showing something: controls (C0, C1) and formats (direction marks, zero widths).
func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
}

// runsWhere says who runs the code of a domain, as the end of a sentence that begins with the code.
func runsWhere(kind string) string {
	switch kind {
	case "every-replica":
		return "runs on every replica"
	case "leader-only":
		return "runs on the leader only"
	case "start-up":
		return "runs once at start-up"
	case "test":
		return "runs in tests"
	case "unknown", "":
		return "runs on an unknown set of replicas"
	}
	return "runs: " + plain(kind)
}

// count returns "1 finding", "2 findings", "1,234 findings".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	switch {
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return thousands(n) + " " + noun
}

// thousands returns n with a comma every three digits.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// tally returns "3 findings (1 critical, 2 high)", or "no findings". Suppressed findings do not count.
func tally(r *finding.Review) string {
	total := 0
	var parts []string
	for _, s := range severities() {
		n := 0
		for _, f := range r.Findings {
			if f.Suppressed == nil && f.Severity == s {
				n++
			}
		}
		total += n
		if n > 0 {
			parts = append(parts, thousands(n)+" "+strings.ToLower(s.String()))
		}
	}
	if total == 0 {
		return "no findings"
	}
	if causes := len(r.Groups()); causes < total {
		return fmt.Sprintf("%s of %s (%s)", count(total, "finding"), count(causes, "cause"), strings.Join(parts, ", "))
	}
	return fmt.Sprintf("%s (%s)", count(total, "finding"), strings.Join(parts, ", "))
}

// silenced returns "; 42 suppressed (40 by baseline, 2 by directive)", or "" when nothing is. The kinds are told in
// order of their names.
func silenced(r *finding.Review) string {
	by := make(map[string]int)
	total := 0
	for _, f := range r.Findings {
		if f.Suppressed != nil {
			by[plain(f.Suppressed.Kind)]++
			total++
		}
	}
	if total == 0 {
		return ""
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, thousands(by[kind])+" by "+kind)
	}
	return fmt.Sprintf("; %s suppressed (%s)", thousands(total), strings.Join(parts, ", "))
}

// denominator says how much was reviewed: findings mean nothing without it.
func denominator(r *finding.Review) string {
	s := fmt.Sprintf("%s, %s, %s", count(r.Stats.Packages, "package"), count(r.Stats.Files, "file"), count(r.Stats.Lines, "line"))
	if n := len(r.Stats.Modules); n > 0 {
		s += " in " + count(n, "module")
	}
	if n := r.Stats.Rules; n > 0 {
		s += " by " + count(n, "rule")
	}
	return s
}

// inventory says how much there is of what a reader asked for who wanted no findings.
func inventory(r *finding.Review) string {
	entries, writes := len(r.Map), len(r.Ledger)
	switch {
	case writes == 0 && entries > 0:
		return count(entries, "entry point")
	case entries == 0 && writes > 0:
		return count(writes, "write") + " to the API"
	case entries == 0 && writes == 0:
		return "nothing found"
	}
	return count(entries, "entry point") + ", " + count(writes, "write") + " to the API"
}

// severities are the severities, the worst first.
func severities() []finding.Severity {
	return []finding.Severity{finding.Critical, finding.High, finding.Medium}
}

// position is file:line:column, as far as it is known.
func position(file string, line, column int) string {
	switch {
	case line < 1:
		return plain(file)
	case column < 1:
		return fmt.Sprintf("%s:%d", plain(file), line)
	}
	return fmt.Sprintf("%s:%d:%d", plain(file), line, column)
}

// errorPlace says what an error is about: its file and line, else its package, else "".
func errorPlace(e finding.Error) string {
	if e.File != "" {
		return position(e.File, e.Line, 0)
	}
	return plain(e.Package)
}

// place names a line as seen from a file: ":36" in the same one.
func place(from, file string, line int) string {
	switch {
	case line < 1:
		return ""
	case file == from || file == "":
		return fmt.Sprintf(":%d", line)
	case path.Dir(file) == path.Dir(from):
		return fmt.Sprintf("%s:%d", plain(path.Base(file)), line)
	}
	return fmt.Sprintf("%s:%d", plain(file), line)
}

// suppressedBy says how a finding was silenced.
func suppressedBy(s *finding.Suppression) string {
	out := "suppressed by " + plain(s.Kind)
	if s.File != "" {
		out += fmt.Sprintf(" at %s:%d", plain(s.File), s.Line)
	}
	if s.Reason != "" {
		out += ": " + plain(s.Reason)
	}
	return out
}
