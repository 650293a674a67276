// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

const retryPackage = "k8s.io/client-go/util/retry"

// retryEdits put the end of a function, from the read of an object to its update, into a retry on conflict. Nil where it is not
// certain that the same is done, in as many attempts as it takes: what is repeated must do nothing but read, change and write
// the object, on variables of its own, and must return the error of the update so that a conflict is found in it.
func retryEdits(pass *rule.Pass, s *effects.Story) []rule.Edit {
	pkg, fn := pass.Program.Package(s.Func), s.Func
	put, ok := s.Write.At.(ssa.CallInstruction)
	reads := s.Reads()
	if pkg == nil || !ok || len(s.Write.Chain) > 0 || fn.Parent() != nil || len(reads) != 1 || !onlyError(fn) {
		return nil // told across functions, or its returns mean something else in a closure
	}
	get, ok := reads[0].At.(ssa.CallInstruction)
	if fresh, _ := pass.Effects.Freshness(reads[0]); !ok || len(reads[0].Chain) > 0 || fresh == program.Cached || decidedElsewhere(s) {
		return nil // a cache may give the same old object again; what was decided before would be put onto the fresh one
	}
	t := &tail{pkg: pkg.Types, info: pkg.Info, get: pass.Program.CallExpr(get), put: pass.Program.CallExpr(put)}
	if t.get == nil || t.put == nil || !t.find(pass.Program.Enclosing(t.put.Lparen)) || !t.endsWithWrite() || !t.repeatable() {
		return nil
	}
	first, last := t.list[0], t.list[len(t.list)-1]
	name, imports := importRetry(pass, pkg.Types, first.Pos())
	if name == "" {
		return nil
	}
	return append(imports,
		rule.Edit{Pos: first.Pos(), End: first.Pos(), New: "return " + name + ".RetryOnConflict(" + name + ".DefaultRetry, func() error {\n"},
		rule.Edit{Pos: last.End(), End: last.End(), New: "\n})"})
}

// onlyError tells whether a function returns an error without a name and nothing else.
func onlyError(fn *ssa.Function) bool {
	results := fn.Signature.Results()
	return results.Len() == 1 && results.At(0).Name() == "" && types.Identical(results.At(0).Type(), types.Universe.Lookup("error").Type())
}

// decidedElsewhere tells whether another object of the kind takes part in a change, the whole content is given, or the version:
// then a conflict is what protects the other writers.
func decidedElsewhere(s *effects.Story) bool {
	kind := objectKind(s.Write.Object)
	other := func(p effects.Place) bool { return p.Object != s.Write.Object && objectKind(p.Object) == kind }
	return slices.ContainsFunc(s.Changes(), func(ch *effects.Event) bool {
		return slices.Contains([]string{"", "Spec", "Status", "ResourceVersion"}, ch.Path) ||
			slices.ContainsFunc(ch.Deps().Places, other) || slices.ContainsFunc(ch.Guards().Places, other)
	})
}

// tail is the end of a list of statements, from where the object is made that is read to the return.
type tail struct {
	pkg      *types.Package
	info     *types.Info
	get, put *ast.CallExpr
	list     []ast.Stmt
	object   types.Object // the variable of the object that is read
	err      types.Object // that of the error of the read
}

// find finds the statements: the object is made, read and written in one list.
func (t *tail) find(path []ast.Node) bool {
	for _, n := range path {
		list := program.Statements(n)
		read := holder(list, t.get.Lparen)
		if read < 0 {
			continue
		}
		t.readInto(list[read])
		if t.object == nil || !slices.ContainsFunc(t.put.Args, t.ofObject) {
			return false // a copy of it is written
		}
		made := holder(list[:read+1], t.object.Pos())
		if made < 0 || made < read && !t.makes(list[made]) {
			return false // what an earlier attempt has left in the object may stay there
		}
		t.list = list[made:]
		return true
	}
	return false
}

// readInto finds the variables that a statement reads into: o, err := c.Get(name), or err := c.Get(key, &o).
func (t *tail) readInto(s ast.Stmt) {
	if cond, ok := s.(*ast.IfStmt); ok && cond.Init != nil {
		s = cond.Init
	}
	set, ok := s.(*ast.AssignStmt)
	if !ok || len(set.Rhs) != 1 || set.Rhs[0] != ast.Expr(t.get) {
		return
	}
	if id, ok := set.Lhs[len(set.Lhs)-1].(*ast.Ident); ok {
		t.err = t.info.ObjectOf(id)
	}
	targets := t.get.Args
	if len(set.Lhs) == 2 {
		targets = set.Lhs[:1]
	}
	for _, e := range targets {
		if addr, ok := e.(*ast.UnaryExpr); ok && addr.Op == token.AND {
			e = addr.X
		}
		if id, ok := e.(*ast.Ident); ok {
			if obj := t.info.ObjectOf(id); obj != nil && isKind(obj.Type()) {
				t.object = obj
			}
		}
	}
}

func isKind(t types.Type) bool {
	_, ok := kube.KindOf(t)
	return ok
}

// makes tells whether a statement defines the object as a new one: o := &v1.Session{}.
func (t *tail) makes(s ast.Stmt) bool {
	if _, ok := s.(*ast.DeclStmt); ok {
		_, pointer := t.object.Type().(*types.Pointer)
		return !pointer // var o v1.Session
	}
	def, ok := s.(*ast.AssignStmt)
	if !ok || len(def.Lhs) != 1 || len(def.Rhs) != 1 {
		return false
	}
	made := def.Rhs[0]
	if addr, ok := made.(*ast.UnaryExpr); ok && addr.Op == token.AND {
		made = addr.X
	}
	_, literal := made.(*ast.CompositeLit)
	return literal
}

