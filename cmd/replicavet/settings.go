// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/report"
	"github.com/replicavet/replicavet/internal/review"
)

// settings are what the flags of all subcommands say.
type settings struct {
	dir, tags, format, rules, show, fail      string
	cpuProfile                                string
	newFrom, changed, baseline, config, color string
	strict, tests, verbose, quiet, noCache    bool
	keepGoing, diff, dirty                    bool
	jobs                                      int
	outputs                                   outputs
}

// define defines the flags that all subcommands share that review.
func (s *settings) define(fs *flag.FlagSet) {
	dirFlag(fs, s)
	renderFlags(fs, s)
	fs.StringVar(&s.tags, "tags", "", "comma-separated build `tags`")
	fs.BoolVar(&s.tests, "tests", false, "review _test.go files too")
	fs.StringVar(&s.rules, "rules", "", "comma-separated `rules` or families to run; -name leaves one out")
	fs.BoolVar(&s.strict, "strict", false, "the checklist to the letter: also the rules that are noisy by nature")
	fs.StringVar(&s.show, "show", "medium", "show findings of this `severity` and above")
	fs.StringVar(&s.fail, "fail", "medium", "exit with 1 for findings of this `severity` and above, or none")
	fs.StringVar(&s.newFrom, "new-from", "", "tell only what a review of this `revision` does not find, wherever it stands")
	fs.StringVar(&s.changed, "changed", "", "tell only what has a place in lines changed since this `revision`: fast, not exact")
	fs.StringVar(&s.baseline, "baseline", "", "the `file` of known findings (default .replicavet-baseline.json, where it exists); none uses none")
	fs.StringVar(&s.config, "config", "", "the configuration `file` (default .replicavet.yaml, here or above); none for none")
	fs.BoolVar(&s.noCache, "no-cache", false, "neither read nor write the cache")
	fs.BoolVar(&s.keepGoing, "keep-going", false, "do not exit with 2 for what could not be reviewed; it is told all the same")
	fs.StringVar(&s.cpuProfile, "cpuprofile", "", "write to this `file` where the time goes, for go tool pprof")
	fs.IntVar(&s.jobs, "j", 0, "do this many things at once (0: as many as there are processors)")
}

func dirFlag(fs *flag.FlagSet, s *settings) {
	fs.StringVar(&s.dir, "C", ".", "review the code in this `directory`")
}

func formatFlag(fs *flag.FlagSet, s *settings) {
	fs.StringVar(&s.format, "format", "text", "output `format`: text or json")
}

func diffFlag(fs *flag.FlagSet, s *settings) {
	fs.BoolVar(&s.diff, "diff", false, "show the edits instead of making them; exit with 1 when there are some")
	fs.BoolVar(&s.dirty, "dirty", false, "also change lines that have changes which are not committed")
}

// renderFlags are those that say how a review is shown.
func renderFlags(fs *flag.FlagSet, s *settings) {
	fs.StringVar(&s.format, "format", "text", "output `format`: "+formatNames())
	fs.Var(&s.outputs, "o", "write to a file as well, as `format=file`; may be repeated")
	fs.StringVar(&s.color, "color", "auto", "colour: auto, always or never")
	fs.BoolVar(&s.quiet, "q", false, "one line a finding")
	fs.BoolVar(&s.verbose, "v", false, "tell the phases and how long they took, and everything about a finding")
}

func formatNames() string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// store returns the cache, or nil when there is to be none.
func (s *settings) store() *load.Store {
	if s.noCache {
		return nil
	}
	return load.OpenStore(load.StoreDir())
}

// order is a review as it was asked for: every word is checked, flags have outranked the configuration.
type order struct {
	review.Options
	show, fail finding.Severity
	// baselineFile is where the baseline is, or would be written.
	baselineFile string
	// from tells for each setting where its value comes from.
	from map[string]string
}

