// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"

	"golang.org/x/tools/go/ssa"
)

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
		if e.Site.Common().IsInvoke() && p.boxedByDead(fn) {
			continue // nobody gives the caller such an object
		}
		if !p.InTest(by) && !p.TestSupport(by) && !p.Aside(by.Pos()) && !p.Dead(by) {
			return false
		}
	}
	return true
}

// boxedByDead tells whether only dead functions and tests put an object with the method fn into an interface, so that no call
// through one leads to it.
func (p *Program) boxedByDead(fn *ssa.Function) bool {
	recv := fn.Signature.Recv()
	if recv == nil || Named(recv.Type()) == nil {
		return false
	}
	boxers := p.boxers()[Named(recv.Type()).Obj()]
	for _, by := range boxers {
		if by.Synthetic != "" || !p.InTest(by) && !p.TestSupport(by) && !p.Dead(by) {
			return false
		}
	}
	return len(boxers) > 0
}

// boxers are the functions that put objects of a type, or of one that embeds it, into interfaces.
func (p *Program) boxers() map[*types.TypeName][]*ssa.Function {
	if p.boxedIn != nil {
		return p.boxedIn
	}
	p.boxedIn = make(map[*types.TypeName][]*ssa.Function)
	for _, fn := range p.Funcs {
		p.addBoxes(fn)
	}
	for pkg := range p.own {
		if initial := p.SSA.Package(pkg).Func("init"); initial != nil {
			p.addBoxes(initial)
		}
	}
	return p.boxedIn
}

func (p *Program) addBoxes(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if box, ok := instr.(*ssa.MakeInterface); ok {
				p.addBox(box.X.Type(), fn, 0)
			}
		}
	}
}

// addBox adds a type, and what can be got out of an object of it: embedded and exported fields, and elements.
func (p *Program) addBox(t types.Type, fn *ssa.Function, depth int) {
	if depth > 4 {
		return
	}
	if named := Named(t); named != nil {
		p.boxedIn[named.Obj()] = append(p.boxedIn[named.Obj()], fn)
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		p.addBox(u.Elem(), fn, depth)
	case *types.Slice:
		p.addBox(u.Elem(), fn, depth+1)
	case *types.Map:
		p.addBox(u.Elem(), fn, depth+1)
	case *types.Struct:
		for f := range u.Fields() {
			if f.Embedded() || f.Exported() {
				p.addBox(f.Type(), fn, depth+1)
			}
		}
	}
}

// inInterfaces tells whether objects of the type of a method's receiver are put into interfaces, where calls and reflection
// find all their exported methods.
func (p *Program) inInterfaces(recv types.Type) bool {
	named := Named(recv)
	return named == nil || named.TypeParams() != nil || len(p.boxers()[named.Obj()]) > 0
}
