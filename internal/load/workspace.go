// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
)

// workspace is a go.work file under which several modules are listed at once.
type workspace struct {
	file string   // for GOWORK; "" means that no go.work rules and modules are listed one by one
	dirs []string // the modules in it
	temp string   // a directory to remove afterwards; may be empty
}

// close removes what the workspace left behind.
func (w *workspace) close() {
	if w.temp != "" {
		os.RemoveAll(w.temp) // the system's temporary directory: a leftover there does no harm
	}
}

// openWorkspace returns the workspace for the modules in dirs: the user's own go.work if there is one, else, when there
// are several modules, one made up of all of them. Both are written outside of the tree, as the go command writes a
// go.work.sum next to the file it uses. Where the user's settings or vendored modules rule a workspace out, there is none.
func openWorkspace(cfg Config, dirs []string) (*workspace, error) {
	setting := getenv(cfg.Env, "GOWORK")
	if setting == "off" {
		return new(workspace), nil
	}
	file := setting
	if file == "" {
		file = findUp(cfg.Dir, "go.work")
	}
	if file != "" {
		return userWorkspace(file)
	}
	flags := goFlag(cfg.Env, "mod") + goFlag(cfg.Env, "modfile")
	if len(dirs) < 2 || flags != "" || slices.ContainsFunc(dirs, isVendored) {
		return new(workspace), nil
	}
	work := &modfile.WorkFile{Syntax: new(modfile.FileSyntax)}
	for _, dir := range dirs {
		if err := work.AddUse(dir, ""); err != nil {
			return nil, fmt.Errorf("making up a go.work: %w", err)
		}
	}
	if err := work.AddGoStmt(newestGo(dirs)); err != nil {
		return nil, fmt.Errorf("making up a go.work: %w", err)
	}
	return writeWorkspace(work, dirs, nil)
}

// userWorkspace copies the go.work that rules the tree, with absolute paths. With vendored dependencies it is used
// where it stands: the go command then finds them beside it, and writes nothing.
func userWorkspace(file string) (*workspace, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, &SetupError{"reading the go.work file: fix GOWORK or unset it", err}
	}
	work, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return nil, &SetupError{"reading the go.work file: correct it or set GOWORK=off", err}
	}
	base := filepath.Dir(file)
	absolute := func(path string) string {
		if !filepath.IsAbs(path) {
			path = filepath.Join(base, path)
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real // as the directory under review is
		}
		return path
	}
	var dirs []string
	for _, use := range work.Use {
		dirs = append(dirs, absolute(use.Path))
	}
	if isVendored(base) {
		return &workspace{file: file, dirs: dirs}, nil
	}
	for _, use := range slices.Clone(work.Use) {
		path, module := use.Path, use.ModulePath
		if err := work.DropUse(path); err != nil {
			return nil, fmt.Errorf("copying %s: %w", file, err)
		}
		if err := work.AddUse(absolute(path), module); err != nil {
			return nil, fmt.Errorf("copying %s: %w", file, err)
		}
	}
	for _, r := range slices.Clone(work.Replace) {
		if r.New.Version == "" {
			if err := work.AddReplace(r.Old.Path, r.Old.Version, absolute(r.New.Path), ""); err != nil {
				return nil, fmt.Errorf("copying %s: %w", file, err)
			}
		}
	}
	sums, err := os.ReadFile(file + ".sum")
	if err != nil && !os.IsNotExist(err) {
		return nil, &SetupError{"reading the checksums of the workspace: make the file readable", err}
	}
	return writeWorkspace(work, dirs, sums)
}

// writeWorkspace puts a go.work into a temporary directory.
func writeWorkspace(work *modfile.WorkFile, dirs []string, sums []byte) (*workspace, error) {
	temp, err := os.MkdirTemp("", "replicavet-work")
	if err != nil {
		return nil, &SetupError{"making a temporary directory: set TMPDIR to one that can be written", err}
	}
	w := &workspace{file: filepath.Join(temp, "go.work"), dirs: dirs, temp: temp}
	work.Cleanup()
	err = os.WriteFile(w.file, modfile.Format(work.Syntax), 0o600)
	if err == nil && sums != nil {
		err = os.WriteFile(w.file+".sum", sums, 0o600)
	}
	if err != nil {
		w.close()
		return nil, &SetupError{"writing to the temporary directory: set TMPDIR to one that can be written", err}
	}
	return w, nil
}

// isVendored tells whether dir has a vendor directory that the go command would use.
func isVendored(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "vendor", "modules.txt"))
	return err == nil
}
