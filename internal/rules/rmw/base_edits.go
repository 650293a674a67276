// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// baseEdits take the base of a patch before the first change: the statement that copies it is moved there, or, where the base is
// named in the call that makes the patch, a copy of its own is. Nil where it is not certain that nothing else becomes different.
func baseEdits(pass *rule.Pass, s *effects.Story) []rule.Edit {
	pkg := pass.Program.Package(s.Func)
	call, _ := patchCall(pass.Program, s.Write.Patch)
	if pkg == nil || call == nil || s.Write.Patch.Made.Parent() != s.Func {
		return nil
	}
	m := &baseMove{pass: pass, info: pkg.Info, story: s, made: call}
	if copied := s.BaseCopy(); copied != nil {
		site, ok := copied.At.(ssa.CallInstruction)
		if !ok {
			return nil // an assignment of the whole
		}
		if m.copied = pass.Program.CallExpr(site); m.copied == nil || !m.copiesVariable() {
			return nil // made by another function
		}
		if edits := m.move(); edits != nil {
			return edits
		}
	}
	return m.hoist()
}

// baseMove is the way of a base to the place before the first change.
type baseMove struct {
	pass  *rule.Pass
	info  *types.Info
	story *effects.Story
	made  *ast.CallExpr // makes the patch
	// copied is the call of DeepCopy; nil where the base is the object itself.
	copied *ast.CallExpr
}

// copiesVariable tells whether the copy is that of a variable: session.DeepCopy().
func (m *baseMove) copiesVariable() bool {
	sel, ok := m.copied.Fun.(*ast.SelectorExpr)
	if !ok || len(m.copied.Args) > 0 || sel.Sel.Name != "DeepCopy" && sel.Sel.Name != "DeepCopyObject" {
		return false
	}
	_, ok = sel.X.(*ast.Ident)
	return ok
}

// move moves the statement that defines a variable for the base, or for the patch, and does nothing else.
func (m *baseMove) move() []rule.Edit {
	path := m.pass.Program.Enclosing(m.copied.Lparen)
	at := slices.IndexFunc(path, func(n ast.Node) bool { _, ok := n.(ast.Stmt); return ok })
	if at < 0 || at+1 >= len(path) {
		return nil
	}
	def, ok := path[at].(*ast.AssignStmt)
	if !ok || def.Tok != token.DEFINE || len(def.Lhs) != 1 || len(def.Rhs) != 1 || !m.isBase(def.Rhs[0]) && !m.makesPatch(def.Rhs[0]) {
		return nil
	}
	name, ok := def.Lhs[0].(*ast.Ident)
	list := program.Statements(path[at+1])
	to := slices.Index(list, ast.Stmt(def))
	first := m.firstChange(list, to)
	if !ok || first < 0 || to+1 == len(list) || !m.keeps(def.Rhs[0], list[first:to]) || names(list[first:to], name.Name) {
		return nil
	}
	if m.isBase(def.Rhs[0]) && !m.onlyBase(name) {
		return nil // it is looked at elsewhere too, as the object after the change
	}
	file := m.pass.Program.File(def.Pos()).Syntax
	before := token.NoPos
	if to > 0 {
		before = list[to-1].End()
	}
	if m.commented(file, before, def, list[to+1].Pos()) {
		return nil // what is said about it would stay behind
	}
	var text bytes.Buffer
	if format.Node(&text, m.pass.Program.Fset, def) != nil {
		return nil
	}
	return []rule.Edit{m.insert(file, list, first, text.String()), {Pos: def.Pos(), End: list[to+1].Pos()}}
}

// isBase tells whether an expression is the copy, as a type that is told.
func (m *baseMove) isBase(e ast.Expr) bool {
	if told, ok := e.(*ast.TypeAssertExpr); ok {
		e = told.X
	}
	return e == ast.Expr(m.copied)
}

// makesPatch tells whether an expression makes the patch out of the copy.
func (m *baseMove) makesPatch(e ast.Expr) bool {
	return e == ast.Expr(m.made) && m.isBase(m.made.Args[0])
}

// hoist copies the base into a new variable before the first change, and names it where the patch is made.
func (m *baseMove) hoist() []rule.Edit {
	arg, text := m.made.Args[0], ""
	switch x := arg.(type) {
	case *ast.Ident:
		if m.copied != nil || !m.copiesItself(x) {
			return nil
		}
		text = x.Name + ".DeepCopy()"
	default:
		var out bytes.Buffer
		if m.copied == nil || !m.isBase(arg) || format.Node(&out, m.pass.Program.Fset, arg) != nil {
			return nil
		}
		text = out.String()
	}
	path := m.pass.Program.Enclosing(m.made.Lparen)
	name := freeName(path)
	for i := 1; i < len(path) && name != ""; i++ {
		if _, ok := path[i].(*ast.FuncLit); ok {
			return nil
		}
		list := program.Statements(path[i])
		within := slices.IndexFunc(list, func(s ast.Stmt) bool { return s == path[i-1] })
		if first := m.firstChange(list, within); first >= 0 && m.keeps(arg, list[first:within]) {
			file := m.pass.Program.File(arg.Pos()).Syntax
			return []rule.Edit{m.insert(file, list, first, name+" := "+text), {Pos: arg.Pos(), End: arg.End(), New: name}}
		}
	}
	return nil
}

