// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"crypto/sha256"
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"slices"
)

// keptTypes are the types of all dependencies as a former run checked them. They can be used as long as own code imports
// the same packages of the same versions.
type keptTypes struct {
	store *Store
	key   string // "" when the types can't be kept
	data  []byte // nil when none are kept
	fset  *token.FileSet
	pkgs  map[string]*types.Package
}

// findTypes looks for the types of the dependencies among units.
func findTypes(ctx context.Context, cfg Config, store *Store, units []*unit) *keptTypes {
	k := &keptTypes{store: store, fset: token.NewFileSet()}
	if store == nil || !slices.ContainsFunc(units, func(u *unit) bool { return !u.own }) {
		return k
	}
	settings, err := Settings(ctx, cfg)
	if err != nil || slices.ContainsFunc(units, (*unit).changeable) {
		return k
	}
	k.key = typesKey(settings, units)
	k.data, _ = store.Get(k.key)
	return k
}

// changeable tells whether a unit is a dependency whose types may differ without any sign of it: not of a version that
// the go command keeps, or made of own code.
func (u *unit) changeable() bool {
	if u.own {
		return false
	}
	for _, dep := range u.imports {
		if dep.own {
			return true
		}
	}
	return u.twin || !u.listed.Standard && (u.listed.Module == nil || u.listed.Module.version() == "")
}

// version is that of the code which is used for the module: "" for a directory that anyone may edit.
func (m *listedModule) version() string {
	if m.Replace != nil {
		return m.Replace.Version
	}
	return m.Version
}

// typesKey names the types of the dependencies: who checks them, what is asked for and what could be read.
func typesKey(settings string, units []*unit) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n%q\n", ToolID(), settings)
	wanted := make(map[string]bool)
	for _, u := range units {
		if !u.own {
			fmt.Fprintf(h, "%q %q %q\n", u.path, u.listed.Dir, u.files)
			if m := u.listed.Module; m != nil {
				fmt.Fprintf(h, "%q %q\n", m.version(), m.GoVersion)
			}
			continue
		}
		for _, dep := range u.imports {
			wanted[dep.path] = wanted[dep.path] || !dep.own
		}
	}
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		if wanted[path] {
			fmt.Fprintf(h, "%q\n", path)
		}
	}
	return fmt.Sprintf("types %x", h.Sum(nil))
}

// hit tells whether types were kept.
func (k *keptTypes) hit() bool { return k.data != nil }

// read makes the types, with positions from base on.
func (k *keptTypes) read(base int) error {
	if !k.hit() {
		return nil
	}
	k.fset.AddFile("", base, 0) // the filler, which moves the base
	var err error
	k.pkgs, err = decodeTypes(k.fset, k.data)
	k.data = k.data[:0]
	return err
}

// settle gives the dependencies their kept types, so that nobody checks them.
func (k *keptTypes) settle(units []*unit) {
	if !k.hit() {
		return
	}
	for _, u := range units {
		if !u.own {
			u.demanded.Do(func() {
				u.types = k.pkgs[u.path]
				close(u.done)
			})
		}
	}
}

// keep stores the types of the dependencies, unless that was done or errors in own code tell of them: what an error says
// about a package depends on more than what it exports.
func (k *keptTypes) keep(units []*unit) {
	if k.key == "" || k.hit() || illTyped(units) {
		return
	}
	fset := token.NewFileSet()
	var pkgs []*types.Package
	for _, u := range units {
		if !u.own && u.types != nil {
			pkgs = append(pkgs, u.types)
			addFiles(fset, u.fset)
		}
	}
	if data, err := encodeTypes(fset, pkgs); err == nil {
		_ = k.store.Put(k.key, data) // a full disk makes the next run slower, and this one no worse
	}
}

// illTyped tells whether own code has type errors.
func illTyped(units []*unit) bool {
	return slices.ContainsFunc(units, func(u *unit) bool { return u.own && u.pkg.IllTyped })
}
