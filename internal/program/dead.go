// SPDX-License-Identifier: Apache-2.0

package program

import "golang.org/x/tools/go/ssa"

// Dead tells whether only tests, and functions that nobody runs, lead to a function: what is wrong with it happens to nobody.
// Where calls may be missing, it is alive, and so is what is not built into a command of this module: it is for others.
func (p *Program) Dead(fn *ssa.Function) bool {
	fn = outermost(fn)
	if p.linked[p.Package(fn)] == nil {
		return false
	}
	if known, ok := p.dead[fn]; ok {
		return known
	}
	if p.dead == nil {
		p.dead = make(map[*ssa.Function]bool)
	}
	p.dead[fn] = false // asked again while answering: who calls itself in a circle may be entered by others
	p.dead[fn] = p.Idle(fn) || p.onlyDeadCall(fn)
	return p.dead[fn]
}

// onlyDeadCall tells whether a function has callers, all of which are tests or dead.
func (p *Program) onlyDeadCall(fn *ssa.Function) bool {
	callers := p.Callers(fn)
	if len(callers) == 0 || p.EntryAt(fn) != nil || p.valued(fn) || fn.Name() == "init" || contractOf(fn) != nil {
		return false
	}
	if pkg := p.Package(fn); pkg == nil || pkg.IllTyped {
		return false
	}
	for _, e := range callers {
		by := e.Caller()
		if !p.InTest(by) && !p.TestSupport(by) && !p.Aside(by.Pos()) && !p.Dead(by) {
			return false
		}
	}
	return true
}
