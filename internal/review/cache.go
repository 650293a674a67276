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

	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/program"
)

// key names the raw review that these options give: all that is read, the rules that look at it, and the tool itself.
// What is decided afterwards (directives' dates, the configuration's ignores, the baseline) is no part of it.
func (o *Options) key(ctx context.Context) (string, error) {
	go load.ToolID() // the tool is read while the files are looked for
	var salt strings.Builder
	fmt.Fprintf(&salt, "review 1\n%t\n%q\n", o.Strict, o.Version)
	for _, r := range o.Rules {
		fmt.Fprintln(&salt, r.ID)
	}
	if o.Config != nil {
		for _, c := range o.Config.Calls {
			fmt.Fprintf(&salt, "%q is like %q\n", c.Name, c.Like)
		}
		for _, d := range o.Config.Entries {
			fmt.Fprintf(&salt, "%q runs %s %t %s:%d\n", d, d.Domain, d.Parallel, d.File, d.Line)
		}
	}
	root, err := filepath.EvalSymlinks(o.Load.Dir)
	if err != nil {
		return "", fmt.Errorf("looking for the directory to review: %w", err)
	}
	for _, path := range program.Manifests(root) {
		data, err := os.ReadFile(path)
		fmt.Fprintf(&salt, "%q %x %t\n", path, sha256.Sum256(data), err == nil)
	}
	fmt.Fprintln(&salt, load.ToolID())
	return load.Key(ctx, o.Load, salt.String())
}

// cached returns the raw review that was stored under key. A damaged one is as good as none.
func (o *Options) cached(key string) (*raw, bool) {
	data, ok := o.Load.Cache.Get(key)
	if !ok {
		return nil, false
	}
	r := new(raw)
	if err := json.Unmarshal(data, r); err != nil || r.Review == nil {
		return nil, false
	}
	return r, true
}

// keep stores a raw review, unless the next run could do better without any change to the files: what is missing may
// be there then, and a rule that failed should be seen to fail.
func (o *Options) keep(key string, r *raw) {
	for _, e := range r.Review.Errors {
		if e.Kind != "type" {
			return
		}
	}
	if data, err := json.Marshal(r); err == nil {
		_ = o.Load.Cache.Put(key, data) // a full disk makes the next run slower, and this one no worse
	}
}
