// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// markdown renders the review for a comment on a pull request, in the form that the checklist asks for: for each
// finding the place with the pattern, the severity, the scenario and the fix. The scenario is also a Mermaid diagram,
// which GitHub and GitLab draw.
func markdown(w io.Writer, r *finding.Review, _ []Rule, o Options) error {
	m := &markdownPage{src: newSources(o)}
	m.summary(r)
	m.errors(r)
	n := 0
	for _, g := range r.Groups() {
		n++
		m.finding(n, g.Finding)
		m.like(g.Like)
	}
	m.suppressed(r)
	_, err := m.WriteTo(w)
	return err
}

// markdownPage is the text written so far, with what its parts need.
type markdownPage struct {
	bytes.Buffer
	src *sources
}

// summary says what was found in how much code, and lists the findings when there are several.
func (m *markdownPage) summary(r *finding.Review) {
	title := tally(r)
	fmt.Fprintf(m, "## Concurrency and replicas: %s\n\n", title)
	fmt.Fprintf(m, "Reviewed %s%s.\n\n", denominator(r), prose(silenced(r)))
	if title == "no findings" {
		return
	}
	m.WriteString("| # | severity | place | rule | finding |\n|--:|---|---|---|---|\n")
	for i, g := range r.Groups() {
		more := ""
		if len(g.Like) > 0 {
			more = fmt.Sprintf(" (and %d more like it)", len(g.Like))
		}
		fmt.Fprintf(m, "| %d | %s | %s | %s | %s%s |\n", i+1, g.Severity, cell(position(g.File, g.Line, 0)), cell(g.Rule), prose(g.Message), more)
	}
	m.WriteByte('\n')
}

// errors lists what was not reviewed.
func (m *markdownPage) errors(r *finding.Review) {
	if len(r.Errors) == 0 {
		return
	}
	m.WriteString("### Not reviewed\n\nThe review is not complete:\n\n")
	for _, e := range r.Errors {
		m.WriteString("- ")
		if at := errorPlace(e); at != "" {
			fmt.Fprintf(m, "%s: ", code(at))
		}
		fmt.Fprintf(m, "%s error: %s\n", prose(e.Kind), prose(e.Message))
	}
	m.WriteByte('\n')
}

// finding tells one finding.
func (m *markdownPage) finding(n int, f *finding.Finding) {
	fmt.Fprintf(m, "### %d. %s\n\n", n, prose(f.Message))
	fmt.Fprintf(m, "**File and line:** %s", code(position(f.File, f.Line, f.Column)))
	if f.Function != "" {
		fmt.Fprintf(m, " in %s", code(f.Function))
	}
	fmt.Fprintf(m, " (rule %s)\n\n", code(f.Rule))
	m.excerpt(f)
	fmt.Fprintf(m, "**Severity:** %s", f.Severity)
	if f.Reason != "" {
		fmt.Fprintf(m, " (%s)", prose(f.Reason))
	}
	fmt.Fprintf(m, "; the code %s.\n\n", prose(domainLine(f.Domain)))
	m.scenario(f)
	if len(f.Related) > 0 {
		m.WriteString("**Also involved:**\n\n")
		for _, rel := range f.Related {
			fmt.Fprintf(m, "- %s: %s\n", code(position(rel.File, rel.Line, rel.Column)), prose(rel.Message))
		}
		m.WriteByte('\n')
	}
	m.fix(f)
}

// like lists the places that have the cause of the finding before.
func (m *markdownPage) like(others []*finding.Finding) {
	if len(others) == 0 {
		return
	}
	fmt.Fprintf(m, "<details><summary>and %d more like it</summary>\n\n", len(others))
	for _, f := range others {
		fmt.Fprintf(m, "- %s in %s\n", code(position(f.File, f.Line, f.Column)), code(f.Function))
	}
	m.WriteString("\n</details>\n\n")
}

// excerpt quotes the lines of the finding.
func (m *markdownPage) excerpt(f *finding.Finding) {
	var lines []string
	for _, q := range m.src.excerpt(f.File, f.Line-1, max(f.Line, min(f.EndLine, f.Line+linesInside)), f.Line, f.Column, 0) {
		lines = append(lines, q.Text)
	}
	if len(lines) > 0 {
		m.fence("go", lines)
	}
}

// scenario tells the interleaving as a numbered list and as a diagram.
func (m *markdownPage) scenario(f *finding.Finding) {
	if len(f.Scenario.Steps) == 0 {
		return
	}
	m.WriteString("**Scenario:**\n\n")
	for i, s := range f.Scenario.Steps {
		fmt.Fprintf(m, "%d. **%s** %s", i+1, prose(s.Actor), prose(s.Action))
		if s.State != "" {
			fmt.Fprintf(m, ": %s", code(s.State))
		}
		fmt.Fprintf(m, "%s\n", prose(atPlace(f.File, s)))
	}
	fmt.Fprintf(m, "\n**Outcome:** %s\n\n", prose(f.Scenario.Outcome))
	m.WriteString("<details><summary>Sequence diagram</summary>\n\n")
	m.fence("mermaid", mermaid(f.Scenario))
	m.WriteString("</details>\n\n")
}

// fix tells what ends the finding, with the change or the sketch.
func (m *markdownPage) fix(f *finding.Finding) {
	lines := fixLines(f.Fix, m.src)
	if f.Fix.Description == "" && len(lines) == 0 {
		return
	}
	fmt.Fprintf(m, "**Suggested fix:** %s\n\n", prose(f.Fix.Description))
	if len(lines) == 0 {
		return
	}
	language := "diff"
	var text []string
	for _, l := range lines {
		switch l.Kind {
		case '|':
			language = "go"
			text = append(text, l.Text)
		case '@':
			text = append(text, "@@ "+l.Text+" @@")
		default:
			text = append(text, string(l.Kind)+l.Text)
		}
	}
	m.fence(language, text)
}

// suppressed lists what somebody decided to live with.
func (m *markdownPage) suppressed(r *finding.Review) {
	var lines []string
	for _, f := range r.Findings {
		if f.Suppressed != nil {
			lines = append(lines, fmt.Sprintf("- %s %s: %s", code(position(f.File, f.Line, 0)), code(f.Rule), prose(suppressedBy(f.Suppressed))))
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(m, "<details><summary>Suppressed: %d</summary>\n\n%s\n\n</details>\n", len(lines), strings.Join(lines, "\n"))
	}
}

// fence writes a code block, fenced by more backticks than the code holds in a row.
func (m *markdownPage) fence(language string, lines []string) {
	marks := strings.Repeat("`", max(3, 1+longestRun(strings.Join(lines, "\n"), '`')))
	fmt.Fprintf(m, "%s%s\n%s\n%s\n\n", marks, language, strings.Join(lines, "\n"), marks)
}
