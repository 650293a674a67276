// SPDX-License-Identifier: Apache-2.0

package load

import (
	"cmp"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// moduleDirs returns the directory of the module that holds root, when there is one, and of those nested in root,
// sorted. Like the go command it stays out of vendor, testdata and directories that start with a dot or underscore.
func moduleDirs(root string) ([]string, error) {
	var dirs []string
	if file := findUp(root, "go.mod"); file != "" {
		dirs = append(dirs, filepath.Dir(file))
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // unreadable: when a package lies there, the go command says so
		case d.IsDir() && path != root && skipDir(d.Name()):
			return fs.SkipDir
		case d.Name() == "go.mod" && !d.IsDir() && filepath.Dir(path) != root:
			dirs = append(dirs, filepath.Dir(path))
		}
		return nil
	})
	slices.Sort(dirs)
	return dirs, err
}

// skipDir tells whether a directory of this name holds no packages of ours.
func skipDir(name string) bool {
	switch name {
	case "vendor", "testdata", "node_modules":
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// findUp returns the path of the file called name in dir or the nearest directory above it, or "".
func findUp(dir, name string) string {
	for {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// readMod reads the go.mod in dir, leniently: what is wrong with it, the go command tells.
func readMod(dir string) *modfile.File {
	path := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return new(modfile.File)
	}
	mod, err := modfile.ParseLax(path, data, nil)
	if err != nil {
		return new(modfile.File)
	}
	return mod
}

// newestGo returns the highest go version that the modules in dirs ask for, such as "1.25.3".
func newestGo(dirs []string) string {
	newest := "1.18" // the first version that knows workspaces
	for _, dir := range dirs {
		if mod := readMod(dir); mod.Go != nil && version.Compare("go"+newest, "go"+mod.Go.Version) < 0 {
			newest = mod.Go.Version
		}
	}
	return newest
}

// goFlag returns the value of a flag that GOFLAGS sets, such as "mod" for -mod=vendor.
func goFlag(env []string, name string) string {
	value := ""
	for _, field := range strings.Fields(getenv(env, "GOFLAGS")) {
		if v, ok := strings.CutPrefix(strings.TrimLeft(field, "-"), name+"="); ok {
			value = v
		}
	}
	return value
}

// compareModules orders modules by directory.
func compareModules(a, b Module) int { return cmp.Compare(a.Dir, b.Dir) }
