// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"go/types"

	"github.com/replicavet/replicavet/internal/load"
	"golang.org/x/tools/go/ssa"
)

// Declared is an entry point that the project tells of: a framework that nothing is known of calls the function.
type Declared struct {
	// Pkg, Recv and Name are the import path, the receiver's type without pointer, and the name. Recv is empty for a plain
	// function; where it is an interface, all own methods that implement it are meant.
	Pkg, Recv, Name string
	// Domain is where it runs, Parallel is set when several calls of it run at the same time in one process.
	Domain   Domain
	Parallel bool
	// File and Line are where the project says so.
	File string
	Line int
}

// declaredEntries adds the entry points that the project tells of. Its word outranks what signatures look like. One that
// names nothing in a package at hand is a row in Errors; packages that are not loaded may be named.
func (f *finder) declaredEntries(all []Declared) {
	for _, d := range all {
		pkg := f.p.packageOf(d.Pkg)
		if pkg == nil {
			continue
		}
		found := false
		for _, fn := range f.p.Funcs {
			if !d.means(fn, pkg) {
				continue
			}
			found = true
			f.add(&Entry{Func: fn, Kind: EntryDeclared, Domain: d.Domain, Pos: fn.Pos(), parallel: d.Parallel,
				Because: fmt.Sprintf("runs there as %s:%d says", f.p.RelPath(d.File), d.Line)})
		}
		if !found {
			f.p.Errors = append(f.p.Errors, load.Error{Kind: "config", File: d.File, Line: d.Line, Package: d.Pkg,
				Msg: fmt.Sprintf("no own function is %s: write it as example.com/lib/plugin.Handler.Handle, an interface's method for all that implement it", d)})
		}
	}
}

// String returns the symbol.
func (d Declared) String() string {
	if d.Recv == "" {
		return d.Pkg + "." + d.Name
	}
	return d.Pkg + "." + d.Recv + "." + d.Name
}

// means tells whether a function is the one, or implements it; pkg is the package of that name.
func (d Declared) means(fn *ssa.Function, pkg *types.Package) bool {
	if fn.Name() != d.Name || fn.Parent() != nil {
		return false
	}
	recv := fn.Signature.Recv()
	if d.Recv == "" {
		return recv == nil && fn.Pkg != nil && fn.Pkg.Pkg == pkg
	}
	if recv == nil {
		return false
	}
	of, ok := pkg.Scope().Lookup(d.Recv).(*types.TypeName)
	if !ok {
		return false
	}
	if wanted, ok := of.Type().Underlying().(*types.Interface); ok {
		return types.Implements(recv.Type(), wanted)
	}
	named := Named(recv.Type())
	return named != nil && named.Origin().Obj() == of
}

// packageOf returns the loaded package of an import path, or nil.
func (p *Program) packageOf(path string) *types.Package {
	for _, pkg := range p.Code.Packages {
		if pkg.Path == path && pkg.Types != nil {
			return pkg.Types
		}
	}
	return p.Code.Deps[path]
}
