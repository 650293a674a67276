// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// commentLimit is how long a comment on GitHub may be, in characters. Bytes are counted here, which are no fewer.
const commentLimit = 65_536

// noteLength is room for the sentence that says what was left out.
const noteLength = 400

// foldFrom is from how many findings on their scenarios are folded, so that the list is not buried.
const foldFrom = 6

// markdown renders the review for a comment on a pull request, in the form that the checklist asks for: for each
// finding the place with the pattern, the severity, the scenario and the fix. The scenario is also a Mermaid diagram,
// which GitHub and GitLab draw. What a comment has no room for is left out and said so: first the diagrams, then what
// stands below the table.
func markdown(w io.Writer, r *finding.Review, _ []Rule, o Options) error {
	groups := r.Groups()
	page := &markdownPage{src: newSources(o), folds: len(groups) >= foldFrom, diagrams: true}
	text := page.whole(r, groups)
	if len(text) > commentLimit {
		page.diagrams = false
		text = page.whole(r, groups)
	}
	_, err := io.WriteString(w, text)
	return err
}

// markdownPage is the part written so far, with what all parts need.
type markdownPage struct {
	bytes.Buffer
	src *sources
	// folds hides the scenarios until they are asked for, diagrams draws them, too.
	folds, diagrams bool
}

// part returns what f writes.
func (m *markdownPage) part(f func()) string {
	m.Reset()
	f()
	return m.String()
}

// whole is the page: as many findings at length as there is room for, unless their diagrams may still be left out.
func (m *markdownPage) whole(r *finding.Review, groups []finding.Group) string {
	tail := m.part(func() { m.suppressed(r) })
	errs := m.part(func() { m.errors(r) })
	room := commentLimit - len(errs) - len(tail) - noteLength
	head := m.part(func() { m.summary(r, groups, room*2/3) }) + errs
	room = commentLimit - len(head) - len(tail) - noteLength
	var body strings.Builder
	for i, g := range groups {
		text := m.part(func() { m.finding(i+1, g.Finding); m.like(g.Like) })
		if !m.diagrams && body.Len()+len(text) > room {
			fmt.Fprintf(&body, "%s more %s no room here, below the table: `replicavet explain ID` tells one by its id, `-format html` shows all of them.\n\n",
				thousands(len(groups)-i), map[bool]string{true: "has", false: "have"}[len(groups)-i == 1])
			break
		}
		body.WriteString(text)
	}
	return head + body.String() + tail
}

// summary says what was found in how much code, and lists the findings when there are several, as far as there is room.
func (m *markdownPage) summary(r *finding.Review, groups []finding.Group, room int) {
	title := tally(r)
	fmt.Fprintf(m, "## Concurrency and replicas: %s\n\n", title)
	fmt.Fprintf(m, "Reviewed %s%s.\n\n", denominator(r), prose(silenced(r)))
	if title == "no findings" {
		return
	}
	m.WriteString("| # | severity | place | rule | finding |\n|--:|---|---|---|---|\n")
	for i, g := range groups {
		more := ""
		if len(g.Like) > 0 {
			more = fmt.Sprintf(" (and %d more like it)", len(g.Like))
		}
		row := fmt.Sprintf("| %d | %s | %s | %s | %s%s |\n", i+1, g.Severity, cell(position(g.File, g.Line, 0)), cell(g.Rule), prose(g.Message), more)
		if m.Len()+len(row) > room {
			fmt.Fprintf(m, "\n%s more have no room in a comment: `replicavet -format html` shows all.\n", thousands(len(groups)-i))
			break
		}
		m.WriteString(row)
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
	if m.folds {
		fmt.Fprintf(m, "**Outcome:** %s\n\n<details><summary>Scenario and suggested fix</summary>\n\n", prose(f.Scenario.Outcome))
		defer m.WriteString("</details>\n\n")
	}
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
	m.WriteByte('\n')
	if !m.folds {
		fmt.Fprintf(m, "**Outcome:** %s\n\n", prose(f.Scenario.Outcome))
	}
	if !m.diagrams {
		return
	}
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
