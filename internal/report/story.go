// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
)

// actors returns the actors of a scenario, with those at the end that only steps name.
func actors(s finding.Scenario) []finding.Actor {
	out := slices.Clone(s.Actors)
	for _, step := range s.Steps {
		if !slices.ContainsFunc(out, func(a finding.Actor) bool { return a.Name == step.Actor }) {
			out = append(out, finding.Actor{Name: step.Actor})
		}
	}
	return out
}

// storyLines tells the scenario of a finding as numbered lines and its outcome, for formats that know plain text only.
func storyLines(f *finding.Finding) []string {
	var out []string
	for i, s := range f.Scenario.Steps {
		line := fmt.Sprintf("%d. %s %s", i+1, plain(s.Actor), plain(s.Action))
		if s.State != "" {
			line += " (" + plain(s.State) + ")"
		}
		line += atPlace(f.File, s)
		out = append(out, line)
	}
	if f.Scenario.Outcome != "" {
		out = append(out, "→ "+plain(f.Scenario.Outcome))
	}
	return out
}

// atPlace says in words where a step happens: " at line 36" of the file from, " at other.go:36", or "".
func atPlace(from string, s finding.Step) string {
	at := place(from, s.File, s.Line)
	if line, here := strings.CutPrefix(at, ":"); here {
		return " at line " + line
	} else if at != "" {
		return " at " + at
	}
	return ""
}

// domainLine says who runs the code, and why.
func domainLine(d finding.Domain) string {
	line := runsWhere(d.Kind)
	if len(d.Because) > 0 {
		line += ": " + plain(strings.Join(d.Because, " → "))
	}
	return line
}

// tale tells everything of a finding below its message as plain text: the domain, the scenario, the fix.
func tale(f *finding.Finding) string {
	lines := append([]string{domainLine(f.Domain)}, storyLines(f)...)
	if f.Fix.Description != "" {
		lines = append(lines, "fix: "+plain(f.Fix.Description))
	}
	return strings.Join(lines, "\n")
}
