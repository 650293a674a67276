// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/replicavet/replicavet/internal/finding"
)

// headings are those of the findings.
var headings = regexp.MustCompile(`(?m)^### \d+\. `)

// A page is never longer than a comment may be. What has no room is counted.
func TestMarkdownFitsAComment(t *testing.T) {
	r, source := read(t, "tracker")
	whole := render(t, "markdown", r, Options{Source: source})
	if !strings.Contains(whole, "```mermaid") || strings.Contains(whole, "no room") {
		t.Error("a short page lacks its diagrams, or says that something has no room")
	}
	one := r.Findings[0]
	for i := range 20 {
		r.Errors = append(r.Errors, finding.Error{Kind: "type", Package: "p", Message: fmt.Sprintf("error %d of a package", i)})
	}
	for _, n := range []int{20, 60, 2000} {
		r.Findings = nil
		for i := range n {
			f := one
			f.Line, f.Cause = i+1, ""
			r.Findings = append(r.Findings, f)
		}
		got := render(t, "markdown", r, Options{Source: source})
		if long := utf8.RuneCountInString(got); long > commentLimit {
			t.Errorf("%d findings: %d characters", n, long)
		}
		told := len(headings.FindAllString(got, -1))
		left := fmt.Sprintf("%s more ha", thousands(n-told))
		if told < n && !strings.Contains(got, left) {
			t.Errorf("%d of %d findings are told, and nothing says %q", told, n, left)
		}
		if told == 0 && n < 100 {
			t.Errorf("none of %d findings is told", n)
		}
		if opened, closed := strings.Count(got, "<details>"), strings.Count(got, "</details>"); opened != closed {
			t.Errorf("%d findings: %d <details>, %d </details>", n, opened, closed)
		}
	}
}

// Of many findings the scenarios are folded, and their outcomes are not.
func TestMarkdownFolds(t *testing.T) {
	r, source := read(t, "tracker")
	one := r.Findings[0]
	r.Findings = nil
	for i := range foldFrom {
		f := one
		f.Line, f.Cause = i+1, ""
		r.Findings = append(r.Findings, f)
	}
	got := render(t, "markdown", r, Options{Source: source})
	if n := strings.Count(got, "<details><summary>Scenario and suggested fix</summary>"); n != foldFrom {
		t.Errorf("%d scenarios are folded, want %d", n, foldFrom)
	}
	first, _, _ := strings.Cut(got, "<details>")
	if !strings.Contains(first, "**Outcome:** ") {
		t.Errorf("the outcome is folded:\n%s", first)
	}
}
