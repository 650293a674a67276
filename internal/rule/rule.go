// SPDX-License-Identifier: Apache-2.0

// Package rule says what a rule is: its declaration, the pass it runs in, and how it reports. Rules ask the program and
// its effects and report findings; they never load, print or read flags.
package rule

import (
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
)

// Needs is how much of the code a rule must see to be right. A driver that sees less leaves the rule out: the same id
// gives the same verdict or is absent.
type Needs int

// What a rule can need.
const (
	Function Needs = iota
	Package
	Program
)

// Rule declares one rule. Declarations are package variables, listed by hand in their wing.
type Rule struct {
	// ID is family/name.
	ID string
	// Title says in one line what is wrong.
	Title string
	// Checklist are the checklist's bullets that the rule covers, as section.bullet; empty for what goes beyond it.
	Checklist []string
	// Severity is the highest that a finding of the rule can have; the check lowers it and says why.
	Severity finding.Severity
	Needs    Needs
	// Across is set for a rule that asks both for the stories of API objects and for locks and shared memory.
	Across bool
	// Strict rules are noisy by nature and off unless asked for.
	Strict bool
	// Since is the version of the tool that has the rule first.
	Since string
	// Doc is the rule's page, in Markdown.
	Doc string
	// Check looks at the program and reports. It is nil for rules that the review itself decides.
	Check func(*Pass)
}

// Family returns the wing that the rule belongs to.
func (r *Rule) Family() string {
	family, _, _ := strings.Cut(r.ID, "/")
	return family
}

// sections are the checklist's sections by family; a family that spans several has the one that its rules name first.
var sections = map[string]string{
	"rmw": "1", "monotonic": "2", "cache": "3", "mutex": "4", "channel": "4",
	"context": "5", "goroutine": "6", "ownership": "7", "clock": "8", "replica": "0", "triage": "0",
}

// Section returns the number of the checklist's section that the rule belongs to, "0" for what lies beyond it.
func (r *Rule) Section() string { return sections[r.Family()] }

// Pass is one run of one rule over one program.
type Pass struct {
	Rule    *Rule
	Program *program.Program
	Effects *effects.Effects
	// Strict asks for the checklist to the letter: rules tell what they otherwise forgive.
	Strict bool

	findings []finding.Finding
	seen     map[string]int
}

// Run runs a rule and returns its findings in the order they were reported. A panic in the rule is the caller's to catch.
func Run(r *Rule, p *program.Program, e *effects.Effects, strict bool) []finding.Finding {
	pass := &Pass{Rule: r, Program: p, Effects: e, Strict: strict, seen: make(map[string]int)}
	r.Check(pass)
	return pass.findings
}
