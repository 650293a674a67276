// SPDX-License-Identifier: Apache-2.0

// Package finding is the vocabulary of a review: what a finding says, how severe it is, the scenario that proves
// it and the fix that ends it. It is the contract between the rules, which make findings, and the reports, which
// show them; its JSON form is versioned. It imports the standard library only, so that a stored review can be read
// by a program that has no Go parser in it.
package finding

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Severity says what a finding costs when it happens.
type Severity int

// The severities, in ascending order. The zero value is no severity.
const (
	// Medium is a real race that needs unlikely timing.
	Medium Severity = iota + 1
	// High misbehaves under load, on failover or on a failure path.
	High
	// Critical loses or corrupts data, deadlocks or panics the process.
	Critical
)

// String returns the checklist's word for s.
func (s Severity) String() string {
	switch s {
	case Medium:
		return "MEDIUM"
	case High:
		return "HIGH"
	case Critical:
		return "CRITICAL"
	}
	return "NONE"
}

// ParseSeverity reads a severity in any letter case. The error names the legal values.
func ParseSeverity(text string) (Severity, error) {
	for _, s := range []Severity{Medium, High, Critical} {
		if strings.EqualFold(text, s.String()) {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q: use medium, high or critical", text)
}

// MarshalJSON writes the severity as its word.
func (s Severity) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads the word of a severity.
func (s *Severity) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := ParseSeverity(text)
	*s = parsed
	return err
}

// Finding is one cause of trouble, told once: where it is, how bad, how it happens, and what ends it.
type Finding struct {
	// ID is the short handle of this finding within a review, made from the fingerprint.
	ID string `json:"id"`
	// Rule is the id of the rule that speaks, as family/name.
	Rule string `json:"rule"`
	// Section is the number of the checklist's section, "1" to "8", or "0" for what lies beyond it.
	Section  string   `json:"section"`
	Severity Severity `json:"severity"`
	// Reason says in one clause why the severity is what it is.
	Reason string `json:"severityReason,omitempty"`

	// File is relative to the directory reviewed, with forward slashes. Lines and columns count from 1, columns in
	// bytes as go/token does. The end is the place behind the last byte.
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	// Function is Go's name without the package: F, T.M, (*T).M, and closures (*T).M$1.
	Function string `json:"function"`

	// Message states the fact and its consequence. It holds no advice; that is the fix's job.
	Message string `json:"message"`
	// Domain says who runs the code, and why.
	Domain Domain `json:"domain"`
	// Related are the other places that make the finding: the read, the second writer, the blocked receiver.
	Related  []Related `json:"related"`
	Scenario Scenario  `json:"scenario"`
	Fix      Fix       `json:"fix"`

	// Cause names a habit that this finding shares with others of its rule; it is empty where a finding stands alone.
	// Reports show findings of one rule, severity and cause together.
	Cause string `json:"cause,omitempty"`
	// Fingerprint names the finding across edits that move it: it holds no line, file name or message.
	Fingerprint string `json:"fingerprint"`
	// Suppressed is set when somebody decided to live with the finding.
	Suppressed *Suppression `json:"suppressed,omitempty"`
}

// Domain is where code runs, with the proof.
type Domain struct {
	// Kind is every-replica, leader-only, start-up, test or unknown.
	Kind string `json:"kind"`
	// Because is the path from the entry point to the code, one step a string.
	Because []string `json:"because"`
}

// Related is another place that takes part in a finding.
type Related struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Function string `json:"function"`
	Message  string `json:"message"`
}

// Suppression tells who silenced a finding: the kind of mark (directive, nolint, baseline, config), the reason
// given and where the mark stands.
type Suppression struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// Scenario is the interleaving that shows a finding, as data: text, tables, diagrams and code flows are
// renderings of the same steps.
type Scenario struct {
	// Actors are the goroutines or replicas that take part, in order of appearance.
	Actors []Actor `json:"actors"`
	Steps  []Step  `json:"steps"`
	// Outcome is what is lost or stuck in the end.
	Outcome string `json:"outcome"`
}

// Actor is a goroutine or a replica.
type Actor struct {
	Name string `json:"name"`
	// Runs says what the actor is executing and why it can meet the others.
	Runs string `json:"runs,omitempty"`
}

// Step is one thing that one actor does.
type Step struct {
	Actor  string `json:"actor"`
	Action string `json:"action"`
	// State is what holds after the step, such as "status.count = 7"; it may be empty.
	State string `json:"state,omitempty"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}

// Fix is what ends the finding. Edits are certain: they compile and silence it. A sketch is code with the real
// identifiers for a human to adapt. A fix has one or the other.
type Fix struct {
	Description string `json:"description"`
	Edits       []Edit `json:"edits,omitempty"`
	Sketch      string `json:"sketch,omitempty"`
}

// Edit replaces the bytes [Start, End) of a file by New. Line and EndLine are for readers.
type Edit struct {
	File    string `json:"file"`
	Start   int    `json:"start"`
	End     int    `json:"end"`
	Line    int    `json:"line"`
	EndLine int    `json:"endLine"`
	New     string `json:"new"`
}
