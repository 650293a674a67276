// SPDX-License-Identifier: Apache-2.0

// Package review is the pipeline: load, build the program and its effects, run the chosen rules, and decide the verdict
// once for every format. It produces the review and nothing else; what is shown is the reports' business.
package review

import (
	"context"
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

// Options say what to review and with which rules.
type Options struct {
	Load load.Config
	// Rules are the rules to run; see Select.
	Rules []*rule.Rule
	// Strict asks for the checklist to the letter.
	Strict bool
	// Version is the tool's version, for the review.
	Version string
	// Progress, when not nil, is told the name of each phase as it begins.
	Progress func(phase string)
}

// Program is loaded code with its effects: what map and writes show, and what rules look at.
type Program struct {
	Program *program.Program
	Effects *effects.Effects
}

// Load reads the code and gathers its effects, without running any rule.
func Load(ctx context.Context, o Options) (*Program, error) {
	o.Load.Progress = o.Progress
	code, err := load.Load(ctx, o.Load)
	if err != nil {
		return nil, err
	}
	return Analyse(code, o), nil
}

// Analyse builds the program and its effects from loaded code.
func Analyse(code *load.Code, o Options) *Program {
	progress(o, "program")
	p := program.Build(code)
	progress(o, "effects")
	return &Program{Program: p, Effects: effects.Build(p)}
}

// Run reviews the code. The error is for what makes any review impossible; all else is a row in the review's errors.
func Run(ctx context.Context, o Options) (*finding.Review, error) {
	loaded, err := Load(ctx, o)
	if err != nil {
		return nil, err
	}
	return Judge(loaded, o), nil
}

// Judge runs the rules over loaded code.
func Judge(loaded *Program, o Options) *finding.Review {
	p := loaded.Program
	r := &finding.Review{
		Version:  finding.Version,
		Tool:     finding.Tool{Name: "replicavet", Version: o.Version},
		Findings: []finding.Finding{},
		Errors:   []finding.Error{},
		Stats:    stats(p, len(o.Rules)),
	}
	for _, e := range slices.Concat(p.Code.Errors, p.Errors) {
		r.Errors = append(r.Errors, loadError(p, e))
	}
	progress(o, "rules")
	for _, one := range o.Rules {
		found, failed := runRule(one, loaded, o.Strict)
		r.Findings = append(r.Findings, found...)
		if failed != nil {
			r.Errors = append(r.Errors, *failed)
		}
	}
	r.Sort()
	return r
}

// runRule runs one rule; a panic costs that rule only and becomes a row in the errors.
func runRule(one *rule.Rule, loaded *Program, strict bool) (found []finding.Finding, failed *finding.Error) {
	defer func() {
		if cause := recover(); cause != nil {
			found = nil
			failed = &finding.Error{Kind: "internal", Message: fmt.Sprintf(
				"rule %s failed and told nothing (please report it): %v, in %s", one.ID, cause, origin(debug.Stack()))}
		}
	}()
	return rule.Run(one, loaded.Program, loaded.Effects, strict), nil
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

func progress(o Options, phase string) {
	if o.Progress != nil {
		o.Progress(phase)
	}
}
