// SPDX-License-Identifier: Apache-2.0

package review

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/fix"
)

// maxRounds bounds how often fixes are made of what is left after fixes.
const maxRounds = 3

// Fixes are edits that were tried: they compile, end their findings and bring no others.
type Fixes struct {
	Changes []fix.Change
	// Fixed are the findings that the changes end.
	Fixed []finding.Finding
	// Skipped are the findings whose edits are not among the changes, with the reason.
	Skipped []fix.Skip
	// Errors are what could not be reviewed before anything was changed.
	Errors []finding.Error
}

// FixOptions say which fixes are made.
type FixOptions struct {
	// Want selects findings; nil takes all that nothing silences.
	Want func(f *finding.Finding) bool
	// Dirty allows changes of lines that are changed in the work tree and not committed.
	Dirty bool
}

// Fix tries the certain edits of findings, in memory: the fixed code is loaded and reviewed anew, until nothing is left
// to fix. Nothing is written; see fix.Write.
func Fix(ctx context.Context, o Options, want FixOptions) (*Fixes, error) {
	found, err := o.raw(ctx)
	if err != nil {
		return nil, err
	}
	t := &trial{o: o, want: want, sums: found.Sums, contents: make(map[string][]byte), original: make(map[string][]byte), given: make(map[string]bool)}
	if !want.Dirty {
		t.dirty = o.uncommitted(ctx)
	}
	now, err := o.decide(ctx, found)
	if err != nil {
		return nil, err
	}
	out := &Fixes{Errors: now.Errors}
	for range maxRounds {
		next, fixed, skipped, err := t.round(ctx, now)
		if err != nil {
			return nil, err
		}
		out.Skipped = append(out.Skipped, skipped...)
		out.Fixed = append(out.Fixed, fixed...)
		if len(fixed) == 0 {
			break
		}
		now = next
	}
	for _, file := range slices.Sorted(maps.Keys(t.contents)) {
		out.Changes = append(out.Changes, fix.Change{File: file, Old: t.original[file], New: t.contents[file]})
	}
	return out, nil
}

// trial is the code with the fixes made so far.
type trial struct {
	o        Options
	want     FixOptions
	sums     map[string]string
	contents map[string][]byte // fixed, by file
	original map[string][]byte // as reviewed, by file
	dirty    map[string][]span
	given    map[string]bool // findings that were told as skipped, by fingerprint
}

// round makes the fixes of a review: all at once, and when the result is not good, one after the other.
func (t *trial) round(ctx context.Context, now *finding.Review) (next *finding.Review, fixed []finding.Finding, skipped []fix.Skip, err error) {
	var wanted []finding.Finding
	for _, f := range now.Findings {
		switch {
		case len(f.Fix.Edits) == 0 || f.Suppressed != nil || t.given[f.Fingerprint] || t.want.Want != nil && !t.want.Want(&f):
		case t.inDirty(&f):
			t.given[f.Fingerprint] = true
			skipped = append(skipped, fix.Skip{ID: f.ID, Reason: "the lines it changes are changed already and not committed: commit them, or say -dirty"})
		default:
			wanted = append(wanted, f)
		}
	}
	if len(wanted) == 0 {
		return now, nil, skipped, nil
	}
	next, fixed, skips, err := t.try(ctx, now, wanted)
	if err != nil || next != nil {
		return next, fixed, append(skipped, skips...), err
	}
	// One of them is to blame. Single edits shift the others, so each is taken from the latest review.
	next = now
	for _, f := range wanted {
		i := slices.IndexFunc(next.Findings, func(g finding.Finding) bool { return g.Fingerprint == f.Fingerprint })
		if i < 0 {
			continue
		}
		after, one, skips, err := t.try(ctx, next, next.Findings[i:i+1])
		switch {
		case err != nil:
			return nil, nil, nil, err
		case after == nil:
			t.given[f.Fingerprint] = true
			skipped = append(skipped, fix.Skip{ID: f.ID, Reason: "its fix was tried and does not hold here: the code does not compile, or the finding stays"})
		default:
			next, fixed, skipped = after, append(fixed, one...), append(skipped, skips...)
		}
	}
	return next, fixed, skipped, nil
}

// try makes the edits of findings and reviews the result, which is nil when it is not better than what was before.
func (t *trial) try(ctx context.Context, now *finding.Review, wanted []finding.Finding) (*finding.Review, []finding.Finding, []fix.Skip, error) {
	changes, applied, skipped, err := fix.Make(wanted, t.read)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, s := range skipped {
		for _, f := range wanted {
			t.given[f.Fingerprint] = t.given[f.Fingerprint] || f.ID == s.ID
		}
	}
	if len(applied) == 0 {
		return now, nil, skipped, nil
	}
	trial := t.o
	trial.Load.Overlay = make(map[string][]byte)
	for file, src := range t.contents {
		trial.Load.Overlay[t.path(file)] = src
	}
	for _, c := range changes {
		trial.Load.Overlay[t.path(c.File)] = c.New
	}
	found, err := trial.examine(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	for file, sum := range found.Sums {
		if _, ok := trial.Load.Overlay[t.path(file)]; !ok {
			t.sums[file] = sum
		}
	}
	next, err := trial.decide(ctx, found)
	if err != nil {
		return nil, nil, nil, err
	}
	var fixed []finding.Finding
	for _, f := range wanted {
		if slices.Contains(applied, f.ID) {
			fixed = append(fixed, f)
		}
	}
	if !better(now, next, fixed) {
		return nil, nil, nil, nil
	}
	for _, c := range changes {
		t.contents[c.File] = c.New
	}
	return next, fixed, skipped, nil
}

// better tells whether next has no new errors, none of the fixed findings and no others than now has. Findings are
// counted by rule and function: the fingerprints of equal ones move up when one of them goes.
func better(now, next *finding.Review, fixed []finding.Finding) bool {
	if len(next.Errors) > len(now.Errors) {
		return false
	}
	type place struct{ rule, function string }
	may := make(map[place]int)
	for _, f := range now.Findings {
		may[place{f.Rule, f.Function}]++
	}
	for _, f := range fixed {
		may[place{f.Rule, f.Function}]--
	}
	for _, f := range next.Findings {
		at := place{f.Rule, f.Function}
		if may[at]--; may[at] < 0 {
			return false
		}
	}
	return true
}

// read returns the contents of a file as far as it is fixed. At first that must be what was reviewed.
func (t *trial) read(file string) ([]byte, error) {
	if src, ok := t.contents[file]; ok {
		return src, nil
	}
	if src, ok := t.original[file]; ok {
		return src, nil
	}
	root, err := os.OpenRoot(t.o.root())
	if err != nil {
		return nil, fmt.Errorf("opening the directory to fix: %w", err)
	}
	defer root.Close()
	src, err := root.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", file, err)
	}
	if sum, ok := t.sums[file]; ok && sum != checksum(src) {
		return nil, fmt.Errorf("%s has changed since the review; review again", file)
	}
	t.original[file] = src
	return src, nil
}

func (t *trial) path(file string) string { return filepath.Join(t.o.root(), filepath.FromSlash(file)) }

// inDirty tells whether an edit of a finding lies in lines with changes that are not committed: a fix must be told apart
// from what its user is writing. Those are lines on the disk, so only the first round can ask.
func (t *trial) inDirty(f *finding.Finding) bool {
	for _, e := range f.Fix.Edits {
		for _, s := range t.dirty[e.File] {
			if len(t.contents) == 0 && e.Line <= s.to && s.from <= max(e.Line, e.EndLine) {
				return true
			}
		}
	}
	return false
}
