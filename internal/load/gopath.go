// SPDX-License-Identifier: Apache-2.0

package load

import (
	"cmp"
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// beforeModules is the language version of code that has no go.mod: that of the last Go that did not ask for one.
const beforeModules = "1.12"

// vendorTools are the files of the tools that filled vendor directories before there were modules.
var vendorTools = []string{"Gopkg.lock", "glide.lock", "Godeps/Godeps.json", "vendor/vendor.json", "vendor.conf"}

// gopathRoot returns the directory of the project that holds dir, when it is one from before modules: it has a vendor
// directory, or the list of a tool that fills one, and no go.mod. It returns "" when there is none.
func gopathRoot(dir string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, "vendor")); err == nil && info.IsDir() {
			return dir
		}
		for _, name := range vendorTools {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
				return dir // its vendor directory was not filled: what it imports is missing, and told
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// listGopath lists a project from before modules as the go command of its time did: in a GOPATH of its own, which lies
// outside of the tree and has nothing but a link to it.
func listGopath(ctx context.Context, cfg Config, root string) (*listing, error) {
	path := importPathOf(root)
	if path == "" {
		return nil, &SetupError{Msg: "no go.mod in " + cfg.Dir + ", and no package under it imports another, which would tell their import path: run `go mod init` there"}
	}
	gopath, err := os.MkdirTemp("", "replicavet-gopath-")
	if err != nil {
		return nil, &SetupError{"making a temporary directory", err}
	}
	defer os.RemoveAll(gopath)
	link := filepath.Join(gopath, "src", filepath.FromSlash(path))
	if err := cmp.Or(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(root, link)); err != nil {
		return nil, &SetupError{"making a GOPATH for " + root, err}
	}
	rel, err := filepath.Rel(root, cfg.Dir)
	if err != nil {
		return nil, &SetupError{"finding " + cfg.Dir + " in " + root, err}
	}
	r := request{dir: filepath.Join(link, rel), patterns: cfg.Patterns}
	if len(r.patterns) == 0 {
		r.patterns = []string{"./..."}
	}
	old := cfg
	old.Env = append(slices.Clip(cfg.Env), "GO111MODULE=off", "GOPATH="+gopath, "GOFLAGS="+withoutModFlags(cfg.Env))
	pkgs, err := goList(ctx, old, r)
	if err != nil {
		return nil, &SetupError{"`go list` fails in " + root + ": correct what it reports and run again", err}
	}
	g := gopathProject{root: root, path: path, link: link}
	l := &listing{root: cfg.Dir, byPath: make(map[string]*listed)}
	l.add(cfg.Dir, g.asModule(pkgs))
	if len(l.modules) == 0 {
		return nil, &SetupError{Msg: "no Go packages in " + cfg.Dir + ": name a directory or patterns that hold some"}
	}
	return l, nil
}

// withoutModFlags returns GOFLAGS without what only holds for modules.
func withoutModFlags(env []string) string {
	flags := slices.DeleteFunc(strings.Fields(getenv(env, "GOFLAGS")), func(f string) bool {
		f = strings.TrimLeft(f, "-")
		return strings.HasPrefix(f, "mod=") || strings.HasPrefix(f, "modfile=") || strings.HasPrefix(f, "modcacherw")
	})
	return strings.Join(flags, " ")
}

// gopathProject is a project from before modules.
type gopathProject struct {
	root, path string // its directory and import path
	link       string // where it is in the GOPATH
}

// asModule describes packages as those of one module with a vendor directory: where they really are, and without the
// way through vendor in their import paths.
func (g gopathProject) asModule(pkgs []*listed) []*listed {
	// Of two copies of a package the outer one stands for both.
	slices.SortStableFunc(pkgs, func(a, b *listed) int {
		return cmp.Compare(strings.Count(a.ImportPath, "/vendor/"), strings.Count(b.ImportPath, "/vendor/"))
	})
	module := &listedModule{Path: g.path, Dir: g.root, GoVersion: beforeModules, Main: true}
	seen := make(map[string]bool)
	var out []*listed
	for _, p := range pkgs {
		vendored := strings.Contains(p.ImportPath, "/vendor/")
		p.ImportPath = unvendored(p.ImportPath)
		if seen[p.ImportPath] {
			continue
		}
		seen[p.ImportPath] = true
		if p.missing() {
			p.Error.Err = fmt.Sprintf("package %q is not in the vendor directory", p.ImportPath)
		}
		if rel, err := filepath.Rel(g.link, p.Dir); err == nil && filepath.IsLocal(rel) {
			p.Dir = filepath.Join(g.root, rel)
			if !vendored {
				p.Module = module
			}
		}
		for _, imports := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			for i := range imports {
				imports[i] = unvendored(imports[i])
			}
		}
		for from, to := range p.ImportMap {
			p.ImportMap[from] = unvendored(to)
		}
		out = append(out, p)
	}
	return out
}

// unvendored cuts the way through vendor directories off an import path. The standard library's own vendor directory
// has nothing before it, and stays.
func unvendored(path string) string {
	if i := strings.LastIndex(path, "/vendor/"); i >= 0 {
		return path[i+len("/vendor/"):]
	}
	return path
}

// votes is how many imports between packages of a project are enough to tell its import path.
const votes = 200

// importPathOf finds the import path of a project by what its packages import of one another: the prefix with which
// most imports name a directory of the project.
func importPathOf(root string) string {
	count := make(map[string]int)
	total := 0
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // unreadable for the go command as well
		case total >= votes:
			return fs.SkipAll
		case d.IsDir() && path != root && skipDir(d.Name()):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return nil // told when it is read for good
		}
		for _, spec := range file.Imports {
			if name, err := strconv.Unquote(spec.Path.Value); err == nil {
				if prefix := prefixOf(root, name); prefix != "" {
					count[prefix]++
					total++
				}
			}
		}
		return nil
	})
	best := ""
	for prefix, n := range count {
		if n > count[best] || n == count[best] && prefix < best {
			best = prefix
		}
	}
	return best
}

// prefixOf returns what stands before the longest end of an import path that names a directory of the project: such a
// prefix begins with the name of a host.
func prefixOf(root, path string) string {
	parts := strings.Split(path, "/")
	if !strings.Contains(parts[0], ".") {
		return ""
	}
	for i := 1; i < len(parts); i++ {
		if info, err := os.Stat(filepath.Join(root, filepath.Join(parts[i:]...))); err == nil && info.IsDir() {
			return strings.Join(parts[:i], "/")
		}
	}
	return ""
}
