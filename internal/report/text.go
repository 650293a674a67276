// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// text renders the review for people at a terminal. The first line of each finding is one that editors parse,
//
//	file:line:col: SEVERITY rule: message
//
// and everything below it is indented. At the end stand what was not reviewed, and a summary with its denominator.
func text(w io.Writer, r *finding.Review, _ []Rule, o Options) error {
	t := &textPage{o: o, paint: paint(o.Color), src: newSources(o), tool: plain(cmp.Or(r.Tool.Name, "replicavet"))}
	for _, g := range r.Groups() {
		t.finding(g.Finding)
		t.like(g.Like)
	}
	if o.Verbose {
		t.suppressed(r)
	}
	if programOnly(r) {
		t.entries(r.Map)
		t.writes(r.Ledger)
	}
	t.errors(r)
	t.summary(r)
	_, err := t.WriteTo(w)
	return err
}

// Explain writes all there is to say about one finding as text, without errors and summary.
func Explain(w io.Writer, f *finding.Finding, tool finding.Tool, o Options) error {
	t := &textPage{o: o, paint: paint(o.Color), src: newSources(o), tool: plain(cmp.Or(tool.Name, "replicavet"))}
	t.finding(f)
	_, err := t.WriteTo(w)
	return err
}

// textPage is the text written so far, with what its parts need.
type textPage struct {
	bytes.Buffer
	paint
	o    Options
	src  *sources
	tool string
}

// finding tells one finding, in full unless the reader wants it brief.
func (t *textPage) finding(f *finding.Finding) {
	t.head(f)
	if t.o.Brief {
		return
	}
	t.excerpt(f)
	t.domain(f)
	t.scenario(f)
	t.related(f)
	t.fix(f)
	t.WriteByte('\n')
}

// like names the findings that have the cause of the one before: each by its first line where the reader wants it brief,
// by its place else.
func (t *textPage) like(others []*finding.Finding) {
	if len(others) == 0 {
		return
	}
	if !t.o.Brief {
		fmt.Fprintf(t, "and %d more like it:\n", len(others))
	}
	for _, f := range others {
		if t.o.Brief {
			t.head(f)
			continue
		}
		fmt.Fprintf(t, "%s: %s %s: %s\n", position(f.File, f.Line, f.Column), f.Severity, plain(f.Rule), plain(f.Function))
	}
	if !t.o.Brief {
		t.WriteByte('\n')
	}
}

// head writes the first line. Where it would not fit, the message goes below, broken at the width of the terminal.
func (t *textPage) head(f *finding.Finding) {
	place := position(f.File, f.Line, f.Column) + ":"
	severity, rule, message := f.Severity.String(), plain(f.Rule)+":", plain(f.Message)
	fmt.Fprintf(t, "%s %s %s", t.in(bold, place), t.in(t.severity(f.Severity), severity), t.in(bold, rule))
	if t.o.Brief || t.o.Width == 0 || width(place+severity+rule+message)+3 <= t.o.Width {
		fmt.Fprintln(t, strings.TrimRight(" "+message, " "))
		return
	}
	t.WriteByte('\n')
	t.paragraph("  ", "  ", message)
}

// paragraph writes s broken at the width of the terminal; its first line begins with first, the others with rest.
func (t *textPage) paragraph(first, rest, s string) {
	limit := 0
	if t.o.Width > 0 {
		limit = max(20, t.o.Width-width(rest))
	}
	for i, line := range wrap(s, limit) {
		if i > 0 {
			first = rest
		}
		fmt.Fprintf(t, "%s%s\n", first, line)
	}
}

// excerpt quotes the line of the finding and the one before it, and underlines what the finding is about.
func (t *textPage) excerpt(f *finding.Finding) {
	before := 1
	if t.o.Verbose {
		before = 3
	}
	endColumn := f.EndColumn
	if f.EndLine != f.Line {
		endColumn = 0
	}
	lines := t.src.excerpt(f.File, f.Line-before, f.Line, f.Line, f.Column, endColumn)
	for _, q := range lines {
		fmt.Fprintf(t, "%s%s\n", t.in(dim, fmt.Sprintf("%6d │ ", q.Number)), q.Text)
		if q.Number == f.Line {
			mark := strings.Repeat("─", max(1, width(q.Text[q.From:q.To])))
			fmt.Fprintf(t, "%s%s%s\n", t.in(dim, "       │ "), strings.Repeat(" ", width(q.Text[:q.From])),
				t.in(t.severity(f.Severity), mark))
		}
	}
}

