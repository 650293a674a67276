// SPDX-License-Identifier: Apache-2.0

package load

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// inputs returns the absolute paths of the files that decide what is under review, sorted: those of the module that
// holds the directory under review, of the modules in it, of the workspace, and of what replaces modules locally.
func inputs(cfg Config) ([]string, error) {
	top := cfg.Dir
	var files []string
	if mod := findUp(top, "go.mod"); mod != "" {
		top = filepath.Dir(mod)
	} else if root := gopathRoot(top); root != "" {
		top = root
		for _, name := range vendorTools {
			files = append(files, filepath.Join(root, filepath.FromSlash(name)))
		}
	}
	trees := []string{top}
	work := getenv(cfg.Env, "GOWORK")
	if work == "" {
		work = findUp(cfg.Dir, "go.work")
	}
	if work != "" && work != "off" {
		files = append(files, work, work+".sum", filepath.Join(filepath.Dir(work), "vendor", "modules.txt"))
		trees = append(trees, localDirs(work)...)
	}
	if alternative := goFlag(cfg.Env, "modfile"); alternative != "" {
		if !filepath.IsAbs(alternative) {
			alternative = filepath.Join(cfg.Dir, alternative)
		}
		files = append(files, alternative, strings.TrimSuffix(alternative, ".mod")+".sum")
	}
	seen := make(map[string]bool)
	for len(trees) > 0 {
		tree := trees[0]
		trees = trees[1:]
		if seen[tree] {
			continue
		}
		seen[tree] = true
		found, err := treeFiles(tree)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
		for _, file := range found {
			if filepath.Base(file) == "go.mod" {
				trees = append(trees, localDirs(file)...)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// treeFiles returns the files that count in a directory and those below it. Packages in testdata count: they can be
// named and imported.
func treeFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil && path == dir:
			return err
		case err != nil:
			return nil // unreadable for the go command as well
		case !d.IsDir():
			if strings.HasSuffix(name, ".go") || name == "go.mod" || name == "go.sum" {
				files = append(files, path)
			}
		case path == dir:
		case name == "vendor":
			files = append(files, filepath.Join(path, "modules.txt"))
			return fs.SkipDir
		case name == "node_modules" || strings.HasPrefix(name, "."):
			return fs.SkipDir
		}
		return nil
	})
	return files, err
}

// localDirs returns the directories that a go.mod or go.work file uses or replaces modules by: all words of it that
// name a directory, so that a file of a newer format, or a broken one, is understood as well.
func localDirs(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "//")
		for _, word := range words(line) {
			if !filepath.IsAbs(word) {
				if !modfile.IsDirectoryPath(word) && filepath.Ext(file) != ".work" {
					continue // a module path
				}
				word = filepath.Join(filepath.Dir(file), word)
			}
			if info, err := os.Stat(word); err == nil && info.IsDir() {
				dirs = append(dirs, word)
			}
		}
	}
	return dirs
}

// words splits a line at blanks, except within quotes, which it removes.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(strings.ReplaceAll(line, "`", `"`), `"`) {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}
