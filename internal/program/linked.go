// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"github.com/replicavet/replicavet/internal/load"
	"golang.org/x/tools/go/ssa"
)

// findLinked finds which commands each package is a part of, and whether all code type-checks. Those of tests, samples and tools do not count: what only they
// put together never meets where the code is shipped.
func (p *Program) findLinked() {
	p.linked = make(map[*load.Package]bitset)
	p.wellTyped = !slices.ContainsFunc(p.Code.Packages, func(pkg *load.Package) bool { return pkg.IllTyped && !pkg.Test })
	byPath := make(map[string]*load.Package)
	for _, pkg := range p.Code.Packages {
		if !pkg.Test {
			byPath[pkg.Path] = pkg
		}
	}
	imports := make(map[*load.Package][]*load.Package)
	for _, pkg := range byPath {
		for _, path := range plainImports(pkg) {
			if other := byPath[path]; other != nil {
				imports[pkg] = append(imports[pkg], other)
			}
		}
	}
	var commands []*load.Package
	for _, pkg := range p.Code.Packages {
		if byPath[pkg.Path] == pkg && pkg.Types.Name() == "main" && !p.support[pkg] && len(pkg.Files) > 0 && !p.forTools(pkg) {
			commands = append(commands, pkg)
		}
	}
	for command, pkg := range commands {
		for queue := []*load.Package{pkg}; len(queue) > 0; queue = queue[1:] {
			in := p.linked[queue[0]]
			if in == nil {
				in = newBitset(len(commands))
				p.linked[queue[0]] = in
			}
			if !in.has(command) {
				in.put(command)
				queue = append(queue, imports[queue[0]]...)
			}
		}
	}
}

// Linked tells whether fn is a part of a command that is shipped, and all of whose calls are in sight: where code does not
// type-check, calls are missing.
func (p *Program) Linked(fn *ssa.Function) bool {
	return p.linked[p.Package(fn)] != nil && p.WellTyped()
}

// WellTyped tells whether all code type-checks, so that no call is missing.
func (p *Program) WellTyped() bool { return p.wellTyped }

// Apart tells whether no command that has the one function has the other too, so that what types allow can not happen: the one
// never calls the other. Tests put together what they like.
func (p *Program) Apart(caller, callee *ssa.Function) bool {
	in, with := p.linked[p.Package(caller)], p.linked[p.Package(callee)]
	if in == nil || p.InTest(caller) || p.InTest(callee) {
		return false
	}
	return !in.meets(with)
}
