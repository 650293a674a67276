// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// maxStandIns bounds the rounds in which modules that can't be had are replaced: each round may show further ones.
const maxStandIns = 12

// unreadable matches what the go command says of a module whose go.mod it can't get, which keeps it from listing
// anything: "go: example.com/m@v1.2.3: reading https://…: 404 Not Found".
var unreadable = regexp.MustCompile(`(?m)(?:^|\s)([^\s@:]+\.[^\s@:]+)@(v[^\s:]+): (?:reading |module lookup disabled)`)

// goListAnyway is goList for a module graph with holes: where single modules can't be had, empty ones stand in for them,
// in a copy of go.mod outside of the tree. What own code imports from them is missing and told; all else is reviewed.
func goListAnyway(ctx context.Context, cfg Config, r request) (pkgs []*listed, rows []Error, err error) {
	pkgs, err = goList(ctx, cfg, r)
	missing := make(map[string]string)
	for round := 0; err != nil && round < maxStandIns && ctx.Err() == nil; round++ {
		more := false
		for _, m := range unreadable.FindAllStringSubmatch(err.Error(), -1) {
			if _, known := missing[m[1]]; !known {
				missing[m[1]], more = m[2], true
			}
		}
		if !more {
			break
		}
		again, failed := listWithout(ctx, cfg, r, slices.Sorted(maps.Keys(missing)))
		if failed == nil {
			return again, missingRows(r, missing), nil
		}
		if !unreadable.MatchString(failed.Error()) {
			break // the stand-ins do not help: the first message says most
		}
		err = failed
	}
	return pkgs, nil, err
}

func missingRows(r request, missing map[string]string) []Error {
	var rows []Error
	for _, path := range slices.Sorted(maps.Keys(missing)) {
		rows = append(rows, Error{Kind: "load", File: filepath.Join(r.dir, "go.mod"), Msg: fmt.Sprintf(
			"module %s@%s can't be had and was left out: run `go mod download` where it can", path, missing[path])})
	}
	return rows
}

// listWithout lists with empty modules in place of those that can't be had.
func listWithout(ctx context.Context, cfg Config, r request, missing []string) ([]*listed, error) {
	dir, err := os.MkdirTemp("", "replicavet-mod-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := writeStandIns(dir, r.dir, missing); err != nil {
		return nil, err
	}
	flags := strings.Fields(getenv(cfg.Env, "GOFLAGS"))
	flags = slices.DeleteFunc(flags, func(f string) bool {
		return strings.HasPrefix(f, "-mod=") || strings.HasPrefix(f, "-modfile=")
	})
	flags = append(flags, "-mod=mod", "-modfile="+filepath.Join(dir, "go.mod"))
	cfg.Env = append(slices.Clip(cfg.Env), "GOFLAGS="+strings.Join(flags, " "), "GOWORK=off")
	r.work = ""
	return goList(ctx, cfg, r)
}

// writeStandIns writes to dir a copy of the module's go.mod and go.sum in which an empty module replaces each missing
// one.
func writeStandIns(dir, module string, missing []string) error {
	name := filepath.Join(module, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	mod, err := modfile.Parse(name, data, nil)
	if err != nil {
		return err
	}
	for i, path := range missing {
		empty := filepath.Join(dir, fmt.Sprintf("empty%d", i))
		if err := os.Mkdir(empty, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(empty, "go.mod"), []byte("module "+path+"\n"), 0o644); err != nil {
			return err
		}
		if err := mod.AddReplace(path, "", empty, ""); err != nil {
			return err
		}
	}
	text, err := mod.Format()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), text, 0o644); err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644)
}
