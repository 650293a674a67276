// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Report is a finding as a rule makes it: in positions of the code, not yet in lines.
type Report struct {
	Func *ssa.Function
	Pos  token.Pos
	// End is where the marked code ends; it may be missing.
	End token.Pos

	Severity finding.Severity
	// Reason says in one clause why the severity is what it is.
	Reason string
	// Message states the fact and its consequence.
	Message string
	// About names what the finding is about (kind and field, lock, channel) for the fingerprint. It holds no position.
	About string

	// Cause names the habit, where the same one is likely to be found at many places of a project. It may be empty.
	Cause string

	// Domain is where the code runs; Proof shows it.
	Domain program.Domain
	Proof  *program.Proof
	// Also says what else brings the actors together, after the proof.
	Also []string

	Related  []Related
	Scenario *Scenario
	Fix      Fix
}

// Related is another place that takes part in the finding.
type Related struct {
	Func    *ssa.Function
	Pos     token.Pos
	Message string
}

// Fix is what ends the finding: edits where they are certain, else a sketch.
type Fix struct {
	Description string
	Edits       []Edit
	Sketch      string
}

// Edit replaces the code from Pos to End by New.
type Edit struct {
	Pos, End token.Pos
	New      string
}

// Report adds a finding, unless it stands in a folder of tests, samples or tools and tests are not reviewed. It panics
// when the report is broken, because the rule is: no position, no message, a scenario
// that shows nothing.
func (p *Pass) Report(r Report) {
	if !r.Pos.IsValid() {
		panic(fmt.Sprintf("%s: report without a position: %s", p.Rule.ID, r.Message))
	}
	if r.Severity > p.Rule.Severity {
		panic(fmt.Sprintf("%s: severity %s is above the rule's own %s", p.Rule.ID, r.Severity, p.Rule.Severity))
	}
	if err := r.Scenario.check(); err != nil {
		panic(fmt.Sprintf("%s at %s: %v", p.Rule.ID, p.Program.At(r.Pos), err))
	}
	if p.Program.Aside(r.Pos) && !p.Program.Tests() {
		return // no part of what is deployed
	}
	if !p.Strict && !p.Program.Tests() && r.Func != nil && p.Program.Dead(r.Func) {
		return // nobody but tests runs it
	}
	f := finding.Finding{
		Rule: p.Rule.ID, Section: p.Rule.Section(), Severity: r.Severity, Reason: r.Reason,
		Function: program.Name(r.Func), Message: r.Message, Cause: r.Cause,
		Domain:   finding.Domain{Kind: r.Domain.String(), Because: p.because(r)},
		Related:  []finding.Related{},
		Scenario: r.Scenario.render(p.Program),
		Fix:      p.fix(r.Fix),
	}
	f.File, f.Line, f.Column = p.Program.Position(r.Pos)
	f.EndLine, f.EndColumn = f.Line, f.Column
	if r.End.IsValid() {
		_, f.EndLine, f.EndColumn = p.Program.Position(r.End)
	}
	for _, rel := range r.Related {
		if !rel.Pos.IsValid() {
			continue
		}
		out := finding.Related{Function: program.Name(rel.Func), Message: rel.Message}
		out.File, out.Line, out.Column = p.Program.Position(rel.Pos)
		f.Related = append(f.Related, out)
	}
	f.Fingerprint = p.fingerprint(r, f)
	f.ID = f.Fingerprint[:10]
	if !p.told(f, instance(r.Func)) {
		p.findings = append(p.findings, f)
	}
}

// told tells whether the same was told before: the instances of a generic function are one to who reads them, whatever the
// types that the messages name.
func (p *Pass) told(f finding.Finding, instance bool) bool {
	return slices.ContainsFunc(p.findings, func(o finding.Finding) bool {
		return o.File == f.File && o.Line == f.Line && o.Column == f.Column && (instance || o.Message == f.Message)
	})
}

// instance tells whether a function is an instance of a generic one, or stands in one.
func instance(fn *ssa.Function) bool {
	for ; fn != nil; fn = fn.Parent() {
		if len(fn.TypeArgs()) > 0 {
			return true
		}
	}
	return false
}

func (p *Pass) because(r Report) []string {
	if r.Proof == nil && r.Domain != program.Unknown {
		return append([]string{}, r.Also...)
	}
	return append(p.Program.Because(r.Proof), r.Also...)
}

func (p *Pass) fingerprint(r Report, f finding.Finding) string {
	pkg := ""
	if own := p.Program.Package(r.Func); own != nil {
		pkg = own.Path
	}
	key := pkg + "\x00" + f.Function + "\x00" + r.About
	ordinal := p.seen[key]
	p.seen[key]++
	return finding.Fingerprint(p.Rule.ID, pkg, f.Function, r.About, ordinal)
}

func (p *Pass) fix(fix Fix) finding.Fix {
	out := finding.Fix{Description: fix.Description, Sketch: fix.Sketch}
	for _, e := range fix.Edits {
		start, end := p.Program.Fset.Position(e.Pos), p.Program.Fset.Position(e.End)
		out.Edits = append(out.Edits, finding.Edit{
			File: p.Program.RelPath(start.Filename), Start: start.Offset, End: end.Offset,
			Line: start.Line, EndLine: end.Line, New: e.New,
		})
		out.Sketch = "" // what is certain needs none
	}
	return out
}
