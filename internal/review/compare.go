// SPDX-License-Identifier: Apache-2.0

package review

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/load"
)

// members are, by fingerprint, the functions that take part in the findings of a review.
type members map[string]map[string]bool

// compare silences what a review of the revision NewFrom finds as well. Both trees are reviewed and findings compared
// by fingerprint, never by changed lines: an edit of main can make findings in files that nobody touched. A finding
// that gained a member, such as one more caller of a broken helper, is new.
func (o *Options) compare(ctx context.Context, r *finding.Review) error {
	old, err := o.membersAt(ctx, o.NewFrom)
	if err != nil {
		return err
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		before, there := old[f.Fingerprint]
		for _, rel := range f.Related {
			there = there && before[rel.Function]
		}
		if there && f.Suppressed == nil {
			f.Suppressed = &finding.Suppression{Kind: "base", Reason: "found at " + o.NewFrom + " as well"}
		}
	}
	return nil
}

// membersAt reviews the tree of a revision, in a directory of its own, or takes the result from the store.
func (o *Options) membersAt(ctx context.Context, revision string) (members, error) {
	commit, err := git(ctx, o.Load.Dir, "rev-parse", "--verify", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("%w: name a revision that this repository has", err)
	}
	prefix, err := git(ctx, o.Load.Dir, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	key, err := o.baseKey(ctx, commit, prefix)
	if err != nil {
		return nil, err
	}
	if data, ok := o.Load.Cache.Get(key); ok {
		var m members
		if json.Unmarshal(data, &m) == nil && m != nil {
			return m, nil
		}
	}
	o.progress("base")
	found, err := o.reviewAt(ctx, commit, prefix)
	if err != nil {
		return nil, err
	}
	m := make(members)
	for _, f := range found.Review.Findings {
		if m[f.Fingerprint] == nil {
			m[f.Fingerprint] = make(map[string]bool)
		}
		for _, rel := range f.Related {
			m[f.Fingerprint][rel.Function] = true
		}
	}
	if data, err := json.Marshal(m); err == nil {
		_ = o.Load.Cache.Put(key, data) // a full disk makes the next run slower, and this one no worse
	}
	return m, nil
}

// reviewAt reviews the tree of a commit. What is broken in it makes fewer findings old, and is no error of this review.
func (o *Options) reviewAt(ctx context.Context, commit, prefix string) (*raw, error) {
	top, err := git(ctx, o.Load.Dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "replicavet-base-")
	if err != nil {
		return nil, fmt.Errorf("making room for the old tree: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := unpack(ctx, top, commit, dir); err != nil {
		return nil, err
	}
	base := *o
	base.Load.Dir = filepath.Join(dir, filepath.FromSlash(prefix))
	base.Load.Cache = nil
	base.Progress = nil
	found, err := base.examine(ctx)
	if err != nil {
		return nil, fmt.Errorf("reviewing the old tree: %w", err)
	}
	o.obey(found.Review, found.Directives)
	return found, nil
}

// baseKey names the result for a commit: unlike the tree under review it never changes, so its files need no hashing.
func (o *Options) baseKey(ctx context.Context, commit, prefix string) (string, error) {
	settings, err := load.Settings(ctx, o.Load)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n%q\n%q %t %t %s\n", settings, commit, prefix, o.Load.Patterns, o.Load.Tags, o.Load.Tests, o.Strict, load.ToolID())
	for _, r := range o.Rules {
		fmt.Fprintln(&b, r.ID)
	}
	return fmt.Sprintf("base %x", sha256.Sum256([]byte(b.String()))), nil
}
