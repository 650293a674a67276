// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// home is where the tool lives.
const home = "https://github.com/replicavet/replicavet"

// sarif renders the review as SARIF 2.1.0. A scenario becomes a code flow with one thread flow an actor, whose steps
// are placed among each other by executionOrder; the same is told as plain text in the message, because not every
// viewer draws code flows. Columns are UTF-16 units when the source is at hand, else bytes.
func sarif(w io.Writer, r *finding.Review, rules []Rule, o Options) error {
	s := &sarifWriter{src: newSources(o), index: make(map[string]int)}
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: cmp.Or(r.Tool.Name, "replicavet"), Version: r.Tool.Version, InformationURI: home, Rules: s.rules(r, rules),
		}},
		Invocations: []sarifInvocation{s.invocation(r)},
		ColumnKind:  "utf16CodeUnits",
		Results:     []sarifResult{},
	}
	for i := range r.Findings {
		run.Results = append(run.Results, s.result(&r.Findings[i]))
	}
	log := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(log); err != nil {
		return fmt.Errorf("rendering SARIF: %w", err)
	}
	_, err := out.WriteTo(w)
	return err
}

// sarifWriter is what the parts of one SARIF log need of each other.
type sarifWriter struct {
	src *sources
	// index is the place of each rule in the driver's list.
	index map[string]int
}

// rules returns the descriptors of the rules given and of those that only findings name.
func (s *sarifWriter) rules(r *finding.Review, rules []Rule) []sarifRule {
	out := []sarifRule{}
	for _, rule := range rules {
		s.index[rule.ID] = len(out)
		out = append(out, sarifRule{
			ID:               rule.ID,
			ShortDescription: &sarifMarkdown{Text: cmp.Or(rule.Title, rule.ID)},
			Help:             &sarifMarkdown{Text: cmp.Or(rule.Page, rule.Title, rule.ID), Markdown: rule.Page},
			Default:          &sarifConfig{Enabled: !rule.Strict, Level: level(rule.Severity)},
			Properties:       map[string]any{"tags": tags(rule)},
		})
	}
	var unknown []string
	for _, f := range r.Findings {
		if _, ok := s.index[f.Rule]; !ok {
			unknown = append(unknown, f.Rule)
		}
	}
	slices.Sort(unknown)
	for _, id := range slices.Compact(unknown) {
		s.index[id] = len(out)
		out = append(out, sarifRule{ID: id})
	}
	return out
}

// tags are the words to filter a rule by: its family, its section and its bullets of the checklist.
func tags(rule Rule) []string {
	out := []string{"concurrency", family(rule.ID)}
	if rule.Section != "" {
		out = append(out, "section-"+rule.Section)
	}
	for _, bullet := range rule.Checklist {
		out = append(out, "checklist-"+bullet)
	}
	return slices.Compact(out)
}

// level is SARIF's word for a severity.
func level(s finding.Severity) string {
	if s >= finding.High {
		return "error"
	}
	return "warning"
}

// invocation tells whether the review is complete, and what was not reviewed.
func (s *sarifWriter) invocation(r *finding.Review) sarifInvocation {
	out := sarifInvocation{Successful: len(r.Errors) == 0}
	for _, e := range r.Errors {
		n := sarifNotification{
			Level:      "error",
			Message:    sarifMessage{linkless("not reviewed: " + e.Message)},
			Properties: map[string]any{"kind": e.Kind},
		}
		if e.Package != "" {
			n.Properties["package"] = e.Package
		}
		if e.File != "" {
			n.Locations = []sarifLocation{{Physical: s.physical(e.File, e.Line, 0, 0, 0)}}
		}
		out.Notifications = append(out.Notifications, n)
	}
	return out
}

// result renders one finding.
func (s *sarifWriter) result(f *finding.Finding) sarifResult {
	out := sarifResult{
		RuleID: f.Rule, RuleIndex: s.index[f.Rule], Level: level(f.Severity),
		Message:    sarifMessage{s.message(f)},
		Locations:  []sarifLocation{s.location(f.File, f.Line, f.Column, f.EndLine, f.EndColumn, f.Function)},
		CodeFlows:  s.codeFlows(f),
		Fixes:      s.fixes(f),
		Properties: map[string]any{"id": f.ID, "section": f.Section, "severity": f.Severity.String(), "domain": f.Domain.Kind},
	}
	for i, rel := range f.Related {
		loc := s.location(rel.File, rel.Line, rel.Column, 0, 0, rel.Function)
		loc.ID, loc.Message = i+1, &sarifMessage{linkless(rel.Message)}
		out.Related = append(out.Related, loc)
	}
	if f.Fingerprint != "" {
		out.Fingerprints = map[string]string{"replicavet/v1": f.Fingerprint}
	}
	if f.Suppressed != nil {
		out.Suppressions = []sarifSuppression{s.suppression(f.Suppressed)}
	}
	return out
}

// message tells the finding as plain text. GitHub shows related places only when the text links to them by their id.
func (s *sarifWriter) message(f *finding.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s", linkless(f.Message), linkless(domainLine(f.Domain)))
	for i, line := range storyLines(f) {
		if i == 0 {
			b.WriteByte('\n')
		}
		b.WriteString("\n" + linkless(line))
	}
	for i, rel := range f.Related {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "\n[%s](%d)", strings.NewReplacer("[", "\\[", "]", "\\]").Replace(plain(rel.Message)), i+1)
	}
	if f.Fix.Description != "" {
		fmt.Fprintf(&b, "\n\nfix: %s", linkless(f.Fix.Description))
	}
	return b.String()
}

// linkless returns text for a SARIF message in which nothing is a link by accident: m[i](x) is code here, and a link
// in a message (3.11.6). Brackets elsewhere stay as they are, because viewers show the backslash.
func linkless(text string) string {
	text = plain(text)
	if !strings.Contains(text, "](") {
		return text
	}
	return strings.NewReplacer("[", "\\[", "]", "\\]").Replace(text)
}

// suppression translates the mark that silenced a finding.
func (s *sarifWriter) suppression(by *finding.Suppression) sarifSuppression {
	out := sarifSuppression{Kind: "external", Justification: by.Reason, Properties: map[string]any{"by": by.Kind}}
	if by.Kind == "directive" || by.Kind == "nolint" {
		out.Kind = "inSource"
	}
	if by.File != "" {
		out.Location = &sarifLocation{Physical: s.physical(by.File, by.Line, 0, 0, 0)}
	}
	return out
}
