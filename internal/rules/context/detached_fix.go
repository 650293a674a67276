// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// fixDetached replaces the new contexts by the one in reach where the function has it under that name; an import that nothing
// else needs goes with them.
func fixDetached(pass *rule.Pass, fn *ssa.Function, cuts []cut) rule.Fix {
	fix := rule.Fix{Description: fmt.Sprintf("use %s", cuts[0].reach.Expr)}
	for _, c := range cuts {
		call := pass.Program.CallExpr(c.root.Site)
		if call == nil || !c.root.MakesContext() || !c.reach.Own || !sameThere(pass, call, c) {
			fix.Edits = nil
			break
		}
		fix.Edits = append(fix.Edits, rule.Edit{Pos: call.Pos(), End: call.End(), New: c.reach.Expr})
	}
	if fix.Edits == nil {
		fix.Sketch = sketchDetached(pass, fn, cuts[0])
		return fix
	}
	spec, uses := pass.Program.ImportUses(fix.Edits[0].Pos, "context")
	if spec == nil {
		return rule.Fix{Description: fix.Description, Sketch: sketchDetached(pass, fn, cuts[0])}
	}
	if uses == len(fix.Edits) {
		fix.Edits = append(fix.Edits, withoutImport(pass.Program, spec))
	}
	return fix
}

// sameThere tells whether the context in reach goes by the same name where a call stands: a variable of that name has its
// type, and nothing in between has taken the name.
func sameThere(pass *rule.Pass, call *ast.CallExpr, c cut) bool {
	root, _, part := strings.Cut(c.reach.Expr, ".")
	v, ok := pass.WordsAt(c.root.Site.Parent(), call.Pos()).Means(root).(*types.Var)
	if !ok {
		return false
	}
	if param, ok := c.reach.Value.(*ssa.Parameter); ok {
		return v == param.Object()
	}
	return !part && program.IsNamed(v.Type(), "context", "Context")
}

// withoutImport takes an import out of its file.
func withoutImport(p *program.Program, spec *ast.ImportSpec) rule.Edit {
	for _, n := range p.Enclosing(spec.Pos()) {
		if decl, ok := n.(*ast.GenDecl); ok && decl.Tok == token.IMPORT && len(decl.Specs) == 1 {
			return rule.Edit{Pos: decl.Pos(), End: decl.End()}
		}
	}
	return rule.Edit{Pos: spec.Pos(), End: spec.End()}
}

func sketchDetached(pass *rule.Pass, fn *ssa.Function, c cut) string {
	root, use := pass.Words(c.root.Site), pass.Words(c.use.Site)
	switch {
	case c.root.Variant != "":
		return root.Instead(c.root.Variant, c.reach.Expr)
	case !c.root.MakesContext() && c.reach.Own:
		return root.Instead("http.NewRequestWithContext", c.reach.Expr)
	case c.reach.Own && c.use.Site.Parent() == fn && use.Context():
		return use.WithContext(c.reach.Expr)
	case c.reach.Own:
		return root.Fill("$old // becomes $reach", "old", root.Call(), "reach", c.reach.Expr)
	}
	caller := pass.Words(c.reach.Edge.Site)
	return root.Fill("$handed // in $caller; $func gets a parameter ctx, which takes the place of $call",
		"func", program.Name(fn), "handed", caller.Instead("", c.reach.Expr), "caller", program.Name(c.reach.Edge.Caller()))
}
