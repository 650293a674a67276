// SPDX-License-Identifier: Apache-2.0

package finding

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Version is the version of the JSON form of a review.
const Version = 1

// Review is the result of one run, the only thing that a review produces; every report is a rendering of it.
type Review struct {
	Version  int       `json:"version"`
	Tool     Tool      `json:"tool"`
	Findings []Finding `json:"findings"`
	// Errors are what was not read or not done. A review with errors is not complete: quiet is never clean.
	Errors []Error `json:"errors"`
	Stats  Stats   `json:"stats"`
	// Rules are the ids of the rules that ran, sorted: quiet means something for these only.
	Rules []string `json:"rules"`
	// Map are the entry points and Ledger the API writes of the program, when they were asked for.
	Map    []MapEntry  `json:"map,omitempty"`
	Ledger []LedgerRow `json:"ledger,omitempty"`
	// Excerpts are the lines of the reviewed files that reports quote, in order of file and line. The JSON form has them.
	Excerpts []Excerpt `json:"excerpts,omitempty"`
}

// Tool names the program that made a review.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Error is something that could not be reviewed, and what to do about it.
type Error struct {
	// Kind is load, type, rule, config or internal.
	Kind    string `json:"kind"`
	Package string `json:"package,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// Stats says how much was reviewed. It holds nothing that changes from run to run.
type Stats struct {
	Modules   []string `json:"modules"`
	Packages  int      `json:"packages"`
	Files     int      `json:"files"`
	Lines     int      `json:"lines"`
	Functions int      `json:"functions"`
	Rules     int      `json:"rules"`
	// Suppressed counts the findings that carry a suppression.
	Suppressed int `json:"suppressed"`
}

// Sort brings the findings, their related places and the errors into the one order they are told in: most severe
// first, then by place. Related places keep the order the rule gave them.
func (r *Review) Sort() {
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity),
			strings.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Rule, b.Rule),
			strings.Compare(a.Message, b.Message),
		)
	})
	slices.SortFunc(r.Errors, func(a, b Error) int {
		return cmp.Or(
			strings.Compare(a.Kind, b.Kind),
			strings.Compare(a.Package, b.Package),
			strings.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			strings.Compare(a.Message, b.Message),
		)
	})
}

// Fingerprint makes the name that a finding keeps while its code moves: from the rule, the package, the function and
// what the finding is about. The ordinal tells apart what agrees in all of these.
func Fingerprint(rule, pkg, function, about string, ordinal int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%d", rule, pkg, function, about, ordinal))
	return hex.EncodeToString(sum[:16])
}

// Encode writes the review as indented JSON with a final newline. Lists are written as lists, never as null, even
// when they were never set.
func (r *Review) Encode(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r.withLists())
}

// withLists returns the review with an empty list wherever a list is nil. The receiver is not changed.
func (r *Review) withLists() *Review {
	out := *r
	out.Findings = list(slices.Clone(r.Findings))
	out.Errors = list(r.Errors)
	out.Rules = list(r.Rules)
	out.Stats.Modules = list(r.Stats.Modules)
	for i := range out.Findings {
		f := &out.Findings[i]
		f.Domain.Because = list(f.Domain.Because)
		f.Related = list(f.Related)
		f.Scenario.Actors = list(f.Scenario.Actors)
		f.Scenario.Steps = list(f.Scenario.Steps)
	}
	out.Map = slices.Clone(r.Map)
	for i := range out.Map {
		out.Map[i].Because = list(out.Map[i].Because)
	}
	out.Ledger = slices.Clone(r.Ledger)
	for i := range out.Ledger {
		out.Ledger[i].Fields = list(out.Ledger[i].Fields)
		out.Ledger[i].Callers = list(out.Ledger[i].Callers)
	}
	return &out
}

// list returns s, or an empty list when s is nil.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Decode reads a review from its JSON form. Unknown fields and other versions are errors, so that a report is never
// made from half of a review.
func Decode(in io.Reader) (*Review, error) {
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	r := new(Review)
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("reading a review: %w", err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("reading a review: version %d, this program reads version %d", r.Version, Version)
	}
	return r, nil
}
