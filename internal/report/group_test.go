// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/replicavet/replicavet/internal/finding"
)

// TestGroupsAreToldOnce: findings of one cause share one story, and each keeps its place.
func TestGroupsAreToldOnce(t *testing.T) {
	r := &finding.Review{Version: finding.Version}
	for _, file := range []string{"a.go", "b.go", "c.go"} {
		r.Findings = append(r.Findings, finding.Finding{
			ID: file, Rule: "context/detached", Cause: "habit", Severity: finding.Medium, File: file, Line: 7, Column: 3,
			Function: "F", Message: "runs under context.TODO",
			Scenario: finding.Scenario{
				Actors:  []finding.Actor{{Name: "worker"}},
				Steps:   []finding.Step{{Actor: "worker", Action: "waits"}},
				Outcome: "goes on for ever",
			},
		})
	}
	for format, outcomes := range map[string]int{"text": 1, "markdown": 2} { // Markdown tells it in words and as a diagram
		f, err := Lookup(format)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := f.Render(&out, r, nil, Options{}); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if n := strings.Count(got, "goes on for ever"); n != outcomes {
			t.Errorf("%s tells the outcome %d times, want %d:\n%s", format, n, outcomes, got)
		}
		for _, want := range []string{"and 2 more like it", "a.go:7:3", "b.go:7:3", "c.go:7:3", "3 findings of 1 cause"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s does not say %q:\n%s", format, want, got)
			}
		}
	}
}
