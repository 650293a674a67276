// SPDX-License-Identifier: Apache-2.0

package review

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

// Baseline are findings that a project knows and will look at later. They are known by fingerprint, so that edits which
// move them change nothing.
type Baseline struct {
	Version  int     `json:"version"`
	Findings []Known `json:"findings"`
}

// Known is an entry of a baseline. Only the fingerprint counts; the rest is for those who read the file.
type Known struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	Function    string `json:"function"`
}

const baselineVersion = 1

// NewBaseline returns a baseline of the findings of a review that nothing else silences.
func NewBaseline(r *finding.Review) *Baseline {
	b := &Baseline{Version: baselineVersion, Findings: []Known{}}
	for _, f := range r.Findings {
		if f.Suppressed == nil || f.Suppressed.Kind == "baseline" {
			b.Findings = append(b.Findings, Known{f.Fingerprint, f.Rule, f.Function})
		}
	}
	b.sort()
	return b
}

func (b *Baseline) sort() {
	slices.SortFunc(b.Findings, func(x, y Known) int {
		return cmp.Or(strings.Compare(x.Rule, y.Rule), strings.Compare(x.Function, y.Function), strings.Compare(x.Fingerprint, y.Fingerprint))
	})
	b.Findings = slices.Compact(b.Findings)
}

// ReadBaseline reads a baseline. Unknown fields, other versions and entries without a fingerprint are errors.
func ReadBaseline(in io.Reader) (*Baseline, error) {
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	b := new(Baseline)
	if err := dec.Decode(b); err != nil {
		return nil, fmt.Errorf("reading the baseline: %w", err)
	}
	if b.Version != baselineVersion {
		return nil, fmt.Errorf("reading the baseline: version %d, this program reads version %d: write it anew with `replicavet baseline write`",
			b.Version, baselineVersion)
	}
	for i, k := range b.Findings {
		if k.Fingerprint == "" {
			return nil, fmt.Errorf("reading the baseline: entry %d has no fingerprint", i+1)
		}
	}
	return b, nil
}

// Encode returns the baseline as a file, one finding a line so that version control shows what comes and goes.
func (b *Baseline) Encode() ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"version\": %d, \"findings\": [", b.Version)
	for i, k := range b.Findings {
		line, err := json.Marshal(k)
		if err != nil {
			return nil, fmt.Errorf("writing the baseline: %w", err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "\n  %s", line)
	}
	out.WriteString("\n]}\n")
	return out.Bytes(), nil
}

// Split divides the baseline by whether a review still has its findings.
func (b *Baseline) Split(r *finding.Review) (there, gone *Baseline) {
	there, gone = &Baseline{Version: b.Version, Findings: []Known{}}, &Baseline{Version: b.Version, Findings: []Known{}}
	found := make(map[string]bool)
	for _, f := range r.Findings {
		found[f.Fingerprint] = true
	}
	for _, k := range b.Findings {
		if found[k.Fingerprint] {
			there.Findings = append(there.Findings, k)
		} else {
			gone.Findings = append(gone.Findings, k)
		}
	}
	return there, gone
}

// apply silences the findings that the baseline has.
func (b *Baseline) apply(r *finding.Review) {
	if b == nil {
		return
	}
	known := make(map[string]bool)
	for _, k := range b.Findings {
		known[k.Fingerprint] = true
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Suppressed == nil && known[f.Fingerprint] {
			f.Suppressed = &finding.Suppression{Kind: "baseline"}
		}
	}
}
