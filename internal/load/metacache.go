// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"encoding/json"
	"os"
)

// kept is a listing as the store holds it.
type kept struct {
	Packages []*listed
	Modules  []Module
	Errors   []Error
}

// listCached is list, except that it does not run the go command when nothing that the command looks at has changed
// since a former run: most edits leave package clauses, build constraints and imports alone.
func listCached(ctx context.Context, cfg Config) (*listing, error) {
	if cfg.Cache == nil || len(cfg.Overlay) > 0 {
		return list(ctx, cfg)
	}
	key, keyErr := fingerprint(ctx, cfg, "list", header)
	if keyErr == nil {
		if data, ok := cfg.Cache.Get(key); ok {
			if l, ok := restore(cfg.Dir, data); ok {
				return l, nil
			}
		}
	}
	l, err := list(ctx, cfg)
	// What is missing may be there the next time, without any change to the files.
	if err == nil && keyErr == nil && l.missing() == 0 && len(l.errs) == 0 {
		if data, err := json.Marshal(kept{l.packages(), l.modules, l.errs}); err == nil {
			_ = cfg.Cache.Put(key, data) // a full disk makes the next run slower, and this one no worse
		}
	}
	return l, err
}

// restore reads a listing from the store. It does not trust one that names directories that are gone, as after
// `go clean -modcache`.
func restore(root string, data []byte) (*listing, bool) {
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, false
	}
	l := &listing{root: root, byPath: make(map[string]*listed, len(k.Packages)), modules: k.Modules, errs: k.Errors}
	for _, p := range k.Packages {
		if info, err := os.Stat(p.Dir); err != nil || !info.IsDir() {
			return nil, false
		}
		l.byPath[p.ImportPath] = p
	}
	return l, len(k.Packages) > 0
}
