// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// request is one run of `go list`.
type request struct {
	dir      string // where it runs
	work     string // GOWORK; "" leaves the setting as it is
	patterns []string
}

// list asks the go command for all packages that cfg names, and those they import. Nested modules are listed together,
// as a workspace, so that they share one version of every dependency; when that does not work out, one by one.
func list(ctx context.Context, cfg Config) (*listing, error) {
	dirs, err := moduleDirs(cfg.Dir)
	if err != nil {
		return nil, &SetupError{"looking for go.mod files: make the directory readable", err}
	}
	work, err := openWorkspace(cfg, dirs)
	if err != nil {
		return nil, err
	}
	defer work.close()
	if len(dirs) == 0 && work.file == "" {
		if root := gopathRoot(cfg.Dir); root != "" {
			return listGopath(ctx, cfg, root)
		}
		return nil, &SetupError{Msg: "no go.mod in " + cfg.Dir + ", above or below it: name the directory of a Go module, or run `go mod init` there"}
	}
	wanted := wantedPatterns(cfg, dirs)
	l, err := runAll(ctx, cfg, together(cfg, wanted, work))
	if work.file != "" && ctx.Err() == nil && (err != nil || l.missing() > 0) {
		single, errSingle := runAll(ctx, cfg, oneByOne(wanted))
		if err != nil || errSingle == nil && single.missing()+len(single.errs) < l.missing()+len(l.errs) {
			l, err = single, errSingle
		}
	}
	if err != nil {
		return nil, err
	}
	if len(l.modules) == 0 {
		return nil, &SetupError{Msg: "no Go packages in " + cfg.Dir + ": name a directory or patterns that hold some"}
	}
	return l, nil
}

// wantedPatterns says which patterns to list in which module, by the module's directory. A pattern that is no path
// belongs to the module that holds the directory under review. Where no module holds the directory of dir/..., the
// modules below it are meant, as the go command would find nothing there.
func wantedPatterns(cfg Config, dirs []string) map[string][]string {
	wanted := make(map[string][]string)
	if len(cfg.Patterns) == 0 {
		for _, dir := range dirs {
			if within(cfg.Dir, dir) {
				wanted[dir] = []string{filepath.Join(cfg.Dir, "...")}
			} else {
				wanted[dir] = []string{filepath.Join(dir, "...")}
			}
		}
		return wanted
	}
	for _, pattern := range cfg.Patterns {
		path := pattern
		if strings.HasPrefix(pattern, ".") {
			path = filepath.Join(cfg.Dir, pattern)
		}
		dir := holder(dirs, cfg.Dir)
		if filepath.IsAbs(path) {
			pattern, dir = path, holder(dirs, strings.TrimSuffix(path, string(filepath.Separator)+"..."))
		}
		if below, ok := strings.CutSuffix(path, string(filepath.Separator)+"..."); ok && dir == "" && filepath.IsAbs(path) {
			for _, nested := range dirs {
				if within(nested, below) {
					wanted[nested] = append(wanted[nested], filepath.Join(nested, "..."))
				}
			}
			continue
		}
		wanted[dir] = append(wanted[dir], pattern)
	}
	return wanted
}

// holder returns the innermost of the module directories that holds path, or "".
func holder(dirs []string, path string) string {
	found := ""
	for _, dir := range dirs {
		if within(path, dir) && len(dir) > len(found) {
			found = dir
		}
	}
	return found
}

// together plans one run for the modules of the workspace, and one each for the others.
func together(cfg Config, wanted map[string][]string, work *workspace) []request {
	if work.file == "" {
		return oneByOne(wanted)
	}
	joined := request{dir: cfg.Dir, work: work.file}
	rest := make(map[string][]string)
	for dir, patterns := range wanted {
		if dir == "" || slices.Contains(work.dirs, dir) {
			joined.patterns = append(joined.patterns, patterns...)
		} else {
			rest[dir] = patterns
		}
	}
	requests := oneByOne(rest)
	if len(joined.patterns) > 0 {
		slices.Sort(joined.patterns)
		requests = append([]request{joined}, requests...)
	}
	return requests
}

// oneByOne plans a run for every module, without a workspace.
func oneByOne(wanted map[string][]string) []request {
	var requests []request
	for dir, patterns := range wanted {
		if dir != "" {
			requests = append(requests, request{dir, "off", patterns})
		}
	}
	slices.SortFunc(requests, func(a, b request) int { return strings.Compare(a.dir, b.dir) })
	return requests
}

// runAll runs the requests and merges what they tell. A module that can't be listed is a row; only when none can, it
// is an error.
func runAll(ctx context.Context, cfg Config, requests []request) (*listing, error) {
	l := &listing{root: cfg.Dir, byPath: make(map[string]*listed)}
	var failed error
	for _, r := range requests {
		pkgs, rows, err := goListAnyway(ctx, cfg, r)
		l.errs = append(l.errs, rows...)
		var setup *SetupError
		switch {
		case err == nil:
			l.add(r.dir, pkgs)
		case ctx.Err() != nil || errors.As(err, &setup):
			return l, err
		default:
			failed = &SetupError{"`go list` fails in " + r.dir + ": " + remedy(err), err}
			l.errs = append(l.errs, Error{Kind: "load", File: filepath.Join(r.dir, "go.mod"),
				Msg: "`go list` fails in this module: " + remedy(err) + ": " + oneLine(err.Error())})
		}
	}
	if len(l.byPath) == 0 {
		return l, failed
	}
	return l, nil
}

// newerGo is how the go command says that it is too old for a module; see cmd/go/internal/gover.TooNewError.
var newerGo = regexp.MustCompile(`requires go >= ([0-9.a-z]+)`)

// remedy says what to do about a failure of the go command.
func remedy(err error) string {
	if m := newerGo.FindStringSubmatch(err.Error()); m != nil {
		return "install Go " + strings.TrimRight(m[1], ".") + " or newer, for a review downloads none, and run again"
	}
	return "correct what it reports and run again"
}
