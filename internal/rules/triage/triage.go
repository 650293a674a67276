// SPDX-License-Identifier: Apache-2.0

// Package triage is the wing of the catalogue for marks that silence findings and do not do it well. The review judges
// them itself, after all other rules: only then is it known which marks silenced something.
package triage

import (
	"embed"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rule"
)

//go:embed *.md
var pages embed.FS

// Rules are the rules of this wing, in the order of the catalogue.
var Rules = []*rule.Rule{NoReason, UnknownRule, Expired, Unused}

// NoReason reports a mark that gives no reason, and therefore silences nothing.
var NoReason = &rule.Rule{
	ID: "triage/no-reason", Title: "a finding is to be ignored without a reason",
	Severity: finding.Medium, Since: "0.1", Doc: rule.Page(pages, "no_reason.md"),
}

// UnknownRule reports a mark for a rule that does not exist.
var UnknownRule = &rule.Rule{
	ID: "triage/unknown-rule", Title: "a rule that does not exist is to be ignored",
	Severity: finding.Medium, Since: "0.1", Doc: rule.Page(pages, "unknown_rule.md"),
}

// Expired reports a mark whose date is over, or is no date.
var Expired = &rule.Rule{
	ID: "triage/expired", Title: "the date until which a finding was to be ignored is over",
	Severity: finding.Medium, Since: "0.1", Doc: rule.Page(pages, "expired.md"),
}

// Unused reports a mark that silences nothing, although its rules ran.
var Unused = &rule.Rule{
	ID: "triage/unused", Title: "nothing is left to ignore",
	Severity: finding.Medium, Since: "0.1", Doc: rule.Page(pages, "unused.md"),
}
