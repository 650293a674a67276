// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
)

// listing is what the go command says about the code under review.
type listing struct {
	pkgs    []*listed
	modules []Module // those reviewed, by directory
	errs    []Error
}

// list asks the go command for all packages that cfg names, and those they import.
func list(ctx context.Context, cfg Config) (*listing, error) {
	patterns := cfg.Patterns
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	pkgs, err := goList(ctx, cfg, cfg.Dir, cfg.Env, patterns)
	if err != nil {
		return nil, &SetupError{"listing the packages", err}
	}
	l := &listing{pkgs: pkgs}
	seen := make(map[string]bool)
	for _, p := range pkgs {
		if p.Module != nil && p.Module.isOwn(cfg.Dir) && !seen[p.Module.Dir] {
			seen[p.Module.Dir] = true
			l.modules = append(l.modules, Module{Path: p.Module.Path, Dir: p.Module.Dir, GoVersion: p.Module.GoVersion})
		}
	}
	slices.SortFunc(l.modules, func(a, b Module) int { return strings.Compare(a.Dir, b.Dir) })
	return l, nil
}

// own tells whether a listed package is under review.
func (l *listing) own(p *listed) bool {
	return p.Module != nil && slices.ContainsFunc(l.modules, func(m Module) bool { return m.Dir == p.Module.Dir })
}

// isOwn tells whether a module is under review: it lies in the directory under review or holds it, and it is no
// version that the go command downloaded, wherever its cache is.
func (m *listedModule) isOwn(root string) bool {
	version := m.Version
	if m.Replace != nil {
		version = m.Replace.Version
	}
	return m.Dir != "" && (m.Main || version == "") && (within(m.Dir, root) || within(root, m.Dir))
}

// within tells whether path is dir or lies in it; both are absolute.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
