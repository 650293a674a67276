// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"cmp"
	"fmt"
	"go/ast"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var lostCopy = &rule.Rule{
	ID:        "rmw/lost-copy",
	Title:     "a copy is changed that nobody looks at again",
	Checklist: []string{"1.1"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "lost_copy.md"),
	Check:     checkLostCopy,
}

func checkLostCopy(pass *rule.Pass) {
	for _, l := range pass.Effects.LostCopies() {
		if pass.Reviewed(l.Change.Parent()) {
			reportLostCopy(pass, l)
		}
	}
}

// copyOf says what the copy is one of, and what stays as it was.
var copyOf = map[string]struct{ what, stays string }{
	"map":      {"an element of a map", "the element in the map"},
	"list":     {"an element of a list", "the element in the list"},
	"receiver": {"its receiver", "the caller's value"},
}

func reportLostCopy(pass *rule.Pass, l effects.LostCopy) {
	fn, of := l.Change.Parent(), copyOf[l.Of]
	copied, changed := effects.Position(l.Copied), effects.Position(l.Change)
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(copied, "gets a copy of "+of.what, "")
	a.Step(changed, "sets "+l.Field+" of the copy", "")
	a.Step(changed, "goes on; the copy is gone", of.stays+" has the old "+l.Field)
	s.Outcome("whoever reads %s finds what was there before", of.stays)
	pass.Report(rule.Report{
		Func: fn, Pos: changed, Severity: finding.Medium, Reason: "what is set is never read",
		Message: fmt.Sprintf("%s sets %s of a copy of %s that nobody looks at again: %s stays as it was", program.Name(fn), l.Field, of.what, of.stays),
		About:   l.Field, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: fn, Pos: copied, Message: "the copy is made here"}},
		Scenario: s,
		Fix:      rule.Fix{Description: "Store the changed copy, or change the original.", Sketch: keepSketch(pass, l)},
	})
}

// keepSketch shows how the change is kept: the copy is stored, or the original changed.
func keepSketch(pass *rule.Pass, l effects.LostCopy) string {
	if l.Of == "receiver" {
		return byPointer(pass, l)
	}
	item, all, key := cmp.Or(pass.Name(l.Copied.Addr), "item"), "", ""
	for _, n := range pass.Program.Enclosing(effects.Position(l.Copied)) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if at, ok := ast.Unparen(n.Rhs[0]).(*ast.IndexExpr); ok && all == "" {
				all, key = pass.Program.Source(at.X), pass.Program.Source(at.Index)
			}
		case *ast.RangeStmt:
			if all == "" {
				all = pass.Program.Source(n.X)
				if id, ok := n.Key.(*ast.Ident); ok && id.Name != "_" {
					key = id.Name
				}
			}
		}
	}
	if l.Of == "map" {
		return fmt.Sprintf("%s[%s] = %s // behind the change", cmp.Or(all, "all"), cmp.Or(key, "key"), item)
	}
	return fmt.Sprintf("%s := &%s[%s] // the element itself", item, cmp.Or(all, "all"), cmp.Or(key, "i"))
}

// byPointer declares the method for a pointer, so that it changes what it is called on.
func byPointer(pass *rule.Pass, l effects.LostCopy) string {
	decl, ok := l.Change.Parent().Syntax().(*ast.FuncDecl)
	if !ok || len(decl.Recv.List[0].Names) == 0 {
		return "// declare the method for a pointer"
	}
	recv := decl.Recv.List[0]
	return fmt.Sprintf("func (%s *%s) %s%s // changes what it is called on", recv.Names[0].Name, pass.Program.Source(recv.Type), decl.Name.Name,
		strings.TrimPrefix(pass.Program.Source(decl.Type), "func"))
}
