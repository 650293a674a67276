// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/replicavet/replicavet/internal/load"
	"golang.org/x/tools/go/ssa"
)

// buildSSA makes one SSA program of all own packages. Dependencies are there as types only. A function that does not
// type-check gets no body, so that the rest of its package can be reviewed.
func (p *Program) buildSSA() {
	p.SSA = ssa.NewProgram(p.Fset, ssa.InstantiateGenerics)
	for _, path := range slices.Sorted(maps.Keys(p.Code.Deps)) {
		p.SSA.CreatePackage(p.Code.Deps[path], nil, nil, true)
	}
	if p.Code.Deps["unsafe"] == nil {
		p.SSA.CreatePackage(types.Unsafe, nil, nil, true)
	}
	built := make([]*ssa.Package, 0, len(p.Code.Packages))
	typesMissing := p.typesMissing()
	for _, pkg := range p.Code.Packages {
		fake := fakeC(pkg.Types)
		if fake != nil {
			p.SSA.CreatePackage(fake, nil, nil, false)
		}
		if typesMissing {
			dropped := dropIllTyped(pkg)
			if fake != nil && len(dropped) > 0 {
				p.Errors = append(p.Errors, p.notRead(pkg.Path, dropped))
				p.usesC[pkg] = true
			}
		}
		made, err := create(p.SSA, pkg)
		if err != nil {
			p.Errors = append(p.Errors, *err)
			continue
		}
		built = append(built, made)
	}
	p.createMissing()
	failed := p.build(built)

	all := p.reachable()
	instantiated := make(map[*ssa.Function]bool)
	for fn := range all {
		if o := outermost(fn).Origin(); o != nil {
			instantiated[o] = true
		}
	}
	for fn := range all {
		if failed[fn.Package()] && !finished(fn) {
			continue
		}
		if p.Own(fn) && !isWrapper(fn) && !(isGenericBody(fn) && instantiated[outermost(fn)]) {
			p.Funcs = append(p.Funcs, fn)
		}
	}
	p.sortFuncs(p.Funcs)
	p.place = make(map[*ssa.Function]int, len(p.Funcs))
	for i, fn := range p.Funcs {
		p.place[fn] = i + 1
	}
}

// typesMissing tells whether expressions in own code may be without a type: own code does not type-check, or it or a
// dependency comes from C, whose types are unknown. What is made of an unknown type is no error anywhere, so all packages
// are suspect then.
func (p *Program) typesMissing() bool {
	for _, pkg := range p.Code.Packages {
		if pkg.IllTyped || fakeC(pkg.Types) != nil {
			return true
		}
	}
	for path, dep := range p.Code.Deps {
		root, _, _ := strings.Cut(path, "/")
		if standard := !strings.Contains(root, "."); !standard && fakeC(dep) != nil {
			return true
		}
	}
	return false
}

// finished tells whether a function was built to its end: all its blocks say what comes next.
func finished(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		if len(b.Instrs) == 0 {
			return false
		}
		switch b.Instrs[len(b.Instrs)-1].(type) {
		case *ssa.If, *ssa.Jump, *ssa.Return, *ssa.Panic:
		default:
			return false
		}
	}
	return true
}

// createMissing makes empty packages of the imports that could not be loaded, which the builder asks for.
func (p *Program) createMissing() {
	for _, pkg := range p.Code.Packages {
		for _, imp := range pkg.Types.Imports() {
			if p.SSA.Package(imp) == nil {
				p.SSA.CreatePackage(imp, nil, nil, false)
			}
		}
	}
}

// isWrapper tells whether fn is made by the SSA builder: package initialisers, promoted and bound methods.
func isWrapper(fn *ssa.Function) bool {
	return fn.Synthetic != "" && fn.Parent() == nil && fn.Origin() == nil
}

// isGenericBody tells whether fn is the uninstantiated body of a generic function: where it has instances, these are
// reviewed instead.
func isGenericBody(fn *ssa.Function) bool {
	fn = outermost(fn)
	return fn.TypeParams().Len() > 0 && len(fn.TypeArgs()) == 0
}

// outermost returns the declared function that a closure stands in, or fn itself.
func outermost(fn *ssa.Function) *ssa.Function {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	return fn
}

// origin returns the generic function that fn is an instance of, or fn itself. Closures are their own origin: the SSA
// builder finds theirs only where the generic function was built too.
func origin(fn *ssa.Function) *ssa.Function {
	if fn.Parent() != nil {
		return fn
	}
	if o := fn.Origin(); o != nil {
		return o
	}
	return fn
}

// fakeC returns the package that stands for C in a package that uses cgo, or nil. Each such package has its own.
func fakeC(pkg *types.Package) *types.Package {
	for _, imp := range pkg.Imports() {
		if imp.Path() == "C" {
			return imp
		}
	}
	return nil
}

func create(prog *ssa.Program, pkg *load.Package) (made *ssa.Package, failed *load.Error) {
	defer func() {
		if r := recover(); r != nil {
			failed = ssaError(pkg.Path, r)
		}
	}()
	return prog.CreatePackage(pkg.Types, pkg.Syntax(), pkg.Info, !pkg.Test), nil
}

// build builds the packages in parallel; one that panics costs itself only. It returns those.
func (p *Program) build(pkgs []*ssa.Package) (failed map[*ssa.Package]bool) {
	failed = make(map[*ssa.Package]bool)
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	for _, pkg := range pkgs {
		wg.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					mu.Lock()
					defer mu.Unlock()
					p.Errors = append(p.Errors, *ssaError(pkg.Pkg.Path(), r))
					failed[pkg] = true
				}
			}()
			pkg.Build()
		})
	}
	wg.Wait()
	return failed
}

// notRead tells of the functions that were not read because they use C.
func (p *Program) notRead(path string, functions []*ast.Ident) load.Error {
	at := p.Fset.Position(functions[0].Pos())
	who := functions[0].Name + " uses C and was"
	if n := len(functions) - 1; n > 0 {
		who = fmt.Sprintf("%s and %d more of this package use C and were", functions[0].Name, n)
	}
	return load.Error{Kind: "load", Package: path, File: at.Filename, Line: at.Line,
		Msg: who + " not read, for the types of C are known to its compiler only: move what controls the API out of there, or accept it with -keep-going"}
}

func ssaError(path string, cause any) *load.Error {
	return &load.Error{Kind: "internal", Package: path, Msg: fmt.Sprintf("the package could not be analysed: %v", cause)}
}
