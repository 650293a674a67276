// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// Idle tells whether nobody runs a function as far as the code can show: no call leads to it, it is no value that others keep
// and call, and only its own package could name it, or a command that is all in sight.
func (p *Program) Idle(fn *ssa.Function) bool {
	if fn.Parent() != nil || fn.Synthetic != "" || p.EntryAt(fn) != nil || len(p.Callers(fn)) > 0 || p.valued(fn) {
		return false
	}
	if fn.Name() == "init" || fn.Name() == "main" || contractOf(fn) != nil {
		return false
	}
	if pkg := p.Package(fn); pkg == nil || pkg.IllTyped {
		return false // not all calls are known
	}
	if recv := fn.Signature.Recv(); recv != nil && token.IsExported(fn.Name()) && p.inInterfaces(recv.Type()) {
		return false // who has the object in an interface may call it
	}
	return !token.IsExported(fn.Name()) || p.Linked(fn)
}

// Unused tells whether a function stands in a command that is shipped, and nothing in it runs the function, or the one around
// it.
func (p *Program) Unused(fn *ssa.Function) bool {
	outer := outermost(fn)
	inSight := p.Linked(fn) || p.linked[p.Package(fn)] != nil && !token.IsExported(outer.Name()) // its own package sees all calls
	return inSight && p.Idle(outer)
}

// valued tells whether a function or method is used as a value.
func (p *Program) valued(fn *ssa.Function) bool {
	if p.values == nil {
		p.values = make(map[*ssa.Function]bool)
		initials := make(map[*ssa.Function]bool)
		for _, user := range p.Funcs {
			p.addValues(user)
			if user.Pkg != nil {
				if initial := user.Pkg.Func("init"); initial != nil && !initials[initial] {
					initials[initial] = true
					p.addValues(initial)
				}
			}
		}
	}
	return p.values[origin(fn)]
}

// addValues adds the functions that one uses as values, and the methods behind method values.
func (p *Program) addValues(user *ssa.Function) {
	for _, b := range user.Blocks {
		for _, instr := range b.Instrs {
			var called *ssa.Value
			if site, ok := instr.(ssa.CallInstruction); ok && !site.Common().IsInvoke() {
				called = &site.Common().Value
			}
			for _, op := range instr.Operands(nil) {
				fn, ok := (*op).(*ssa.Function)
				if !ok || op == called {
					continue
				}
				p.values[origin(fn)] = true
				for _, behind := range p.throughWrappers([]*ssa.Function{fn}) {
					p.values[origin(behind)] = true
				}
			}
		}
	}
}
