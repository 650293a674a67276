// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Words are the code's own words at a place. A sketch is made of them, so that a reader can paste it: it has the client,
// the object, the context and the error that stand there. Where the code has no word, they are the customary one.
type Words struct {
	p    *program.Program
	fn   *ssa.Function
	at   token.Pos
	call *ast.CallExpr
}

// Words returns the words at an instruction: those of a call where it is one.
func (p *Pass) Words(at ssa.Instruction) *Words {
	w := &Words{p: p.Program, fn: at.Parent(), at: at.Pos()}
	if site, ok := at.(ssa.CallInstruction); ok {
		if w.call = p.Program.CallExpr(site); w.call != nil {
			w.at = w.call.Pos()
		}
	}
	return w
}

// WordsAt returns the words at a position in a function.
func (p *Pass) WordsAt(fn *ssa.Function, pos token.Pos) *Words {
	w := &Words{p: p.Program, fn: fn, at: pos}
	for _, n := range p.Program.Enclosing(pos) {
		if call, ok := n.(*ast.CallExpr); ok && (call.Lparen == pos || call.Pos() == pos) {
			w.call = call
			w.at = call.Pos()
		}
	}
	return w
}

// WordsIn returns the words at the beginning of a function's body.
func (p *Pass) WordsIn(fn *ssa.Function) *Words {
	w := &Words{p: p.Program, fn: fn, at: fn.Pos()}
	if body := Body(fn); body != nil {
		w.at = body.Lbrace + 1
	}
	return w
}

// Body returns the body of a function as it stands in the code, or nil.
func Body(fn *ssa.Function) *ast.BlockStmt {
	switch syntax := fn.Syntax().(type) {
	case *ast.FuncDecl:
		return syntax.Body
	case *ast.FuncLit:
		return syntax.Body
	}
	return nil
}

// Ctx is the context that the call is given, or the next one in scope.
func (w *Words) Ctx() string { return cmp.Or(w.context(), "ctx") }

// Done is what tells that the work is to end: that of the context, or a channel in scope that carries nothing.
func (w *Words) Done() string {
	if ctx := w.context(); ctx != "" {
		return ctx + ".Done()"
	}
	return cmp.Or(w.nearest(isSignal), "stop")
}

// Ended is the case of a select that hears of the end of the work, with a word about a channel that the code does not have
// yet.
func (w *Words) Ended() string {
	if done := w.Done(); done != "stop" || w.Means(done) != nil {
		return "case <-" + done + ":"
	}
	return "case <-stop: // stop: a channel that is closed when the work is to end"
}

// Parent is a context to derive another one from.
func (w *Words) Parent() string { return cmp.Or(w.context(), "context.Background()") }

func (w *Words) context() string {
	if w.call != nil {
		for _, arg := range w.call.Args {
			if isContext(w.p.TypeOf(arg)) && !w.newContext(arg) {
				return w.p.Source(arg)
			}
		}
	}
	if name := w.nearest(isContext); name != "" {
		return name
	}
	if request := w.nearest(func(t types.Type) bool { return pointsTo(t, "net/http", "Request") }); request != "" {
		return request + ".Context()"
	}
	return ""
}

// Context tells whether the call is given a context.
func (w *Words) Context() bool {
	return w.call != nil && slices.ContainsFunc(w.call.Args, func(arg ast.Expr) bool { return isContext(w.p.TypeOf(arg)) })
}

// newContext tells whether an expression makes a context of nothing: it calls Background or TODO of package context.
func (w *Words) newContext(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	name := w.Import("context", "context")
	spelled := types.ExprString(call.Fun)
	return spelled == name+".Background" || spelled == name+".TODO"
}

// WithContext is the call with another context.
func (w *Words) WithContext(ctx string) string {
	return w.With(func(_ ast.Expr, t types.Type) string {
		if isContext(t) {
			return ctx
		}
		return ""
	})
}

// Err is the error in scope.
func (w *Words) Err() string {
	if name := w.nearest(func(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }); name != "" {
		return name
	}
	return "err"
}

// Client is what the call goes through: of r.Client.Status().Update it is r.Client.
func (w *Words) Client() string {
	if recv := w.receiver(); recv != nil {
		return w.p.Source(recv)
	}
	return "c"
}

// receiver is the receiver of the call, without the subresource that it is for.
func (w *Words) receiver() ast.Expr {
	if w.call == nil {
		return nil
	}
	sel, ok := w.call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	if inner, ok := sel.X.(*ast.CallExpr); ok {
		if of, ok := inner.Fun.(*ast.SelectorExpr); ok && (of.Sel.Name == "Status" || of.Sel.Name == "SubResource") {
			return of.X
		}
	}
	return sel.X
}

// Object is the API object that the call is given, as a variable: without the & before it.
func (w *Words) Object() string { return strings.TrimPrefix(w.Ref(), "&") }

