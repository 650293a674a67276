// SPDX-License-Identifier: Apache-2.0

// Package review is the pipeline: load, build the program and its effects, run the chosen rules, apply what the project
// decided about their findings, and give the verdict once for every format. It produces the review and nothing else;
// what is shown is the reports' business.
//
// What is read from the code alone (see raw) is stored and replayed while nothing changes. All decisions are made
// afterwards, in this order: directives in the code, the configuration, the baseline, the comparison with another
// revision.
package review

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/rule"
)

// Options say what to review, with which rules, and what was decided about their findings.
type Options struct {
	// Load says what to read. Its store, if any, keeps reviews as well.
	Load load.Config
	// Rules are the rules to run; see Choose.
	Rules []*rule.Rule
	// Strict asks for the checklist to the letter.
	Strict bool
	// Version is the tool's version, for the review.
	Version string
	// Today is the date by which directives expire, as 2027-01-31.
	Today string
	// Config is the project's configuration; it may be nil.
	Config *Config
	// Baseline are the findings that the project knows; it may be nil.
	Baseline *Baseline
	// NewFrom, when not empty, is a revision: what a review of it finds as well is not new.
	NewFrom string
	// Changed, when not empty, is a revision: what has no place in lines changed since is set aside.
	Changed string
	// Map and Ledger ask for the entry points and the API writes.
	Map, Ledger bool
	// Progress, when not nil, is told the name of each phase as it begins.
	Progress func(phase string)
}

// Run reviews the code. The error is for what makes any review impossible; all else is a row in the review's errors.
func Run(ctx context.Context, o Options) (*finding.Review, error) {
	found, err := o.raw(ctx)
	if err != nil {
		return nil, err
	}
	return o.decide(ctx, found)
}

// decide makes the review of what the code says and what the project decided.
func (o *Options) decide(ctx context.Context, found *raw) (*finding.Review, error) {
	r := found.Review
	o.obey(r, found.Directives)
	o.Config.apply(r, o.root(), o.Today)
	o.Baseline.apply(r)
	if o.NewFrom != "" {
		if err := o.compare(ctx, r); err != nil {
			return nil, fmt.Errorf("comparing with %s: %w", o.NewFrom, err)
		}
	}
	if o.Changed != "" {
		if err := o.onlyChanged(ctx, r); err != nil {
			return nil, fmt.Errorf("looking for what changed since %s: %w", o.Changed, err)
		}
	}
	if !o.Map {
		r.Map = nil
	}
	if !o.Ledger {
		r.Ledger = nil
	}
	for _, f := range r.Findings {
		if f.Suppressed != nil {
			r.Stats.Suppressed++
		}
	}
	r.Sort()
	o.remember(r)
	return r, nil
}

// raw returns what the code says, from the store if nothing changed since.
func (o *Options) raw(ctx context.Context) (*raw, error) {
	if o.Load.Cache == nil || len(o.Load.Overlay) > 0 {
		return o.examine(ctx)
	}
	o.progress("hash")
	key, keyErr := o.key(ctx)
	if keyErr == nil {
		if r, ok := o.cached(key); ok {
			o.progress("cached")
			return r, nil
		}
	}
	r, err := o.examine(ctx)
	if err == nil && keyErr == nil {
		o.keep(key, r)
	}
	return r, err
}

// root is the directory under review, as the program knows it.
func (o *Options) root() string {
	dir, err := filepath.Abs(o.Load.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return o.Load.Dir // it was loaded, so this does not happen
	}
	return dir
}

func (o *Options) progress(phase string) {
	if o.Progress != nil {
		o.Progress(phase)
	}
}
