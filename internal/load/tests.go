// SPDX-License-Identifier: Apache-2.0

package load

// addTests takes in the test files of own packages, and returns all units, sorted.
//
// The go command builds every package twice, with and without its test files, and so would have two types of the same
// name for every type. Here the test files of a package simply join it, and there is one type of each. This works
// unless test files import what imports the package of other test files in a circle:
//
//	a ◀── b_test.go of b        b ◀── a_test.go of a
//
// Then the package is split after all: a variant with the test files is reviewed, and its importers use the plain one.
func addTests(units []*unit, plain map[string]*unit) []*unit {
	tested := make(map[string]*unit, len(plain)) // what an external test package of the path imports
	var more []*unit
	for _, u := range units {
		if !u.own {
			continue
		}
		tested[u.path] = u
		if len(u.listed.TestGoFiles) == 0 {
			continue
		}
		if !u.importsBack(plain) {
			u.addFiles(u.listed.TestGoFiles)
			u.addImports(plain, u.listed.TestImports)
			continue
		}
		variant := newUnit(u.listed, u.path, true, u.listed.GoFiles, u.listed.CgoFiles, u.listed.TestGoFiles)
		variant.addImports(plain, u.listed.Imports)
		variant.addImports(plain, u.listed.TestImports)
		u.own, u.pkg = false, nil
		tested[u.path] = variant
		more = append(more, variant)
	}
	for _, u := range units {
		if variant := tested[u.path]; variant != nil && len(u.listed.XTestGoFiles) > 0 {
			more = append(more, externalTest(u, variant, plain)...)
		}
	}
	return sorted(append(units, more...))
}

// importsBack tells whether the test files of u import what imports u.
func (u *unit) importsBack(plain map[string]*unit) bool {
	seen := make(map[*unit]bool)
	for _, path := range u.listed.TestImports {
		if dep := plain[path]; dep != nil && dep.reaches(u, seen) {
			return true
		}
	}
	return false
}

// externalTest returns the external test package of u, which imports the given variant of u. When that is not u
// itself, then what lies between the test and u is doubled, to see the variant as well.
func externalTest(u, variant *unit, plain map[string]*unit) []*unit {
	test := newUnit(u.listed, u.path+"_test", true, u.listed.XTestGoFiles)
	test.pkg.Test = true
	test.addImports(plain, u.listed.XTestImports)
	units := []*unit{test}
	if variant == u {
		return units
	}
	doubles := map[*unit]*unit{u: variant}
	var double func(d *unit) *unit
	double = func(d *unit) *unit {
		if doubles[d] == nil {
			doubles[d] = d
			if d.reaches(u, make(map[*unit]bool)) {
				twin := newUnit(d.listed, d.path, false, d.listed.GoFiles, d.listed.CgoFiles)
				twin.twin = true
				doubles[d] = twin
				for path, dep := range d.imports {
					twin.imports[path] = double(dep)
				}
				units = append(units, twin)
			}
		}
		return doubles[d]
	}
	for path, dep := range test.imports {
		test.imports[path] = double(dep)
	}
	return units
}
