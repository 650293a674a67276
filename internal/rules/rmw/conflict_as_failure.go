// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var conflictAsFailure = &rule.Rule{
	ID:        "rmw/conflict-as-failure",
	Title:     "a conflict of a write is recorded as a failure for good",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "conflict_as_failure.md"),
	Check:     checkConflictAsFailure,
}

func checkConflictAsFailure(pass *rule.Pass) {
	judged := judgedStates(pass)
	for _, row := range pass.Effects.Ledger() {
		if !conflicts(row) || !reviewed(pass, row.Stories[0]) {
			continue // the server never answers 409, or not reviewed code
		}
		for _, fate := range pass.Effects.ErrorFates(row.Site) {
			call, ok := fate.At.(*ssa.Call)
			if !ok || fate.Kind != effects.ErrorDropped || fate.PassedOver || pass.Program.InTest(fate.Func) {
				continue // handed on, or told from other errors
			}
			if mark := failureMark(pass, call, judged); mark != nil {
				reportAsFailure(pass, row, fate, mark)
				break
			}
		}
	}
}

// judgedStates collects the constants of named string types that the program compares values with.
func judgedStates(pass *rule.Pass) map[string]bool {
	out := make(map[string]bool)
	for _, fn := range pass.Program.Funcs {
		if pass.Program.InTest(fn) || pass.Program.Generated(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				op, ok := instr.(*ssa.BinOp)
				if !ok || op.Op != token.EQL && op.Op != token.NEQ {
					continue
				}
				for _, side := range []ssa.Value{op.X, op.Y} {
					if key, ok := stateOf(side); ok {
						out[key] = true
					}
				}
			}
		}
	}
	return out
}

// stateOf names a constant of a string type that a package declares.
func stateOf(v ssa.Value) (string, bool) {
	c, ok := v.(*ssa.Const)
	if !ok || c.Value == nil || c.Value.Kind() != constant.String {
		return "", false
	}
	named, ok := types.Unalias(c.Type()).(*types.Named)
	if !ok {
		return "", false
	}
	return types.TypeString(named, nil) + "=" + constant.StringVal(c.Value), true
}

// failureMark returns the store, run only when the call failed, of a state that says failure and that the program looks at
// later: into a field of an API type that is no condition.
func failureMark(pass *rule.Pass, call *ssa.Call, judged map[string]bool) *ssa.Store {
	for _, b := range pass.Effects.FailureBlocks(call) {
		for _, instr := range b.Instrs {
			st, ok := instr.(*ssa.Store)
			if !ok {
				continue
			}
			field, ok := st.Addr.(*ssa.FieldAddr)
			if !ok || !pass.Effects.IsAPIPart(field.X.Type()) || isCondition(field.X.Type()) {
				continue
			}
			if key, ok := stateOf(st.Val); ok && judged[key] && saysFailure(key) {
				return st
			}
		}
	}
	return nil
}

// isCondition tells whether a struct is an entry of a list of conditions, which each reconcile sets anew.
func isCondition(t types.Type) bool {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	return kube.ClassOf(types.NewSlice(t)) == kube.Conditions
}

// saysFailure tells whether a state's value is one of the words by which APIs call an end without success.
func saysFailure(key string) bool {
	value := strings.ToLower(key[strings.LastIndex(key, "=")+1:])
	for _, word := range []string{"fail", "error", "abort", "degraded"} {
		if strings.Contains(value, word) {
			return true
		}
	}
	return false
}

func reportAsFailure(pass *rule.Pass, row *effects.Entry, fate effects.ErrorFate, mark *ssa.Store) {
	s, kind := row.Stories[0], kindName(row.Stories[0])
	value := constant.StringVal(mark.Val.(*ssa.Const).Value)
	set := pass.Program.DomainAt(row.Site)
	domain := set.Worst()
	related := []rule.Related{{Func: mark.Parent(), Pos: effects.Position(mark), Message: fmt.Sprintf("%q is recorded here", value)}}
	for _, site := range fate.Path {
		if site != row.Site {
			related = append(related, rule.Related{Func: site.Parent(), Pos: site.Pos(), Message: "the error comes up through here"})
		}
	}
	sc := rule.NewScenario()
	a := sc.Actor("worker", runs(set.Proof(domain), program.Name(row.Site.Parent())))
	b := sc.Actor("another writer", "anybody who writes the same "+kind)
	a.Step(s.Func.Pos(), "has a "+kind+" as it was read", "resourceVersion 41")
	b.Step(row.Site.Pos(), "writes any field of it", "stored: resourceVersion 42")
	a.Step(row.Site.Pos(), "sends the "+verb(s.Write)+" with resourceVersion 41", "409 Conflict")
	a.Step(effects.Position(mark), "takes it for a failure", fmt.Sprintf("recorded: %q", value))
	sc.Outcome("%q stands for good, although the same %s with a new read would have worked", value, verb(s.Write))
	pass.Report(rule.Report{
		Func: row.Site.Parent(), Pos: row.Site.Pos(), Severity: finding.High,
		Reason: "another write of the object in between is enough",
		Message: fmt.Sprintf("a conflict of the %s of %s is taken for a failure: %s records %q; nothing tells it from an error that stays",
			verb(s.Write), kind, program.Name(mark.Parent()), value),
		About: kind + " " + verb(s.Write), Domain: domain, Proof: set.Proof(domain),
		Related: related, Scenario: sc,
		Fix: rule.Fix{
			Description: "Tell a conflict from other errors, and run again after it.",
			Sketch:      pass.Words(row.Site).Fill("if err := $call; $apierrors.IsConflict(err) {\n\t$return // no failure: the next run reads the $kind again\n}", "kind", kind),
		},
	})
}
