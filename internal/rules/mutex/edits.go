// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// unlockBefore unlocks before a return; nil where that is not certain: what is returned may need the lock, or the lock has
// another name there.
func unlockBefore(p *rule.Pass, exit *ssa.Return, h memory.Holding) []rule.Edit {
	path := p.Program.Enclosing(exit.Pos())
	if len(path) < 2 || program.Statements(path[1]) == nil {
		return nil
	}
	ret, ok := path[0].(*ast.ReturnStmt)
	if !ok || slices.ContainsFunc(ret.Results, func(e ast.Expr) bool { return !isPlain(e) }) || readsGlobal(exit) {
		return nil
	}
	name := lockExpr(p, h.Site, exit)
	if name == "" {
		return nil
	}
	return []rule.Edit{{Pos: ret.Pos(), End: ret.Pos(), New: fmt.Sprintf("%s.%s()\n", name, unlockOf(h.Mode))}}
}

// isPlain tells whether an expression is a name or a literal: to evaluate it touches nothing that a lock guards.
func isPlain(e ast.Expr) bool {
	switch e.(type) {
	case *ast.Ident, *ast.BasicLit:
		return true
	}
	return false
}

// readsGlobal tells whether a return gives back what a package variable holds.
func readsGlobal(exit *ssa.Return) bool {
	return slices.ContainsFunc(exit.Results, func(v ssa.Value) bool {
		load, ok := v.(*ssa.UnOp)
		if !ok {
			return false
		}
		_, global := load.X.(*ssa.Global)
		return global
	})
}

// lockExpr returns how the code spells the lock where it is taken, if that means the same at another instruction of the
// function; else "".
func lockExpr(p *rule.Pass, site, at ssa.Instruction) string {
	sel := lockCall(p, site)
	pkg := p.Program.Package(at.Parent())
	if sel == nil || pkg == nil {
		return ""
	}
	root := sel.X
	for {
		inner, ok := root.(*ast.SelectorExpr)
		if !ok {
			break
		}
		root = inner.X
	}
	id, ok := root.(*ast.Ident)
	if !ok {
		return ""
	}
	scope := pkg.Types.Scope().Innermost(at.Pos())
	if scope == nil {
		return ""
	}
	if _, obj := scope.LookupParent(id.Name, at.Pos()); obj == nil || obj != pkg.Info.Uses[id] {
		return ""
	}
	return types.ExprString(sel.X)
}

// lockCall returns the method, with the lock, of a call that takes or frees a lock itself; nil where it is not spelled so.
func lockCall(p *rule.Pass, site ssa.Instruction) *ast.SelectorExpr {
	call, ok := site.(ssa.CallInstruction)
	if !ok {
		return nil
	}
	expr := p.Program.CallExpr(call)
	if expr == nil {
		return nil
	}
	sel, _ := expr.Fun.(*ast.SelectorExpr)
	return sel
}

// writeLocked takes a lock for writing that a function takes for reading; nil where the function takes it more than once, or
// leaves it to others to free it.
func writeLocked(p *rule.Pass, fn *ssa.Function, lock memory.Holding) []rule.Edit {
	locks, place := locks(p), lock.Lock.Place
	if lock.Site == nil || lock.Site.Parent() != fn || freedInClosure(locks, fn, place) {
		return nil
	}
	var edits []rule.Edit
	taken := 0
	for site := range program.Sites(fn) {
		takes := slices.Contains(locks.Acquirers(place), site)
		if !takes && !locks.Releases(site, place) {
			continue
		}
		sel := lockCall(p, site)
		if sel == nil || sel.Sel.Name != "RLock" && sel.Sel.Name != "RUnlock" {
			return nil
		}
		if takes {
			taken++
		}
		edits = append(edits, rule.Edit{Pos: sel.Sel.Pos(), End: sel.Sel.End(), New: strings.TrimPrefix(sel.Sel.Name, "R")})
	}
	if taken != 1 || len(edits) < 2 {
		return nil
	}
	return edits
}

// freedInClosure tells whether a closure of a function frees a lock.
func freedInClosure(locks *memory.Locks, fn *ssa.Function, place memory.Place) bool {
	return slices.ContainsFunc(fn.AnonFuncs, func(inner *ssa.Function) bool {
		return locks.ReleasesIn(inner, place) || freedInClosure(locks, inner, place)
	})
}
