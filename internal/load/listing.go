// SPDX-License-Identifier: Apache-2.0

package load

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// listing is what the go command says about the code under review, put together from one or several runs.
type listing struct {
	root    string // the directory under review
	byPath  map[string]*listed
	modules []Module // those reviewed, by directory
	errs    []Error
}

// add merges the packages that `go list` named when it ran in dir. A package that is there already stays when it is
// under review; of others the newer version wins, as it would if all modules were built together.
func (l *listing) add(dir string, pkgs []*listed) {
	for _, p := range pkgs {
		p.resolve(dir)
		l.addModule(p.Module)
		old := l.byPath[p.ImportPath]
		switch {
		case old == nil:
			l.byPath[p.ImportPath] = p
		case l.own(old) && l.own(p) && old.Dir != p.Dir:
			l.errs = append(l.errs, Error{Kind: "load", Package: p.ImportPath, File: p.Dir,
				Msg: "the same package is in " + old.Dir + ", which is reviewed in its place: review " + p.Module.Dir + " by itself"})
		case l.replaces(p, old):
			p.DepOnly = p.DepOnly && old.DepOnly
			l.byPath[p.ImportPath] = p
		default:
			old.DepOnly = p.DepOnly && old.DepOnly
		}
	}
}

// replaces tells whether p is the better of two descriptions of a package.
func (l *listing) replaces(p, old *listed) bool {
	switch {
	case p.missing() != old.missing():
		return old.missing()
	case l.own(p) != l.own(old):
		return l.own(p)
	case p.Module == nil || old.Module == nil:
		return false
	}
	return semver.Compare(p.Module.Version, old.Module.Version) > 0
}

// addModule notes the module of a package when it is under review.
func (l *listing) addModule(m *listedModule) {
	if m == nil || !m.isOwn(l.root) || l.ownModule(m) {
		return
	}
	l.modules = append(l.modules, Module{Path: m.Path, Dir: m.Dir, GoVersion: m.GoVersion})
	slices.SortFunc(l.modules, compareModules)
}

// own tells whether a listed package is under review.
func (l *listing) own(p *listed) bool { return p.Module != nil && l.ownModule(p.Module) }

// ownModule tells whether a module is among those reviewed.
func (l *listing) ownModule(m *listedModule) bool {
	return slices.ContainsFunc(l.modules, func(o Module) bool { return o.Dir == m.Dir })
}

// packages returns what was listed, by import path.
func (l *listing) packages() []*listed {
	pkgs := make([]*listed, 0, len(l.byPath))
	for _, path := range slices.Sorted(maps.Keys(l.byPath)) {
		pkgs = append(pkgs, l.byPath[path])
	}
	return pkgs
}

// missing counts the packages that could not be found.
func (l *listing) missing() int {
	n := 0
	for _, p := range l.byPath {
		if p.missing() {
			n++
		}
	}
	return n
}

// rows turns what the go command complained about into errors. Complaints about dependencies that are there are left
// out: when they matter, own code does not type-check.
func (l *listing) rows() []Error {
	rows := slices.Clone(l.errs)
	for _, p := range l.packages() {
		if p.Error != nil && (p.missing() || l.own(p)) {
			rows = append(rows, p.row())
		}
	}
	return rows
}

// missing tells whether there is no such package. One whose files are all for tests or other targets is there.
func (p *listed) missing() bool { return p.Error != nil && p.Dir == "" }

// row describes the error of a package, at the import that asks for it where that is known.
func (p *listed) row() Error {
	row := Error{Kind: "load", Package: p.ImportPath, Msg: oneLine(p.Error.Err)}
	stack := p.Error.ImportStack
	if len(stack) > 0 {
		row.Package = stack[len(stack)-1]
	}
	switch {
	case p.missing() && len(stack) == 0: // a pattern asked for it
		row.Msg += ": name packages of the modules under review"
	case p.missing():
		row.Msg += ": run `go mod download` or `go mod tidy` where the modules can be had"
	case len(stack) > 1: // a cycle
		row.Msg += ": " + strings.Join(stack, " imports ")
	}
	if file, rest, ok := strings.Cut(p.Error.Pos, ":"); ok {
		line, _, _ := strings.Cut(rest, ":")
		row.File = file
		row.Line, _ = strconv.Atoi(line) // 0, when there is none, means unknown
	}
	return row
}

// resolve makes the position of the error absolute; the go command prints it relative to where it ran.
func (p *listed) resolve(dir string) {
	if p.Error != nil && p.Error.Pos != "" && !filepath.IsAbs(p.Error.Pos) {
		p.Error.Pos = filepath.Join(dir, p.Error.Pos)
	}
}

// oneLine joins the lines of a message of the go command.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// isOwn tells whether a module is under review: it lies in the directory under review or holds it, and it is no
// version that the go command downloaded, wherever its cache is.
func (m *listedModule) isOwn(root string) bool {
	version := m.Version
	if m.Replace != nil {
		version = m.Replace.Version
	}
	return m.Dir != "" && (m.Main || version == "") && (within(m.Dir, root) || within(root, m.Dir))
}

// within tells whether path is dir or lies in it; both are absolute.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// compareErrors is the order of rows.
func compareErrors(a, b Error) int {
	return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Msg, b.Msg))
}

// maxTypeErrors is how many type errors of one package are told in full: the first ones show the cause.
const maxTypeErrors = 3

// summarise keeps the first type errors of each package and counts the rest in one more row. Errors are sorted.
func summarise(errs []Error) []Error {
	all := make(map[string]int)
	for _, e := range errs {
		if e.Kind == "type" {
			all[e.Package]++
		}
	}
	told := make(map[string]int)
	var out []Error
	for _, e := range errs {
		rest := all[e.Package] - maxTypeErrors
		if e.Kind != "type" || rest < 2 {
			out = append(out, e)
			continue
		}
		told[e.Package]++
		if told[e.Package] == maxTypeErrors+1 {
			e.Msg = fmt.Sprintf("and %d more type errors in this package, from here on", rest)
		}
		if told[e.Package] <= maxTypeErrors+1 {
			out = append(out, e)
		}
	}
	return out
}
