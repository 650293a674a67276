// SPDX-License-Identifier: Apache-2.0

package load

import (
	"cmp"
	"maps"
	"slices"
)

// newUnits makes units of the listed packages, with their imports resolved and free of cycles, sorted by path. With
// tests it takes in the test files of own packages.
func newUnits(l *listing, tests bool) []*unit {
	plain := make(map[string]*unit, len(l.byPath))
	for _, p := range l.packages() {
		if p.ImportPath != "unsafe" && !p.missing() {
			plain[p.ImportPath] = newUnit(p, p.ImportPath, l.own(p), p.GoFiles, p.CgoFiles)
		}
	}
	for _, u := range plain {
		u.addImports(plain, u.listed.Imports)
	}
	units := sorted(slices.Collect(maps.Values(plain)))
	breakCycles(units)
	if tests {
		units = addTests(units, plain)
	}
	// What has no files has no types: an importer of it gets the same error as of a package that is not there.
	empty := func(u *unit) bool { return len(u.files) == 0 }
	for _, u := range units {
		maps.DeleteFunc(u.imports, func(_ string, dep *unit) bool { return empty(dep) })
	}
	return slices.DeleteFunc(units, empty)
}

// sorted sorts units by path. Of the same path there may be several, with tests: they keep their order.
func sorted(units []*unit) []*unit {
	slices.SortStableFunc(units, func(a, b *unit) int { return cmp.Compare(a.path, b.path) })
	return units
}

// breakCycles removes the imports that close a cycle. The go command has complained about the cycle already.
func breakCycles(units []*unit) {
	const open, closed = 1, 2
	state := make(map[*unit]int, len(units))
	var visit func(u *unit)
	visit = func(u *unit) {
		state[u] = open
		for _, path := range slices.Sorted(maps.Keys(u.imports)) {
			switch dep := u.imports[path]; state[dep] {
			case open:
				delete(u.imports, path)
			case closed:
			default:
				visit(dep)
			}
		}
		state[u] = closed
	}
	for _, u := range units {
		if state[u] == 0 {
			visit(u)
		}
	}
}

// reaches tells whether u is target or imports it, directly or not. What is in seen is known not to.
func (u *unit) reaches(target *unit, seen map[*unit]bool) bool {
	if u == target {
		return true
	}
	if seen[u] {
		return false
	}
	seen[u] = true
	for _, dep := range u.imports {
		if dep.reaches(target, seen) {
			return true
		}
	}
	return false
}
