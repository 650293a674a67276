// SPDX-License-Identifier: Apache-2.0

package program

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/load"
)

// findTools finds the files of packages that are built for nothing but tests, samples and development tools, where the tree
// has other commands as well: what is deployed is made without them.
func (p *Program) findTools() {
	p.tools = make(map[string]bool)
	imports := make(map[string][]string)
	var deployed, aside []string
	for _, pkg := range p.Code.Packages {
		if pkg.Test || len(pkg.Files) == 0 {
			continue
		}
		imports[pkg.Path] = plainImports(pkg)
		switch {
		case pkg.Types.Name() != "main":
		case p.forTools(pkg):
			aside = append(aside, pkg.Path)
		default:
			deployed = append(deployed, pkg.Path)
		}
	}
	if len(deployed) == 0 || len(aside) == 0 {
		return // a library, which others build of; or there are no tools
	}
	ships, helps := builtOf(deployed, imports), builtOf(aside, imports)
	for _, pkg := range p.Code.Packages {
		if pkg.Test || !helps[pkg.Path] || ships[pkg.Path] {
			continue
		}
		for _, f := range pkg.Files {
			p.tools[f.Path] = true
		}
	}
}

// forTools tells whether a command lies in a folder of tests, samples or tools.
func (p *Program) forTools(pkg *load.Package) bool {
	rel := p.RelPath(pkg.Files[0].Path)
	return aside(rel) || slices.Contains(strings.Split(filepath.ToSlash(filepath.Dir(rel)), "/"), "tools")
}

// builtOf returns the paths of all packages that some are built of, these among them.
func builtOf(paths []string, imports map[string][]string) map[string]bool {
	out := make(map[string]bool)
	for queue := slices.Clone(paths); len(queue) > 0; queue = queue[1:] {
		if path := queue[0]; !out[path] {
			out[path] = true
			queue = append(queue, imports[path]...)
		}
	}
	return out
}