// endsWithWrite tells whether the write is the last thing that is done, and its error is returned.
func (t *tail) endsWithWrite() bool {
	last, ok := t.list[len(t.list)-1].(*ast.ReturnStmt)
	if !ok || len(last.Results) != 1 {
		return false
	}
	if last.Results[0] == ast.Expr(t.put) {
		return true
	}
	if len(t.list) < 2 {
		return false
	}
	switch before := t.list[len(t.list)-2].(type) {
	case *ast.AssignStmt: // _, err = c.Update(…); return err
		return t.keepsError(before, last.Results[0])
	case *ast.IfStmt: // if err := c.Update(…); err != nil { return err }; return nil
		init, ok := before.Init.(*ast.AssignStmt)
		if !ok || before.Else != nil || len(before.Body.List) != 1 {
			return false
		}
		ret, ok := before.Body.List[0].(*ast.ReturnStmt)
		nothing, isName := last.Results[0].(*ast.Ident)
		return ok && isName && nothing.Name == "nil" && len(ret.Results) == 1 && t.keepsError(init, ret.Results[0])
	}
	return false
}

// keepsError tells whether a statement assigns the error of the write to a variable, which is what is returned, or wrapped.
func (t *tail) keepsError(s *ast.AssignStmt, returned ast.Expr) bool {
	kept, ok := s.Lhs[len(s.Lhs)-1].(*ast.Ident)
	if wrap, ok := returned.(*ast.CallExpr); ok && t.wraps(wrap) {
		returned = wrap.Args[len(wrap.Args)-1]
	}
	id, isName := returned.(*ast.Ident)
	return ok && isName && len(s.Rhs) == 1 && s.Rhs[0] == ast.Expr(t.put) && t.info.ObjectOf(kept) != nil && t.info.ObjectOf(kept) == t.info.Uses[id]
}

// wraps tells whether a call wraps its last argument, so that a conflict is still found in it: fmt.Errorf("…: %w", err).
func (t *tail) wraps(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) < 2 || call.Ellipsis.IsValid() {
		return false
	}
	fn, ok := t.info.Uses[sel.Sel].(*types.Func)
	format := t.info.Types[call.Args[0]].Value
	if !ok || fn.FullName() != "fmt.Errorf" || format == nil || format.Kind() != constant.String {
		return false
	}
	text := constant.StringVal(format)
	last := strings.LastIndexByte(text, '%')
	return last >= 0 && strings.HasPrefix(text[last:], "%w") && strings.Count(text, "%") == len(call.Args)-1
}

// repeatable tells whether the statements can be run again: they call nothing that does more than look or change the
// object, and assign to no variable from outside but that of the error of the read.
func (t *tail) repeatable() bool {
	fine := true
	for _, s := range t.list {
		ast.Inspect(s, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt, *ast.BranchStmt, *ast.LabeledStmt, *ast.SendStmt, *ast.SelectStmt, *ast.ForStmt:
				fine = false
			case *ast.UnaryExpr:
				fine = fine && x.Op != token.ARROW
			case *ast.AssignStmt:
				reads := len(x.Rhs) == 1 && x.Rhs[0] == ast.Expr(t.get)
				fine = fine && (reads || !slices.ContainsFunc(x.Lhs, t.outside))
			case *ast.IncDecStmt:
				fine = fine && !t.outside(x.X)
			case *ast.RangeStmt:
				_, channel := t.info.TypeOf(x.X).Underlying().(*types.Chan)
				_, function := t.info.TypeOf(x.X).Underlying().(*types.Signature)
				fine = fine && x.Tok != token.ASSIGN && !channel && !function
			case *ast.CallExpr:
				fine = fine && (x == t.get || x == t.put || t.leadsTo(x) || t.harmless(x))
			}
			return fine
		})
	}
	return fine
}

// leadsTo tells whether a call of another package gives what the read or the write is called on: c.Status().Update(…).
func (t *tail) leadsTo(call *ast.CallExpr) bool {
	within := func(fun ast.Expr) bool { return fun.Pos() <= call.Pos() && call.End() <= fun.End() }
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !within(t.get.Fun) && !within(t.put.Fun) {
		return false
	}
	fn, ok := t.info.Uses[sel.Sel].(*types.Func)
	return ok && fn.Pkg() != t.pkg
}

// outside tells whether something is assigned to that may live longer than an attempt: anything but a part of the object, a
// variable that is defined inside, or the error of the read.
func (t *tail) outside(e ast.Expr) bool {
	id, whole := e.(*ast.Ident)
	if !whole {
		return !t.ofObject(e) // of something that an inner variable may point to
	}
	if id.Name == "_" {
		return false
	}
	obj := t.info.ObjectOf(id)
	if obj == nil || obj == t.object {
		return t.info.Defs[id] == nil // another object is written then
	}
	return obj != t.err && holder(t.list, obj.Pos()) < 0
}

// ofObject tells whether an expression is the object, or a part of it.
func (t *tail) ofObject(e ast.Expr) bool {
	id := rootName(e)
	return id != nil && t.object != nil && t.info.ObjectOf(id) == t.object
}

// rootName returns the variable that an expression is a part of, or nil.
func rootName(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.UnaryExpr:
			if x.Op != token.AND {
				return nil
			}
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
