// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/fix"
)

// fix tells what ends the finding. A change of more than a few lines is left to explain, unless the reader is verbose.
func (t *textPage) fix(f *finding.Finding) {
	const few = 8
	lines := fixLines(f.Fix, t.src)
	if f.Fix.Description == "" && len(lines) == 0 {
		return
	}
	line := strings.TrimSpace("fix: " + plain(f.Fix.Description))
	if n := len(lines); n > few && !t.o.Verbose {
		line += fmt.Sprintf(" (%s: %s explain %s)", count(n, "line"), t.tool, plain(f.ID))
		lines = nil
	}
	t.paragraph("  ", "    ", line)
	for _, l := range lines {
		st := dim
		switch l.Kind {
		case '+':
			st = green
		case '-':
			st = red
		}
		fmt.Fprintln(t, "    "+t.in(st, strings.TrimRight(string(l.Kind)+" "+l.Text, " ")))
	}
}

// fixLine is a line of a fix as it is shown. Kind is '+' or '-' for a line that comes or goes, '@' for the place where
// the next lines are, ' ' for a line between two changes, and '|' for a line of a sketch.
type fixLine struct {
	Kind byte
	Text string
}

// fixLines returns the change that a fix makes as lines, with those in between but no context around them; where the source is not at hand, the new text
// of each edit and its place; and for a fix without edits its sketch.
func fixLines(f finding.Fix, src *sources) []fixLine {
	if len(f.Edits) == 0 {
		return textLines('|', f.Sketch)
	}
	if diff, err := fix.Diff(f.Edits, src.content); err == nil {
		return dedent(changedLines(diff))
	}
	var out []fixLine
	for _, e := range f.Edits {
		out = append(out, fixLine{'@', fmt.Sprintf("%s:%d", plain(e.File), e.Line)})
		out = append(out, textLines('+', e.New)...)
	}
	return out
}

// textLines returns the lines of a text, without blank ones at either end.
func textLines(kind byte, text string) []fixLine {
	var out []fixLine
	for line := range strings.Lines(strings.Trim(text, "\r\n")) {
		out = append(out, fixLine{kind, strings.TrimRight(line, " \t\r\n")})
	}
	return dedent(out)
}

// changedLines returns the lines of a unified diff that come or go, with those in between: a line that moves says nothing
// without what it moves past. Where there are several hunks, they have the place of each.
func changedLines(diff string) []fixLine {
	var out []fixLine
	file, hunks := "", strings.Count(diff, "\n@@ ")
	var between []fixLine // since the last change of the hunk
	changed := false      // is set once the hunk had one
	left := 0             // lines of the hunk still to come, for "--- " may also be a line that goes
	for line := range strings.Lines(diff) {
		line = strings.TrimRight(line, "\r\n")
		var from, gone, to, come int
		switch n, _ := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &from, &gone, &to, &come); {
		case left == 0 && n == 4:
			left = gone + come
			between, changed = nil, false
			if hunks > 1 {
				out = append(out, fixLine{'@', fmt.Sprintf("%s:%d", plain(file), to)})
			}
		case left == 0:
			if name, ok := strings.CutPrefix(line, "+++ b/"); ok {
				file = name
			}
		case strings.HasPrefix(line, "+"), strings.HasPrefix(line, "-"):
			left--
			out = append(append(out, between...), fixLine{line[0], line[1:]})
			between, changed = nil, true
		case strings.HasPrefix(line, " "):
			left -= 2
			if changed {
				between = append(between, fixLine{' ', line[1:]})
			}
		}
	}
	return out
}

// dedent takes away the indentation that all lines share, and makes them safe to print.
func dedent(lines []fixLine) []fixLine {
	var code []string
	for _, l := range lines {
		if l.Kind != '@' {
			code = append(code, l.Text)
		}
	}
	cut := sharedIndent(code)
	for i, l := range lines {
		if l.Kind != '@' {
			lines[i].Text = shown(l.Text[min(cut, len(l.Text)):])
		}
	}
	return lines
}
