// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"go/ast"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var missedTombstone = &rule.Rule{
	ID:        "cache/missed-tombstone",
	Title:     "a delete handler does not know tombstones",
	Checklist: []string{"3.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "missed_tombstone.md"),
	Check:     checkMissedTombstone,
}

const toolsCache = "k8s.io/client-go/tools/cache"

func checkMissedTombstone(pass *rule.Pass) {
	told := make(map[*ssa.TypeAssert]bool)
	for _, d := range pass.Effects.BlindDeletions() {
		fn := d.Assert.Parent()
		if told[d.Assert] || !pass.Reviewed(fn) || !pass.Reviewed(d.Registered.Parent()) {
			continue // told for another handler already, or no code under review
		}
		told[d.Assert] = true
		reportTombstone(pass, d)
	}
}

func reportTombstone(pass *rule.Pass, d effects.Deletion) {
	fn, what := d.Assert.Parent(), d.Informs()
	severity, reason, consequence := finding.Medium, "needs a gap in the watch", "the delete is dropped"
	if d.Panics() {
		severity, reason, consequence = finding.High, "the assertion has no ok", "the process panics"
		if d.Assert.CommaOk {
			reason = "nobody looks at the ok, and nil is read through"
		}
	}
	role := "delete handler"
	if d.Filter {
		role = "filter"
	}
	where := pass.Where(fn)
	name := program.Name(d.Handler)
	s := rule.NewScenario()
	a := s.Actor("the informer", "its watch of "+what)
	b := s.Actor("informer goroutine", role+" "+name)
	a.Step(d.Registered.Pos(), "loses its watch; a "+what+" is deleted meanwhile", "the new list lacks it")
	a.Step(d.Registered.Pos(), "hands out a cache.DeletedFinalStateUnknown in its place", "")
	b.Step(d.Assert.Pos(), "asserts that it is a "+what, "it is not")
	if d.Panics() {
		s.Outcome("the process panics, and again whenever a delete is missed")
	} else {
		s.Outcome("%s never hears of the delete: what it keeps of the %s stays for ever", name, what)
	}
	pass.Report(rule.Report{
		Func: fn, Pos: d.Assert.Pos(),
		Severity: severity, Reason: reason,
		Message: fmt.Sprintf("the %s %s asserts %s and does not know cache.DeletedFinalStateUnknown; after a gap in the watch %s", role, name, what, consequence),
		About:   "tombstone " + what,
		Domain:  where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: d.Registered.Parent(), Pos: d.Registered.Pos(), Message: "the " + role + " is registered here"}},
		Scenario: s,
		Fix:      unwrapFix(pass, fn),
	})
}

// unwrapFix takes the object out of the tombstone at the top of the function, where that is certain to compile.
func unwrapFix(pass *rule.Pass, fn *ssa.Function) rule.Fix {
	fix := rule.Fix{Description: "take the last known object out of the tombstone before its type is asserted"}
	param, pkg := "obj", "cache"
	if n := len(fn.Params); n > 0 {
		param = fn.Params[n-1].Name()
	}
	imported := pass.Program.ImportName(fn.Pos(), toolsCache)
	if imported != "" {
		pkg = imported
	}
	unwrap := fmt.Sprintf("if tombstone, ok := %[1]s.(%[2]s.DeletedFinalStateUnknown); ok {\n\t%[1]s = tombstone.Obj\n}", param, pkg)
	body := bodyOf(fn)
	if imported == "" || body == nil || len(body.List) == 0 || param == "_" || param == "" {
		fix.Sketch = unwrap
		return fix
	}
	fix.Edits = []rule.Edit{{Pos: body.List[0].Pos(), End: body.List[0].Pos(), New: unwrap + "\n"}}
	return fix
}

func bodyOf(fn *ssa.Function) *ast.BlockStmt {
	switch syntax := fn.Syntax().(type) {
	case *ast.FuncDecl:
		return syntax.Body
	case *ast.FuncLit:
		return syntax.Body
	}
	return nil
}
