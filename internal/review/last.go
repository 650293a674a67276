// SPDX-License-Identifier: Apache-2.0

package review

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/load"
)

// remember keeps a review as the last one of its directory, so that one of its findings can be explained afterwards.
func (o *Options) remember(r *finding.Review) {
	var b bytes.Buffer
	if o.Load.Cache == nil || len(o.Rules) == 0 || r.Encode(&b) != nil {
		return
	}
	if old, ok := o.Load.Cache.Get(lastKey(o.Load.Dir)); !ok || !bytes.Equal(old, b.Bytes()) {
		_ = o.Load.Cache.Put(lastKey(o.Load.Dir), b.Bytes()) // a full disk costs the explanation, not the review
	}
}

func lastKey(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return "last " + dir
}

// Recall returns the finding of the last review of a directory whose id, or the beginning of it, is given. The error
// says what to do.
func Recall(store *load.Store, dir, id string) (*finding.Review, *finding.Finding, error) {
	data, ok := store.Get(lastKey(dir))
	if !ok {
		return nil, nil, fmt.Errorf("no review of this directory is stored: run `replicavet review` first, with its cache on, or name a rule")
	}
	r, err := finding.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, nil, fmt.Errorf("the stored review is of another version (%w): run `replicavet review` again", err)
	}
	var match *finding.Finding
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case !strings.HasPrefix(f.Fingerprint, id):
		case match != nil && match.Fingerprint != f.Fingerprint:
			return nil, nil, fmt.Errorf("%q begins the ids of several findings: give more of it", id)
		default:
			match = f
		}
	}
	if match == nil {
		return nil, nil, fmt.Errorf("%q is neither a rule nor a finding of the last review: `replicavet rules` lists the rules, `replicavet review` finds again", id)
	}
	return r, match, nil
}
