// SPDX-License-Identifier: Apache-2.0

package review

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rule"
)

// enabled tells whether a rule is on unless somebody names it: by what was decided about it, else when it is not strict
// or the strict ones are asked for.
func (c *Config) enabled(r *rule.Rule, strict bool) bool {
	if c != nil {
		switch d := c.decision(r.ID); {
		case d == nil:
		case d.Off:
			return false
		case d.Rule == r.ID:
			return true
		}
	}
	return strict || !r.Strict
}

// decision returns the last decision about a rule, or nil.
func (c *Config) decision(id string) *RuleDecision {
	for i := range slices.Backward(c.Rules) {
		if named(id)(c.Rules[i].Rule) {
			return &c.Rules[i]
		}
	}
	return nil
}

// apply sets the severities that the configuration decides and silences what it ignores. dir is the directory under
// review.
func (c *Config) apply(r *finding.Review, dir, today string) {
	if c == nil {
		return
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if d := c.decision(f.Rule); d != nil && d.Severity != 0 && d.Severity != f.Severity {
			f.Severity, f.Reason = d.Severity, "the configuration says so"
		}
		if f.Suppressed == nil {
			f.Suppressed = c.ignored(f, dir, today)
		}
	}
}

// ignored returns the mark of the first entry that fits a finding, or nil.
func (c *Config) ignored(f *finding.Finding, dir, today string) *finding.Suppression {
	for _, one := range c.Ignore {
		if one.Until != "" && one.Until < today {
			continue // over; `config check` tells
		}
		if len(one.Rules) > 0 && !slices.ContainsFunc(one.Rules, named(f.Rule)) {
			continue
		}
		if one.Function != "" && !matchName(one.Function, f.Function) {
			continue
		}
		if len(one.Paths) > 0 && !c.inPaths(one.Paths, dir, f.File) {
			continue
		}
		return &finding.Suppression{Kind: "config", Reason: one.Reason, File: c.relative(dir), Line: one.Line}
	}
	return nil
}

// matchName tells whether a function's name matches a pattern in which only * is special: names hold brackets.
func matchName(pattern, name string) bool {
	ok, err := path.Match(strings.NewReplacer("[", `\[`, "?", `\?`, `\`, `\\`, "/", "\x00").Replace(pattern), strings.ReplaceAll(name, "/", "\x00"))
	return err == nil && ok
}

// inPaths tells whether a file, named relative to dir, matches one of the patterns, which are relative to the
// configuration.
func (c *Config) inPaths(patterns []string, dir, file string) bool {
	name, err := filepath.Rel(c.Dir, filepath.Join(dir, filepath.FromSlash(file)))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := matchPath(pattern, filepath.ToSlash(name))
		return err == nil && ok
	})
}

// relative names the configuration file as findings name files.
func (c *Config) relative(dir string) string {
	name, err := filepath.Rel(dir, filepath.Join(c.Dir, filepath.Base(c.File)))
	if err != nil {
		return filepath.ToSlash(c.File)
	}
	return filepath.ToSlash(name)
}

// legal lists keys for a message.
func legal[T any](keys map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(keys)), ", ")
}

// Expired returns the entries that are over, for `config check`.
func (c *Config) Expired(today string) []Ignore {
	var out []Ignore
	for _, one := range c.Ignore {
		if one.Until != "" && one.Until < today {
			out = append(out, one)
		}
	}
	return out
}
