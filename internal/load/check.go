// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// check type-checks a unit whose imports have been checked. It never fails: what can't be typed becomes rows for own
// packages, and is silently incomplete for dependencies.
func (u *unit) check(sizes types.Sizes) {
	conf := types.Config{
		GoVersion:        u.goVersion(),
		IgnoreFuncBodies: !u.own,
		FakeImportC:      true,
		Importer:         importer{u},
		Sizes:            sizes,
		Error:            u.typeError,
	}
	var info *types.Info
	if u.own {
		info = newInfo()
		u.pkg.Info = info
	}
	// The error is the first of those that Error was told.
	u.types, _ = conf.Check(u.path, u.fset, u.trees, info)
	if u.own {
		u.pkg.Types = u.types
		u.pkg.Name = u.types.Name()
	}
	u.trees = nil
}

// newInfo returns an Info that records all there is to record.
func newInfo() *types.Info {
	return &types.Info{
		Types:        make(map[ast.Expr]types.TypeAndValue),
		Instances:    make(map[*ast.Ident]types.Instance),
		Defs:         make(map[*ast.Ident]types.Object),
		Uses:         make(map[*ast.Ident]types.Object),
		Implicits:    make(map[ast.Node]types.Object),
		Selections:   make(map[*ast.SelectorExpr]*types.Selection),
		Scopes:       make(map[ast.Node]*types.Scope),
		FileVersions: make(map[*ast.File]string),
	}
}

// goVersion is the language version as types.Config takes it; the standard library has none and gets the newest.
func (u *unit) goVersion() string {
	if m := u.listed.Module; m != nil && m.GoVersion != "" {
		return "go" + m.GoVersion
	}
	return ""
}

// typeError notes an error of the type checker. A failed import is left out: the missing package has its own row.
func (u *unit) typeError(err error) {
	if !u.own {
		return
	}
	u.pkg.IllTyped = true
	var e types.Error
	if !errors.As(err, &e) || u.failedImport(e.Pos) {
		return
	}
	pos := u.fset.Position(e.Pos)
	u.fail("type", pos.Filename, pos.Line, strings.TrimSpace(e.Msg))
}

// failedImport tells whether pos is the path of an import that could not be resolved.
func (u *unit) failedImport(pos token.Pos) bool {
	for _, t := range u.trees {
		for _, spec := range t.Imports {
			if spec.Path.Pos() == pos {
				return true
			}
		}
	}
	return false
}

// importer resolves the imports of one unit to packages that have been checked before.
type importer struct{ u *unit }

// Import returns the package that path means in the unit's files.
func (i importer) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if dep := i.u.imports[path]; dep != nil && dep.types != nil {
		return dep.types, nil
	}
	return nil, fmt.Errorf("package %s was not found", path)
}