// Ref is the API object as the call is given it.
func (w *Words) Ref() string {
	if w.call != nil {
		for _, arg := range w.call.Args {
			if isObject(w.p.TypeOf(arg)) {
				return w.p.Source(arg)
			}
		}
	}
	return "obj"
}

// Key is the key that the call reads by, or that of its object.
func (w *Words) Key() string {
	if w.call != nil {
		for _, arg := range w.call.Args {
			if isNamed(w.p.TypeOf(arg), "k8s.io/apimachinery/pkg/types", "NamespacedName") {
				return w.p.Source(arg)
			}
		}
	}
	return w.Import("sigs.k8s.io/controller-runtime/pkg/client", "client") + ".ObjectKeyFromObject(" + w.Ref() + ")"
}

// Statement is the simple statement at the place, in one line; "" where that is none.
func (w *Words) Statement() string {
	for _, n := range w.p.Enclosing(w.at) {
		switch n := n.(type) {
		case *ast.AssignStmt, *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.ReturnStmt, *ast.GoStmt, *ast.DeferStmt:
			if text := w.p.Source(n); !strings.Contains(text, "\n") && !header(w.p.Enclosing(w.at), n) {
				return text
			}
			return ""
		case ast.Stmt:
			return ""
		case *ast.FuncLit:
			return ""
		}
	}
	return ""
}

// Holder is what has the field at a path, as the statement at the place spells it: stay, of stay.Status.Phase = "Left" and
// Status.Phase; "" where it does not.
func (w *Words) Holder(path string) string {
	for _, n := range w.p.Enclosing(w.at) {
		if _, ok := n.(ast.Stmt); !ok {
			continue
		}
		found := ""
		ast.Inspect(n, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && found == "" {
				if holder, ok := strings.CutSuffix(w.p.Source(sel), "."+path); ok {
					found = strings.TrimPrefix(holder, "&")
				}
			}
			return found == ""
		})
		if found != "" {
			return found
		}
		break
	}
	return ""
}

// Line is the simple statement around the place, also where it is the head of another one; the call where there is none.
func (w *Words) Line() string {
	for _, n := range w.p.Enclosing(w.at) {
		switch n.(type) {
		case *ast.AssignStmt, *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.ReturnStmt, *ast.DeclStmt:
			if text := w.p.Source(n); !strings.Contains(text, "\n") {
				return text
			}
			return w.Call()
		case ast.Stmt, *ast.FuncLit:
			return w.Call()
		}
	}
	return w.Call()
}

// Selected is how the statement at the place spells the field or variable of a name: n.openshift, of openshift.
func (w *Words) Selected(name string) string {
	for _, n := range w.p.Enclosing(w.at) {
		if _, ok := n.(ast.Stmt); !ok {
			continue
		}
		found := ""
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BlockStmt:
				return false
			case *ast.SelectorExpr:
				if found == "" && n.Sel.Name == name {
					found = w.p.Source(n)
				}
			}
			return found == ""
		})
		if found != "" {
			return found
		}
		break
	}
	return name
}

// Defined is the variable that gets what the call gives, or "".
func (w *Words) Defined() string {
	for _, n := range w.p.Enclosing(w.at) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name != "_" && len(n.Rhs) == 1 {
				return id.Name
			}
			return ""
		case ast.Stmt, *ast.FuncLit:
			return ""
		}
	}
	return ""
}

// Assigned is what the statement at the place sets, where it sets one thing; of an element of a literal, its value; else "".
func (w *Words) Assigned() string {
	for _, n := range w.p.Enclosing(w.at) {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			return w.brief(n.Value, longCall)
		case *ast.AssignStmt:
			if len(n.Lhs) == 1 && len(n.Rhs) == 1 {
				return w.brief(n.Rhs[0], longCall)
			}
			return ""
		case ast.Stmt, *ast.FuncLit:
			return ""
		}
	}
	return ""
}

// Received is the channel that the statement at the place receives from.
func (w *Words) Received() string {
	found := ""
	for _, n := range w.p.Enclosing(w.at) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.UnaryExpr:
				if n.Op == token.ARROW && found == "" {
					found = w.p.Source(n.X)
				}
			case *ast.RangeStmt:
				if found == "" {
					found = w.p.Source(n.X)
				}
			}
			return found == ""
		})
		if found != "" {
			return found
		}
		if _, ok := n.(*ast.FuncLit); ok {
			break
		}
	}
	return "events"
}

// Condition is what the if statement around the place asks; "" where there is none.
func (w *Words) Condition() string {
	for _, n := range w.p.Enclosing(w.at) {
		if test, ok := n.(*ast.IfStmt); ok {
			return w.p.Source(test.Cond)
		}
	}
	return ""
}

// header tells whether a statement is part of another one's first line, such as if err := f(); err != nil.
func header(path []ast.Node, s ast.Node) bool {
	for i, n := range path {
		if n == s && i+1 < len(path) {
			return program.Statements(path[i+1]) == nil
		}
	}
	return true
}
