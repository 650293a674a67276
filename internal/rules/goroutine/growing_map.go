// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"
	"go/ast"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var growingMap = &rule.Rule{
	ID:        "goroutine/growing-map",
	Title:     "A map that gets an entry for each object and never loses one",
	Checklist: []string{"6.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "growing_map.md"),
	Check:     checkGrowingMap,
}

func checkGrowingMap(pass *rule.Pass) {
	for _, growth := range pass.Effects.Growths() {
		for _, add := range growth.Adds {
			fn := add.Parent()
			if pass.Reviewed(fn) && pass.Where(fn).Repeats() {
				reportGrowth(pass, growth, add)
				break // one finding a map
			}
		}
	}
}

func reportGrowth(pass *rule.Pass, growth effects.Growth, add ssa.Instruction) {
	fn := add.Parent()
	where, pos := pass.Where(fn), valid(add.Pos(), fn)
	s := rule.NewScenario()
	actor := s.Actor(where.Actor(fn), where.Runs())
	actor.Step(pos, "comes by an object it has not seen before", growth.Name+" has one entry more")
	actor.Step(pos, "the object is deleted", growth.Name+" keeps its entry")
	actor.Step(pos, "the next object has another key", growth.Name+" has one entry more")
	s.Outcome("%s holds an entry for each object that there ever was, until the process runs out of memory or is restarted; an object that is made anew under an old key meets the old entry.", growth.Name)
	pass.Report(rule.Report{
		Func: fn, Pos: pos, Severity: finding.Medium, Reason: "it grows with each object that is made, and slowly",
		Message: fmt.Sprintf("%s gets an entry for each object, and nothing ever removes one; it grows as long as the process runs.", growth.Name),
		About:   growth.Name, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Fix: rule.Fix{
			Description: "remove the entry when the object is gone",
			Sketch:      removal(pass, growth, add),
		},
	})
}

// removal is the code that removes an entry again, in the words of the code that adds it.
func removal(pass *rule.Pass, growth effects.Growth, add ssa.Instruction) string {
	where, key := growth.Name[strings.LastIndexByte(growth.Name, '.')+1:], "key"
	for _, n := range pass.Program.Enclosing(add.Pos()) {
		switch n := n.(type) {
		case *ast.IndexExpr:
			where, key = pass.Program.Source(n.X), pass.Program.Source(n.Index)
		case *ast.AssignStmt:
			if index, ok := n.Lhs[0].(*ast.IndexExpr); ok && len(n.Lhs) == 1 {
				where, key = pass.Program.Source(index.X), pass.Program.Source(index.Index)
			}
		case *ast.CallExpr:
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && growth.Synced && len(n.Args) == 2 {
				where, key = pass.Program.Source(method.X), pass.Program.Source(n.Args[0])
			}
		}
	}
	if growth.Synced {
		return fmt.Sprintf("// where the object is found to be gone\n%s.Delete(%s)", where, key)
	}
	return fmt.Sprintf("// where the object is found to be gone\ndelete(%s, %s)", where, key)
}
