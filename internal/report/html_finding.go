// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// htmlFinding is a finding as the page shows it.
type htmlFinding struct {
	ID, Classes, Severity, SeverityClass, Rule, RuleAnchor, RuleTitle string
	Place, Function, Message, Reason, Suppressed                      string
	Domain, DomainClass                                               string
	Because                                                           []string
	Code                                                              []htmlLine
	Lanes                                                             *htmlLanes
	Related                                                           []htmlRelated
	Fix                                                               string
	FixLines                                                          []htmlFixLine
	Open                                                              bool
}

// htmlLine is a quoted line, cut into the parts before, in and after the mark.
type htmlLine struct {
	Number              int
	Before, Mark, After string
}

type htmlRelated struct{ Place, Function, Message string }

type htmlFixLine struct{ Class, Sign, Text string }

// openFindings is how many findings a page shows unfolded: more would bury the list. Of those only the first is, so that
// the reader sees what there is to unfold.
const openFindings = 5

func (p *htmlPage) finding(f *finding.Finding, src *sources) htmlFinding {
	out := htmlFinding{
		ID: plain(f.ID), Severity: strings.ToLower(f.Severity.String()), SeverityClass: severityClass(f.Severity),
		Rule: plain(f.Rule), Place: position(f.File, f.Line, f.Column), Function: plain(f.Function),
		Message: plain(f.Message), Reason: plain(f.Reason),
		Domain: domainName(plain(f.Domain.Kind)), DomainClass: domainClass(f.Domain.Kind),
		Lanes: newHTMLLanes(f), Fix: plain(f.Fix.Description), Open: p.Shown <= openFindings || len(p.Findings) == 0,
	}
	classes := []string{severityClass(f.Severity)}
	classes = append(classes, classOf(p.Families, plain(family(f.Rule))), classOf(p.Domains, plain(domainName(f.Domain.Kind))))
	if f.Suppressed != nil {
		classes = append(classes, "suppressed")
		out.Suppressed, out.Open = suppressedBy(f.Suppressed), false
	}
	out.Classes = strings.Join(classes, " ")
	for _, rule := range p.Rules {
		if rule.ID == out.Rule {
			out.RuleAnchor, out.RuleTitle = rule.Anchor, rule.Title
		}
	}
	for _, step := range f.Domain.Because {
		out.Because = append(out.Because, plain(step))
	}
	out.Code = htmlCode(f, src)
	for _, rel := range f.Related {
		out.Related = append(out.Related, htmlRelated{position(rel.File, rel.Line, rel.Column), plain(rel.Function), plain(rel.Message)})
	}
	for _, l := range fixLines(f.Fix, src) {
		out.FixLines = append(out.FixLines, htmlFixLine{fixClass(l.Kind), fixSign(l.Kind), l.Text})
	}
	return out
}

// classOf returns the class of a choice by its name.
func classOf(choices []htmlChoice, name string) string {
	for _, c := range choices {
		if c.Name == name {
			return c.Class
		}
	}
	return ""
}

// htmlCode quotes the finding's line with its neighbours.
func htmlCode(f *finding.Finding, src *sources) []htmlLine {
	endColumn := f.EndColumn
	if f.EndLine != f.Line {
		endColumn = 0
	}
	var out []htmlLine
	for _, q := range src.excerpt(f.File, f.Line-linesBefore, f.Line+linesAfter, f.Line, f.Column, endColumn) {
		out = append(out, htmlLine{q.Number, q.Text[:q.From], q.Text[q.From:q.To], q.Text[q.To:]})
	}
	return out
}

func fixClass(kind byte) string {
	switch kind {
	case '+':
		return "add"
	case '-':
		return "del"
	case '@':
		return "at"
	}
	return "sketch"
}

func fixSign(kind byte) string {
	if kind == '+' || kind == '-' {
		return string(kind)
	}
	return ""
}

// htmlLanes is the interleaving as swim lanes: a column for each actor, a row for each step, time from top to bottom.
type htmlLanes struct {
	Actors  []htmlActor
	Steps   []htmlStep
	Outcome string
	// Rows is the number of rows with a step; OutcomeRow is the row below them, the header being row 1.
	Rows, OutcomeRow int
}

type htmlActor struct {
	Name, Runs string
	Column     int
}

type htmlStep struct {
	Number, Column, Row         int
	Actor, Action, State, Place string
}

// newHTMLLanes lays the scenario out; nil when it has no steps.
func newHTMLLanes(f *finding.Finding) *htmlLanes {
	if len(f.Scenario.Steps) == 0 {
		return nil
	}
	lanes := &htmlLanes{Outcome: plain(f.Scenario.Outcome), Rows: len(f.Scenario.Steps), OutcomeRow: len(f.Scenario.Steps) + 2}
	column := make(map[string]int)
	for i, a := range actors(f.Scenario) {
		column[a.Name] = i + 1
		lanes.Actors = append(lanes.Actors, htmlActor{plain(a.Name), plain(a.Runs), i + 1})
	}
	for i, s := range f.Scenario.Steps {
		at := place(f.File, s.File, s.Line)
		if line, here := strings.CutPrefix(at, ":"); here {
			at = fmt.Sprintf("line %s", line)
		}
		lanes.Steps = append(lanes.Steps, htmlStep{i + 1, column[s.Actor], i + 2, plain(s.Actor), plain(s.Action), plain(s.State), at})
	}
	return lanes
}