// order reads what the flags and the configuration say. The error names the legal values.
func (inv *invocation) order() (*order, error) {
	o := &order{from: make(map[string]string)}
	config, err := inv.findConfig()
	if err != nil {
		return nil, err
	}
	o.Config = config
	if err := inv.configure(o.from, config); err != nil {
		return nil, err
	}
	o.Rules, err = review.Choose(inv.settings.rules, inv.strict, config)
	if err != nil {
		return nil, fmt.Errorf("-rules: %w", err)
	}
	if o.show, err = finding.ParseSeverity(inv.show); err != nil {
		return nil, fmt.Errorf("-show: %w", err)
	}
	if inv.fail != "none" {
		if o.fail, err = finding.ParseSeverity(inv.fail); err != nil {
			return nil, fmt.Errorf("-fail: %w, or none", err)
		}
	}
	if inv.newFrom != "" && inv.changed != "" {
		return nil, errors.New("-new-from and -changed exclude each other: -new-from is exact, -changed is fast")
	}
	if err := inv.readBaseline(o); err != nil {
		return nil, err
	}
	o.Load = load.Config{Dir: inv.dir, Patterns: inv.args, Tags: inv.tags, Tests: inv.tests, Jobs: inv.jobs, Cache: inv.store()}
	o.Strict, o.Version, o.Today = inv.strict, version(), time.Now().Format(time.DateOnly)
	o.NewFrom, o.Changed = inv.newFrom, inv.changed
	return o, nil
}

func (inv *invocation) findConfig() (*review.Config, error) {
	switch inv.settings.config {
	case "none":
		return nil, nil
	case "":
		return review.FindConfig(inv.dir)
	}
	return review.ReadConfig(inv.settings.config)
}

// configure takes from the configuration what no flag says, and notes where each value comes from.
func (inv *invocation) configure(from map[string]string, c *review.Config) error {
	set := make(map[string]bool)
	inv.flags.Visit(func(f *flag.Flag) { set[f.Name] = true })
	inv.flags.VisitAll(func(f *flag.Flag) {
		switch {
		case set[f.Name]:
			from[f.Name] = "flag or REPLICAVET_FLAGS"
		default:
			from[f.Name] = "default"
		}
	})
	if c == nil {
		return nil
	}
	for key, value := range map[string]string{
		"strict": fmt.Sprint(c.Strict), "tests": fmt.Sprint(c.Tests), "tags": c.Tags, "show": c.Show, "fail": c.Fail,
		"baseline": filepath.Join(c.Dir, c.Baseline),
	} {
		line, given := c.Lines[key]
		if !given || set[key] {
			continue
		}
		if err := inv.flags.Set(key, value); err != nil {
			return fmt.Errorf("%s:%d: %w", c.File, line, err)
		}
		from[key] = fmt.Sprintf("%s:%d", c.File, line)
	}
	return nil
}

// baselineName is the file of known findings, where it has its customary name.
const baselineName = ".replicavet-baseline.json"

// readBaseline reads the baseline. The customary one need not be there.
func (inv *invocation) readBaseline(o *order) error {
	o.baselineFile = inv.baseline
	if o.baselineFile == "" {
		o.baselineFile = filepath.Join(inv.dir, baselineName)
	}
	if inv.baseline == "none" {
		if inv.command.name == "baseline" {
			return errors.New("-baseline: the baseline command needs a file; none is for reviews")
		}
		return nil
	}
	f, err := os.Open(o.baselineFile)
	switch {
	case errors.Is(err, os.ErrNotExist) && (inv.baseline == "" || inv.verb == "write"):
		return nil
	case err != nil:
		return fmt.Errorf("-baseline: %w: make it with `replicavet baseline write`", err)
	}
	defer f.Close()
	o.Baseline, err = review.ReadBaseline(f)
	if err != nil {
		return fmt.Errorf("%s: %w", o.baselineFile, err)
	}
	return nil
}
