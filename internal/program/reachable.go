// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// reachable returns the functions that own code can run, and of dependencies those it names: what own packages declare,
// the methods of their exported types and of the types that are put into interfaces, and what all of these mention. It
// is [golang.org/x/tools/go/ssa/ssautil.AllFunctions] without the methods of dependencies, which have no bodies here.
func (p *Program) reachable() map[*ssa.Function]bool {
	r := reach{p, make(map[*ssa.Function]bool)}
	for _, pkg := range p.SSA.AllPackages() {
		if p.own[pkg.Pkg] == nil {
			continue
		}
		for _, member := range pkg.Members {
			switch member := member.(type) {
			case *ssa.Function:
				r.add(member)
			case *ssa.Type:
				named, ok := member.Type().(*types.Named)
				if ok && ast.IsExported(member.Name()) && named.TypeParams() == nil {
					r.addMethods(named)
					r.addMethods(types.NewPointer(named))
				}
			}
		}
	}
	for _, t := range p.SSA.RuntimeTypes() {
		r.addMethods(t)
	}
	return r.seen
}

// reach walks from function to function.
type reach struct {
	p    *Program
	seen map[*ssa.Function]bool
}

// add adds a function and what it mentions.
func (r reach) add(fn *ssa.Function) {
	if r.seen[fn] {
		return
	}
	r.seen[fn] = true
	var operands [10]*ssa.Value
	for _, block := range fn.Blocks {
		for _, instr := range block.Instrs {
			for _, op := range instr.Operands(operands[:0]) {
				if mentioned, ok := (*op).(*ssa.Function); ok {
					r.add(mentioned)
				}
			}
		}
	}
}

// addMethods adds the methods of t that own code declares, promoted ones as they are declared: a wrapper for each type that
// promotes them would be built for nothing. A method with type parameters of its own has no value.
func (r reach) addMethods(t types.Type) {
	if types.IsInterface(t) {
		return
	}
	for sel := range r.p.SSA.MethodSets.MethodSet(t).Methods() {
		method := sel.Obj().(*types.Func)
		if r.p.own[method.Pkg()] == nil || method.Signature().TypeParams() != nil {
			continue
		}
		if method.Origin() != method { // of an instance, which is made when asked for
			r.add(r.p.SSA.MethodValue(sel))
		} else if declared := r.p.SSA.FuncValue(method); declared != nil {
			r.add(declared)
		}
	}
}