// copiesItself tells whether a variable is of a type that has a DeepCopy of its own.
func (m *baseMove) copiesItself(id *ast.Ident) bool {
	t := m.info.TypeOf(id)
	if t == nil {
		return false
	}
	obj, _, _ := types.LookupFieldOrMethod(t, false, nil, "DeepCopy")
	fn, ok := obj.(*types.Func)
	if !ok {
		return false
	}
	sig := fn.Signature()
	return sig.Params().Len() == 0 && sig.Results().Len() == 1 && types.Identical(sig.Results().At(0).Type(), t)
}

// firstChange returns the statement of a list that makes the first change of the object, where the statements from there up to
// one of the list make all that the story tells, and do nothing else to it; -1 otherwise.
func (m *baseMove) firstChange(list []ast.Stmt, to int) int {
	first := -1
	var earliest *effects.Event
	for _, ev := range m.story.Changes() {
		i := holder(list, effects.Position(ev.At))
		if i < 0 || i >= to {
			return -1 // made elsewhere
		}
		if first < 0 || i < first {
			first, earliest = i, ev
		}
	}
	if first < 0 {
		return -1
	}
	for _, ev := range m.story.Events {
		if i := holder(list, effects.Position(ev.At)); i < first || i >= to {
			continue
		}
		if ev.Kind != effects.Change || ev.Path == "" || ev.Path == "ResourceVersion" || ev.Path == "ManagedFields" {
			return -1 // read again, sent or replaced in between; a version would be part of the difference
		}
	}
	until := m.story.Write.At
	if m.copied != nil {
		until = m.story.BaseCopy().At
	}
	if effects.HandedOn(m.story.Write.Root, earliest.At, until) {
		return -1 // others may change it, and what they change would be sent
	}
	return first
}

// holder returns the number of the statement that a position lies in; -1 if it lies in none.
func holder(list []ast.Stmt, pos token.Pos) int {
	return slices.IndexFunc(list, func(s ast.Stmt) bool { return s.Pos() <= pos && pos < s.End() })
}

// keeps tells whether an expression means the same before some statements: they define and assign nothing that it names.
func (m *baseMove) keeps(e ast.Expr, passed []ast.Stmt) bool {
	same := true
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return same
		}
		v, isVar := m.info.Uses[id].(*types.Var)
		if isVar && !v.IsField() && (holder(passed, v.Pos()) >= 0 || m.assigned(v, passed)) {
			same = false
		}
		return same
	})
	return same
}

// assigned tells whether statements assign to a variable as a whole, or hand its address on.
func (m *baseMove) assigned(v *types.Var, list []ast.Stmt) bool {
	is := func(e ast.Expr) bool {
		id, ok := e.(*ast.Ident)
		return ok && m.info.Uses[id] == v
	}
	found := false
	for _, s := range list {
		ast.Inspect(s, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.AssignStmt:
				found = found || slices.ContainsFunc(x.Lhs, is)
			case *ast.RangeStmt:
				found = found || is(x.Key) || is(x.Value)
			case *ast.IncDecStmt:
				found = found || is(x.X)
			case *ast.UnaryExpr:
				found = found || x.Op == token.AND && is(x.X)
			}
			return !found
		})
	}
	return found
}

// onlyBase tells whether the variable that a name defines is used once: as the base of the patch.
func (m *baseMove) onlyBase(def *ast.Ident) bool {
	uses := 0
	for _, obj := range m.info.Uses {
		if obj == m.info.Defs[def] {
			uses++
		}
	}
	id, ok := m.made.Args[0].(*ast.Ident)
	return uses == 1 && ok && m.info.Uses[id] == m.info.Defs[def]
}

// commented tells whether a comment belongs to a statement: between the one before it and the one behind it, but for what
// ends the line of the one before.
func (m *baseMove) commented(file *ast.File, before token.Pos, s ast.Stmt, next token.Pos) bool {
	line := func(pos token.Pos) int { return m.pass.Program.Fset.Position(pos).Line }
	return slices.ContainsFunc(file.Comments, func(c *ast.CommentGroup) bool {
		return c.Pos() > before && c.Pos() < next && (c.Pos() > s.Pos() || !before.IsValid() || line(c.Pos()) != line(before))
	})
}

// insert puts a statement before one of a list, and before the comment that stands above it.
func (m *baseMove) insert(file *ast.File, list []ast.Stmt, at int, text string) rule.Edit {
	line := func(pos token.Pos) int { return m.pass.Program.Fset.Position(pos).Line }
	pos := list[at].Pos()
	for _, c := range file.Comments {
		if c.End() < pos && line(c.End()) == line(pos)-1 && (at == 0 || line(c.Pos()) > line(list[at-1].End())) {
			pos = c.Pos()
			break
		}
	}
	return rule.Edit{Pos: pos, End: pos, New: text + "\n"}
}

// names tells whether statements mention a name.
func names(list []ast.Stmt, name string) bool {
	return slices.ContainsFunc(list, func(s ast.Stmt) bool { return mentions(s, name) })
}

func mentions(n ast.Node, name string) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name
		return !found
	})
	return found
}

// freeName returns a name for the base that the function around does not mention; "" if all are taken.
func freeName(path []ast.Node) string {
	for _, n := range path {
		fn, ok := n.(*ast.FuncDecl)
		if !ok {
			continue
		}
		for _, name := range []string{"base", "before", "original", "unchanged"} {
			if !mentions(fn, name) {
				return name
			}
		}
	}
	return ""
}
