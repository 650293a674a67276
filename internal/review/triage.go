// SPDX-License-Identifier: Apache-2.0

package review

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rule"
	"github.com/replicavet/replicavet/internal/rules"
)

// The rules of the wing triage, which are decided here.
const (
	noReason    = "triage/no-reason"
	unknownRule = "triage/unknown-rule"
	expired     = "triage/expired"
	unused      = "triage/unused"
)

// obey applies the directives of the code: they silence what they cover, and those that have a defect become findings.
func (o *Options) obey(r *finding.Review, all []directive) {
	j := judge{o: o, broken: make(map[string]bool)}
	for _, e := range r.Errors {
		j.broken[e.Package] = true
	}
	for _, d := range all {
		if defect := j.defect(d); defect != nil {
			j.tell(*defect, d)
			continue
		}
		if !silence(r.Findings, d) && j.ran(d) {
			j.tell(defect{unused, "covers no finding; it would hide the next one"}, d)
		}
	}
	r.Findings = append(r.Findings, j.told...)
}

// silence marks the findings that d covers, and tells whether there are any.
func silence(findings []finding.Finding, d directive) bool {
	used := false
	for i := range findings {
		f := &findings[i]
		if f.File != d.File || f.Line < d.From || f.Line > d.To || len(d.Rules) > 0 && !slices.ContainsFunc(d.Rules, named(f.Rule)) {
			continue
		}
		used = true
		if f.Suppressed == nil {
			f.Suppressed = &finding.Suppression{Kind: d.Kind, Reason: d.Reason, File: d.File, Line: d.Line}
		}
	}
	return used
}

// named returns whether a word, the id of a rule or of a family, names the rule id.
func named(id string) func(word string) bool {
	return func(word string) bool { return word == id || strings.HasPrefix(id, word+"/") }
}

// judge looks for what is wrong with directives.
type judge struct {
	o      *Options
	broken map[string]bool // packages with errors
	told   []finding.Finding
}

// defect is a rule of the wing triage, and the fact that it tells of a directive.
type defect struct{ rule, fact string }

// defect returns what keeps a directive from holding, if anything.
func (j *judge) defect(d directive) *defect {
	for _, word := range d.Rules {
		if word == "" {
			return &defect{unknownRule, "names no rule; it silences nothing"}
		}
		if !known(word) {
			return &defect{unknownRule, fmt.Sprintf("names the rule %s, which does not exist; it silences nothing", word)}
		}
	}
	if d.Until != "" {
		if !isDate(d.Until) {
			return &defect{expired, fmt.Sprintf("holds until %q, which is no date as 2027-01-31 is; it silences nothing", d.Until)}
		}
		// Dates of this form compare as text.
		if d.Until < j.o.Today {
			return &defect{expired, fmt.Sprintf("held until %s; it silences nothing any more", d.Until)}
		}
	}
	if d.Reason == "" {
		return &defect{noReason, "gives no reason; it silences nothing"}
	}
	return nil
}

// known tells whether a word is the id of a rule or of a family.
func known(word string) bool {
	return slices.ContainsFunc(rules.All(), func(r *rule.Rule) bool { return named(r.ID)(word) })
}

// ran tells whether all that a directive could silence was looked for.
func (j *judge) ran(d directive) bool {
	if j.broken[d.Package] {
		return false
	}
	for _, r := range rules.All() {
		covered := len(d.Rules) == 0 || slices.ContainsFunc(d.Rules, named(r.ID))
		// What is strict does not run by default, and a family is meant to be what runs of it.
		optional := r.Strict && !slices.Contains(d.Rules, r.ID)
		if covered && !optional && !slices.Contains(j.o.Rules, r) {
			return false
		}
	}
	return true
}

// tell makes the finding of a defect, if its rule is among those that run.
func (j *judge) tell(what defect, d directive) {
	told := rules.Find(what.rule)
	if told == nil || !slices.Contains(j.o.Rules, told) {
		return
	}
	about := d.Kind + " " + strings.Join(d.Rules, ",")
	ordinal := 0
	for _, f := range j.told {
		if f.Rule == told.ID && f.File == d.File && f.Function == d.Function {
			ordinal++
		}
	}
	f := finding.Finding{
		Rule: told.ID, Section: told.Section(), Severity: told.Severity,
		File: d.File, Line: d.Line, Column: 1, EndLine: d.Line, EndColumn: 1, Function: d.Function,
		Message:     fmt.Sprintf("%s comment %s", d.Kind, what.fact),
		Related:     []finding.Related{},
		Fix:         mendComment(what, d),
		Fingerprint: finding.Fingerprint(told.ID, d.Package, d.Function, about, ordinal),
	}
	f.ID = f.Fingerprint[:idLength]
	j.told = append(j.told, f)
}

// mendComment takes out a comment that is over, or that nothing needs: it silences nothing as it is. One with a typing error or
// without a reason is for people to mend, and so is one that other linters read.
func mendComment(what defect, d directive) finding.Fix {
	if d.Other || what.rule != unused && (what.rule != expired || !isDate(d.Until)) {
		return finding.Fix{Description: "mend or remove the comment"}
	}
	return finding.Fix{Description: "remove the comment", Edits: []finding.Edit{{File: d.File, Start: d.Start, End: d.End, Line: d.Line, EndLine: d.Line}}}
}

func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// idLength is how much of a fingerprint makes the id of a finding.
const idLength = 10
