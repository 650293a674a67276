// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// markdownEscapes takes from text what Markdown, its HTML and GitHub's references read into it. A comment between a
// mark and a name keeps a mention from being one, so that a finding never writes to a stranger.
var markdownEscapes = strings.NewReplacer(
	"\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|", "~", "\\~", "$", "\\$",
	"<", "&lt;", ">", "&gt;", "&", "&amp;", "@", "@<!-- -->", "#", "#<!-- -->",
)

// prose returns s as Markdown that shows s and nothing else.
func prose(s string) string { return markdownEscapes.Replace(plain(s)) }

// code returns s as a code span, in more backticks than s holds in a row.
func code(s string) string {
	s = plain(s)
	if s == "" {
		return ""
	}
	n := longestRun(s, '`')
	marks := strings.Repeat("`", n+1)
	if n > 0 || strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return marks + s + marks
}

// cell is a code span in a table, where a bar ends the cell even between backticks.
func cell(s string) string { return strings.ReplaceAll(code(s), "|", "\\|") }

// longestRun returns the length of the longest run of mark in s.
func longestRun(s string, mark rune) int {
	longest, run := 0, 0
	for _, r := range s {
		run++
		if r != mark {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// mermaid draws a scenario as a sequence diagram: a lane for each actor, a note for each step in the order of time, and
// the outcome across all lanes.
func mermaid(s finding.Scenario) []string {
	lanes := make(map[string]string)
	lines := []string{"sequenceDiagram"}
	all := actors(s)
	for i, a := range all {
		lanes[a.Name] = fmt.Sprintf("A%d", i+1)
		lines = append(lines, fmt.Sprintf("  participant A%d as %s", i+1, mermaidText(a.Name)))
	}
	for i, step := range s.Steps {
		note := mermaidLines(fmt.Sprintf("%d. %s", i+1, step.Action), laneWidth)
		if step.State != "" {
			note += "<br/>" + mermaidLines(step.State, laneWidth)
		}
		lines = append(lines, fmt.Sprintf("  Note over %s: %s", lanes[step.Actor], note))
	}
	if s.Outcome != "" && len(all) > 0 {
		across := "A1"
		if len(all) > 1 {
			across = fmt.Sprintf("A1,A%d", len(all))
		}
		lines = append(lines, fmt.Sprintf("  Note over %s: %s", across, mermaidLines("→ "+s.Outcome, laneWidth*max(1, len(all)-1))))
	}
	return lines
}

// laneWidth is how many columns of text fit between two lanes: Mermaid does not move lanes apart for their notes.
const laneWidth = 22

// mermaidLines is text broken into lines of that many columns.
func mermaidLines(s string, columns int) string {
	lines := wrap(plain(s), columns)
	for i := range lines {
		lines[i] = mermaidText(lines[i])
	}
	return strings.Join(lines, "<br/>")
}

// mermaidText writes every sign that Mermaid may read something into as its number, as in #59; for a semicolon.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		if r < 0x80 && strings.IndexRune(" .,()=-/_*", r) < 0 && !isLetterOrDigit(r) {
			fmt.Fprintf(&b, "#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isLetterOrDigit(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
