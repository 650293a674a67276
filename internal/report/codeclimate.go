// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"github.com/replicavet/replicavet/internal/finding"
)

type climateIssue struct {
	Type        string            `json:"type"`
	Check       string            `json:"check_name"`
	Description string            `json:"description"`
	Content     *climateContent   `json:"content,omitempty"`
	Categories  []string          `json:"categories"`
	Severity    string            `json:"severity"`
	Fingerprint string            `json:"fingerprint"`
	Location    climateLocation   `json:"location"`
	Others      []climateLocation `json:"other_locations,omitempty"`
}

type climateContent struct {
	Body string `json:"body"`
}

type climateLocation struct {
	Path  string       `json:"path"`
	Lines climateLines `json:"lines"`
}

type climateLines struct {
	Begin int `json:"begin"`
	End   int `json:"end"`
}

// codeclimate renders the review as the list of Code Climate issues that GitLab shows in merge requests. What was not
// reviewed is an issue too. Suppressed findings are left out.
func codeclimate(w io.Writer, r *finding.Review, _ []Rule, _ Options) error {
	issues := []climateIssue{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Suppressed != nil {
			continue
		}
		issue := climateIssue{
			Type: "issue", Check: f.Rule, Description: plain(f.Message), Content: &climateContent{prose(f.Message) + "\n\n" + climateStory(f)},
			Categories: []string{"Bug Risk"}, Severity: climateSeverity(f.Severity),
			Fingerprint: f.Fingerprint, Location: climateAt(f.File, f.Line, f.EndLine),
		}
		for _, rel := range f.Related {
			issue.Others = append(issue.Others, climateAt(rel.File, rel.Line, rel.Line))
		}
		issues = append(issues, issue)
	}
	for _, e := range r.Errors {
		issues = append(issues, climateIssue{
			Type: "issue", Check: "error/" + e.Kind, Description: "not reviewed: " + errorLine(e),
			Categories: []string{"Bug Risk"}, Severity: "blocker",
			Fingerprint: finding.Fingerprint("error/"+e.Kind, e.Package, e.File, e.Message, 0),
			Location:    climateAt(cmp.Or(e.File, "go.mod"), e.Line, e.Line),
		})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	if err := enc.Encode(issues); err != nil {
		return fmt.Errorf("rendering Code Climate issues: %w", err)
	}
	_, err := b.WriteTo(w)
	return err
}

// climateStory is the domain, the scenario and the fix as Markdown.
func climateStory(f *finding.Finding) string {
	var m markdownPage
	fmt.Fprintf(&m, "The code %s.\n\n", prose(domainLine(f.Domain)))
	for _, line := range storyLines(f) {
		fmt.Fprintf(&m, "%s\n", prose(line))
	}
	if f.Fix.Description != "" {
		fmt.Fprintf(&m, "\nfix: %s\n", prose(f.Fix.Description))
	}
	return m.String()
}

func climateAt(file string, line, endLine int) climateLocation {
	line = max(1, line)
	return climateLocation{file, climateLines{line, max(line, endLine)}}
}

func climateSeverity(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "blocker"
	case finding.High:
		return "critical"
	}
	return "major"
}