// domain says who runs the code, with the path that proves it, and why the severity is what it is.
func (t *textPage) domain(f *finding.Finding) {
	if t.o.Verbose && len(f.Domain.Because) > 0 {
		fmt.Fprintf(t, "  %s:\n", runsWhere(f.Domain.Kind))
		for i, step := range f.Domain.Because {
			arrow := "→ "
			if i == 0 {
				arrow = "  "
			}
			t.paragraph("    "+arrow, "      ", plain(step))
		}
	} else {
		t.paragraph("  ", "    ", domainLine(f.Domain))
	}
	if t.o.Verbose && f.Reason != "" {
		t.paragraph("  ", "    ", strings.ToLower(f.Severity.String())+": "+plain(f.Reason))
	}
}

// scenario tells the interleaving as numbered steps and its outcome.
func (t *textPage) scenario(f *finding.Finding) {
	if t.o.Verbose {
		for _, a := range f.Scenario.Actors {
			if a.Runs != "" {
				t.paragraph("  ", "    ", plain(a.Name)+": "+plain(a.Runs))
			}
		}
	}
	t.steps(f)
	if f.Scenario.Outcome != "" {
		t.paragraph("  "+t.in(red, "→")+" ", "    ", plain(f.Scenario.Outcome))
	}
}

// related names the other places that take part: three of them, or all for a verbose reader.
func (t *textPage) related(f *finding.Finding) {
	const few = 3
	for i, r := range f.Related {
		if i == few && len(f.Related) > few+1 && !t.o.Verbose {
			fmt.Fprintf(t, "  and %s: %s explain %s\n", count(len(f.Related)-few, "more place"), t.tool, plain(f.ID))
			return
		}
		where := position(r.File, r.Line, r.Column)
		line := plain(r.Message)
		if r.Function != "" {
			line += ", in " + plain(r.Function)
		}
		t.paragraph("  "+t.in(dim, where)+" ", "    ", line)
	}
}

// suppressed lists what somebody decided to live with, one line each.
func (t *textPage) suppressed(r *finding.Review) {
	n := 0
	for _, f := range r.Findings {
		if f.Suppressed != nil {
			n++
			line := position(f.File, f.Line, f.Column) + ": " + plain(f.Rule) + ": " + suppressedBy(f.Suppressed)
			fmt.Fprintln(t, t.in(dim, line))
		}
	}
	if n > 0 {
		t.WriteByte('\n')
	}
}

// errors lists what was not reviewed. No wish of the reader hides it.
func (t *textPage) errors(r *finding.Review) {
	if len(r.Errors) == 0 {
		return
	}
	if t.o.Brief && len(r.Findings) > 0 {
		t.WriteByte('\n')
	}
	fmt.Fprintln(t, t.in("1;"+red, "not reviewed:"))
	for _, e := range r.Errors {
		line := plain(e.Kind) + " error: " + plain(e.Message)
		if at := errorPlace(e); at != "" {
			line = t.in(bold, at+":") + " " + line
		}
		t.paragraph("  ", "    ", line)
	}
	t.WriteByte('\n')
}

// summary counts what was found, what was silenced and what was not read, and says in how much code.
func (t *textPage) summary(r *finding.Review) {
	line := tally(r) + silenced(r)
	if programOnly(r) {
		line = inventory(r)
	}
	if n := len(r.Errors); n > 0 {
		line += "; not complete: " + count(n, "error")
	}
	fmt.Fprintf(t, "%s\n", t.in(bold, line))
	fmt.Fprintf(t, "%s\n", t.in(dim, "reviewed "+denominator(r)))
}
