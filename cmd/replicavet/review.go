// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/report"
	"github.com/replicavet/replicavet/internal/review"
	"github.com/replicavet/replicavet/internal/rule"
	"github.com/replicavet/replicavet/internal/rules"
)

// settings are the flags that subcommands share.
type settings struct {
	dir, tags, format, rules, fail string
	show                           string
	strict, tests, verbose, quiet  bool
	jobs                           int
}

// common defines the flags that say what to load.
func (s *settings) common(fs *flag.FlagSet) {
	fs.StringVar(&s.dir, "C", ".", "review the code in this `directory`")
	fs.StringVar(&s.tags, "tags", "", "comma-separated build `tags`")
	fs.BoolVar(&s.tests, "tests", false, "review _test.go files too")
	fs.IntVar(&s.jobs, "j", 0, "do this many things at once (0: as many as there are processors)")
	fs.BoolVar(&s.verbose, "v", false, "tell the phases and how long they took, and everything about a finding")
}

func (s *settings) load(patterns []string) load.Config {
	return load.Config{Dir: s.dir, Patterns: patterns, Tags: s.tags, Tests: s.tests, Jobs: s.jobs}
}

// newFlags makes the flag set of a subcommand, with its usage on w.
func newFlags(name, args string, w io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(w)
	fs.Usage = func() {
		fmt.Fprintf(w, "usage: replicavet %s %s\n\n", name, args)
		fs.PrintDefaults()
	}
	return fs
}

// parse parses flags; stop is set when the subcommand is done with that status.
func parse(fs *flag.FlagSet, args []string) (status int, stop bool) {
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return review.Clean, true
	case err != nil:
		return review.Incomplete, true
	}
	return 0, false
}

func runReview(ctx context.Context, args []string, out, errs io.Writer) int {
	var s settings
	fs := newFlags("review", "[flags] [packages]", errs)
	s.common(fs)
	fs.StringVar(&s.format, "format", "text", "output `format`: "+formatNames())
	fs.StringVar(&s.rules, "rules", "", "comma-separated `rules` or families to run; -name leaves one out")
	fs.BoolVar(&s.strict, "strict", false, "the checklist to the letter: also the rules that are noisy by nature")
	fs.StringVar(&s.show, "show", "medium", "show findings of this `severity` and above")
	fs.StringVar(&s.fail, "fail", "medium", "exit with 1 for findings of this `severity` and above, or none")
	fs.BoolVar(&s.quiet, "q", false, "one line a finding")
	if status, stop := parse(fs, args); stop {
		return status
	}
	request, err := s.request()
	if err != nil {
		return fatal(errs, err)
	}
	return request.run(ctx, fs.Args(), out, errs)
}

// request is a review as asked for, all words checked.
type request struct {
	settings
	chosen     []*rule.Rule
	show, fail finding.Severity
	format     report.Format
}

func (s settings) request() (*request, error) {
	r := &request{settings: s}
	var err error
	if r.chosen, err = review.Choose(s.rules, s.strict); err != nil {
		return nil, fmt.Errorf("-rules: %w", err)
	}
	if r.show, err = finding.ParseSeverity(s.show); err != nil {
		return nil, fmt.Errorf("-show: %w", err)
	}
	if s.fail != "none" {
		if r.fail, err = finding.ParseSeverity(s.fail); err != nil {
			return nil, fmt.Errorf("-fail: %w, or none", err)
		}
	}
	if r.format, err = report.Lookup(s.format); err != nil {
		return nil, fmt.Errorf("-format: %w", err)
	}
	return r, nil
}

func (r *request) run(ctx context.Context, patterns []string, out, errs io.Writer) int {
	clock := newPhases(errs, r.verbose)
	result, err := review.Run(ctx, review.Options{
		Load: r.load(patterns), Rules: r.chosen, Strict: r.strict, Version: version(), Progress: clock.begin,
	})
	if err != nil {
		return fatal(errs, err)
	}
	clock.begin("report")
	status := review.Verdict(result, r.fail)
	result.Findings = atLeast(result.Findings, r.show)
	err = r.format.Render(out, result, describe(r.chosen), report.Options{
		Brief: r.quiet, Verbose: r.verbose,
		Source: func(file string) ([]byte, error) { return os.ReadFile(filepath.Join(r.dir, file)) },
	})
	clock.end()
	if err != nil {
		return fatal(errs, fmt.Errorf("writing the report: %w", err))
	}
	return status
}

func atLeast(all []finding.Finding, least finding.Severity) []finding.Finding {
	kept := []finding.Finding{}
	for _, f := range all {
		if f.Severity >= least {
			kept = append(kept, f)
		}
	}
	return kept
}

// describe tells the reports about the rules that ran.
func describe(chosen []*rule.Rule) []report.Rule {
	out := make([]report.Rule, len(chosen))
	for i, r := range chosen {
		out[i] = report.Rule{ID: r.ID, Title: r.Title, Section: r.Section(), Page: r.Doc,
			Severity: r.Severity, Checklist: r.Checklist, Strict: r.Strict}
	}
	return out
}

func formatNames() string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// fatal says why nothing could be reviewed.
func fatal(errs io.Writer, err error) int {
	fmt.Fprintln(errs, "replicavet:", err)
	return review.Incomplete
}

// phases tells on errs how long each phase took.
type phases struct {
	errs    io.Writer
	on      bool
	name    string
	started time.Time
	first   time.Time
}

func newPhases(errs io.Writer, on bool) *phases {
	now := time.Now()
	return &phases{errs: errs, on: on, first: now, started: now}
}

func (p *phases) begin(name string) {
	p.tell()
	p.name, p.started = name, time.Now()
}

func (p *phases) tell() {
	if p.on && p.name != "" {
		fmt.Fprintf(p.errs, "%-8s %6.2f s\n", p.name, time.Since(p.started).Seconds())
	}
}

func (p *phases) end() {
	p.tell()
	if p.on {
		fmt.Fprintf(p.errs, "%-8s %6.2f s\n", "total", time.Since(p.first).Seconds())
	}
}

func runRules(_ context.Context, args []string, out, errs io.Writer) int {
	fs := newFlags("rules", "", errs)
	if status, stop := parse(fs, args); stop {
		return status
	}
	for _, r := range rules.All() {
		note := ""
		if r.Strict {
			note = " (strict)"
		}
		fmt.Fprintf(out, "%-30s %-9s %s%s\n", r.ID, r.Severity, r.Title, note)
	}
	return review.Clean
}

func runExplain(_ context.Context, args []string, out, errs io.Writer) int {
	if len(args) != 1 {
		return fatal(errs, errors.New("explain takes one rule, such as rmw/unlocked-patch; `replicavet rules` lists them"))
	}
	r := rules.Find(args[0])
	if r == nil {
		return fatal(errs, fmt.Errorf("unknown rule %q; `replicavet rules` lists them", args[0]))
	}
	fmt.Fprint(out, r.Doc)
	return review.Clean
}
