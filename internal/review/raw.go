// SPDX-License-Identifier: Apache-2.0

package review

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// raw is what the code alone says: all findings, the whole map and ledger, and the comments that silence findings,
// before anything is decided. It is what the store keeps.
type raw struct {
	Review     *finding.Review
	Directives []directive
	// Sums are the checksums of the files that fixes change, as they were read.
	Sums map[string]string
}

// examine loads the code and runs the rules over it.
func (o *Options) examine(ctx context.Context) (*raw, error) {
	cfg := o.Load
	cfg.Progress = o.progress
	code, err := load.Load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	o.progress("program")
	p := program.Build(code, o.declared()...)
	o.progress("rules")
	e := effects.Build(p)
	outcomes := o.runRules(ctx, p, e)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r := &finding.Review{
		Version:  finding.Version,
		Tool:     finding.Tool{Name: "replicavet", Version: o.Version},
		Findings: []finding.Finding{},
		Errors:   []finding.Error{},
		Stats:    stats(p, len(o.Rules)),
		Rules:    ruleIDs(o.Rules),
		Map:      entryMap(p),
		Ledger:   ledger(p, e),
	}
	for _, e := range slices.Concat(p.Code.Errors, p.Errors) {
		r.Errors = append(r.Errors, loadError(p, e))
	}
	for _, came := range outcomes {
		r.Findings = append(r.Findings, came.found...)
		if came.failed != nil {
			r.Errors = append(r.Errors, *came.failed)
		}
	}
	r.Sort()
	all := directives(p)
	return &raw{r, all, sums(p, r.Findings, all)}, nil
}

// declared returns the entry points that the configuration tells of.
func (o *Options) declared() []program.Declared {
	if o.Config == nil {
		return nil
	}
	return o.Config.Entries
}

// ruleIDs returns the ids of rules, sorted.
func ruleIDs(chosen []*rule.Rule) []string {
	ids := make([]string, len(chosen))
	for i, r := range chosen {
		ids[i] = r.ID
	}
	slices.Sort(ids)
	return ids
}

// sums returns the checksums of the files that the fixes of findings and of directives change, by the names that findings use.
func sums(p *program.Program, findings []finding.Finding, all []directive) map[string]string {
	wanted := make(map[string]bool)
	for _, d := range all {
		wanted[d.File] = true
	}
	for _, f := range findings {
		for _, e := range f.Fix.Edits {
			wanted[e.File] = true
		}
	}
	out := make(map[string]string)
	for _, pkg := range p.Code.Packages {
		for _, file := range pkg.Files {
			if name := p.RelPath(file.Path); wanted[name] {
				out[name] = checksum(file.Source)
			}
		}
	}
	return out
}

func checksum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// runRule runs one rule; a panic costs that rule only and becomes a row in the errors.
func runRule(one *rule.Rule, p *program.Program, e *effects.Effects, strict bool) (found []finding.Finding, failed *finding.Error) {
	if one.Check == nil {
		return nil, nil // the review itself decides it; see obey
	}
	defer func() {
		if cause := recover(); cause != nil {
			found = nil
			failed = &finding.Error{Kind: "internal", Message: fmt.Sprintf(
				"rule %s failed and told nothing (please report it): %v, in %s", one.ID, cause, origin(debug.Stack()))}
		}
	}()
	return rule.Run(one, p, e, strict), nil
}

// origin keeps the names of our own functions from a stack, innermost first.
func origin(stack []byte) string {
	var own []string
	for line := range strings.Lines(string(stack)) {
		line = strings.TrimSpace(line)
		if !strings.Contains(line, "/internal/") || strings.Contains(line, ".go:") || strings.Contains(line, "runRule") {
			continue
		}
		name := filepath.Base(line)
		if i := strings.LastIndexByte(name, '('); i > 0 {
			name = name[:i]
		}
		own = append(own, name)
	}
	return strings.Join(own, " < ")
}

func loadError(p *program.Program, e load.Error) finding.Error {
	out := finding.Error{Kind: e.Kind, Package: e.Package, Line: e.Line, Message: e.Msg}
	if e.File != "" {
		out.File = p.RelPath(e.File)
	}
	return out
}

func stats(p *program.Program, rules int) finding.Stats {
	s := finding.Stats{Modules: []string{}, Packages: len(p.Code.Packages), Functions: len(p.Funcs), Rules: rules}
	for _, m := range p.Code.Modules {
		s.Modules = append(s.Modules, m.Path)
	}
	for _, pkg := range p.Code.Packages {
		s.Files += len(pkg.Files)
		for _, f := range pkg.Files {
			if tf := p.Fset.File(f.Syntax.FileStart); tf != nil {
				s.Lines += tf.LineCount()
			}
		}
	}
	return s
}
