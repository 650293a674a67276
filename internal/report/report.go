// SPDX-License-Identifier: Apache-2.0

// Package report shows a review: as text for people, as JSON, SARIF and the like for programs, as HTML to pass around.
// Each format is a pure rendering of a finding.Review, one file a format; none looks at the code under review, except
// to quote the lines that Options.Source hands out. What is shown comes in the order of the review (see
// finding.Review.Sort), so that the same review gives the same bytes.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// Rule is what a report needs to know of a rule. Reports never import the rules themselves.
type Rule struct {
	// ID is family/name, as in finding.Finding.Rule.
	ID    string
	Title string
	// Section is the number of the checklist's section.
	Section string
	// Page is the help page as Markdown.
	Page string
	// Severity is the highest that a finding of the rule can have.
	Severity finding.Severity
	// Checklist are the checklist's bullets that the rule answers, such as "1.2".
	Checklist []string
	// Strict is set for a rule that only runs when asked for.
	Strict bool
}

// Options are the wishes of the reader. The zero value suits a file or a pipe.
type Options struct {
	// Color allows ANSI colours in the text format.
	Color bool
	// Width is the width of the terminal in columns; 0 never breaks a line.
	Width int
	// Brief asks the text format for one line a finding, Verbose for everything there is to say.
	Brief, Verbose bool
	// Source returns the content of a reviewed file by the name that findings use. With nil, or where it fails, no
	// source lines are shown: a stored review may be read far away from its code.
	Source func(file string) ([]byte, error)
}

// Format is a way to show a review.
type Format struct {
	// Name is what the user types.
	Name string
	// Extension is the customary ending of a file of this format, with its dot.
	Extension string
	// Title says in a few words what the format is for.
	Title string
	// Render writes the review to w. The rules are those that ran; a finding of a rule that is not among them is
	// shown all the same. The error is that of writing.
	Render func(w io.Writer, r *finding.Review, rules []Rule, o Options) error
}

// Formats returns all formats, in the order they are listed to users.
func Formats() []Format {
	return []Format{
		{"text", ".txt", "text for people, with the source lines and the scenario", text},
		{"json", ".json", "the review itself, which every other format is made from", encode},
		{"sarif", ".sarif", "SARIF 2.1.0, for GitHub code scanning and editors", sarif},
		{"markdown", ".md", "Markdown for a comment on a pull request, with diagrams", markdown},
		{"html", ".html", "one page to pass around, without network or script", html},
		{"github", ".log", "workflow commands that annotate lines in GitHub Actions", github},
		{"checkstyle", ".xml", "Checkstyle XML, for CI servers", checkstyle},
		{"junit", ".junit.xml", "JUnit XML, for CI servers that show tests", junit},
		{"codeclimate", ".codeclimate.json", "Code Climate JSON, for GitLab merge requests", codeclimate},
	}
}

// Lookup returns the format of that name. The error names the legal ones.
func Lookup(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("unknown format %q: use %s", name, strings.Join(names, ", "))
}
