// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"fmt"
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var negativeElapsed = &rule.Rule{
	ID:        "monotonic/negative-elapsed",
	Title:     "elapsed time since a shared timestamp that may lie ahead is computed with as it is",
	Checklist: []string{"2.1"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "negative_elapsed.md"),
	Check:     checkNegativeElapsed,
}

func checkNegativeElapsed(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		if !pass.Reviewed(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			if !ok || !isSub(call) {
				continue
			}
			key, stamp := sharedStamp(pass, fn, call.Call.Args[1])
			if stamp == nil || !takenBefore(pass, call.Call.Args[0]) {
				continue // nobody else sets the time, or now is not taken beforehand
			}
			if comparesTimes(call) {
				continue // asked for which of the two comes first
			}
			if use := computedWith(pass, call); use != nil {
				reportNegative(pass, call, key, stamp, use)
				break // one function, one finding
			}
		}
	}
}

// comparesTimes tells whether a difference is computed on one side of a comparison of times only.
func comparesTimes(call *ssa.Call) bool {
	return slices.ContainsFunc(effects.Conditions(call.Block()), func(branch *ssa.If) bool { return effects.TestsTimes(branch.Cond) })
}

// isSub recognises now.Sub(stored).
func isSub(call *ssa.Call) bool {
	target := program.Target(call)
	return target != nil && target.Name() == "Sub" && target.Pkg() != nil && target.Pkg().Path() == "time" && len(call.Call.Args) == 2 &&
		program.IsNamed(call.Call.Args[0].Type(), "time", "Time")
}

// sharedStamp returns the field in memory that a time is loaded from, and the store of a clock's time into it that another
// entry point makes; nil if there is none.
func sharedStamp(pass *rule.Pass, fn *ssa.Function, v ssa.Value) (program.FieldKey, *ssa.Store) {
	holder, index, ok := loadedField(v)
	if !ok || pass.Effects.IsAPIPart(holder.Type()) {
		return program.FieldKey{}, nil // a stored time of another machine is a question of skew
	}
	key, ok := program.FieldKeyOf(holder.Type(), index)
	if !ok {
		return key, nil
	}
	mine := make(map[*program.Entry]bool)
	for _, en := range pass.Program.EntriesOf(fn) {
		mine[en] = true
	}
	for _, st := range pass.Program.FieldStores(key) {
		if pass.Program.InTest(st.Parent()) || !fromClock(pass, st.Val) {
			continue
		}
		for _, en := range pass.Program.EntriesOf(st.Parent()) {
			if !mine[en] && en.Domain != program.Test && en.Domain != program.StartUp {
				return key, st
			}
		}
	}
	return key, nil
}

// loadedField returns the struct and the index of the field that v is the value of.
func loadedField(v ssa.Value) (holder ssa.Value, index int, ok bool) {
	switch x := v.(type) {
	case *ssa.Field:
		return x.X, x.Field, true
	case *ssa.UnOp:
		if f, isField := x.X.(*ssa.FieldAddr); isField && x.Op == token.MUL {
			return f.X, f.Field, true
		}
	}
	return nil, 0, false
}

func fromClock(pass *rule.Pass, v ssa.Value) bool {
	for _, m := range pass.Effects.Moments(v) {
		if m.Clock != nil && !m.Moved {
			return true
		}
	}
	return false
}

// takenBefore tells whether now is a clock's time that was taken before the difference is made, by this function or its
// caller: there is time for another stamp in between.
func takenBefore(pass *rule.Pass, now ssa.Value) bool {
	if _, direct := now.(*ssa.Call); direct && now.Referrers() != nil && len(*now.Referrers()) == 1 {
		return false // clock.Now().Sub(…): as late as can be
	}
	if _, _, kept := loadedField(now); kept {
		return false // the difference of two stamps: their order is that of what they stamp
	}
	return fromClock(pass, now)
}

// computedWith follows a difference to where it is multiplied or divided; nil if it never is, or if its sign is looked at.
func computedWith(pass *rule.Pass, sub *ssa.Call) ssa.Instruction {
	w := &elapsedWalk{pass: pass, seen: make(map[ssa.Value]bool)}
	w.value(sub, 0)
	if w.looked {
		return nil
	}
	return w.use
}

type elapsedWalk struct {
	pass   *rule.Pass
	seen   map[ssa.Value]bool
	looked bool
	use    ssa.Instruction
}

func (w *elapsedWalk) value(v ssa.Value, depth int) {
	if v == nil || w.seen[v] || v.Referrers() == nil {
		return
	}
	w.seen[v] = true
	for _, ref := range *v.Referrers() {
		switch x := ref.(type) {
		case *ssa.BinOp:
			w.operator(x, v)
		case *ssa.Convert, *ssa.ChangeType, *ssa.Phi:
			w.value(x.(ssa.Value), depth)
		case *ssa.Call:
			w.passed(x, v, depth)
		}
	}
}

// operator tells a factor from a comparison. Unit conversions such as elapsed / time.Second say nothing yet.
func (w *elapsedWalk) operator(x *ssa.BinOp, v ssa.Value) {
	switch {
	case effects.IsOrder(x.Op):
		w.looked = true
	case x.Op == token.MUL, x.Op == token.QUO:
		other := x.X
		if other == v {
			other = x.Y
		}
		if _, isConst := other.(*ssa.Const); isConst {
			w.value(x, 0)
		} else if w.use == nil {
			w.use = x
		}
	case x.Op == token.ADD, x.Op == token.SUB:
		w.value(x, 0)
	}
}

// passed follows a difference into a call: its own unit, a bound, a power, or an own function.
func (w *elapsedWalk) passed(call *ssa.Call, v ssa.Value, depth int) {
	if b, ok := call.Call.Value.(*ssa.Builtin); ok {
		w.looked = w.looked || b.Name() == "max" || b.Name() == "min"
		return
	}
	if target := program.Target(call); target != nil && target.Pkg() != nil {
		switch target.Pkg().Path() {
		case "time":
			w.value(call, depth) // Seconds, Minutes
			return
		case "math":
			switch target.Name() {
			case "Max", "Min", "Abs":
				w.looked = true
			case "Pow", "Exp", "Exp2":
				if w.use == nil {
					w.use = call
				}
			}
			return
		}
	}
	if depth >= 2 {
		return
	}
	for _, callee := range w.pass.Program.Static(call) {
		for i, arg := range call.Call.Args {
			if arg == v && i < len(callee.Params) {
				w.value(callee.Params[i], depth+1)
			}
		}
	}
}

func reportNegative(pass *rule.Pass, call *ssa.Call, key program.FieldKey, stamp *ssa.Store, use ssa.Instruction) {
	fn := call.Parent()
	set := pass.Program.DomainAt(call)
	w := rule.Where{Domain: set.Worst()}
	if w.Proof = set.Proof(w.Domain); w.Proof != nil {
		w.Entry = w.Proof.Entry
	}
	sc := rule.NewScenario()
	a := sc.Actor("worker of "+program.Name(fn), w.Actor(fn))
	b := sc.Actor("worker of "+program.Name(stamp.Parent()), program.Name(stamp.Parent()))
	a.Step(fn.Pos(), "has taken the time", "now = 10:00:00.0")
	b.Step(stamp.Pos(), "stamps "+key.String(), key.String()+" = 10:00:00.4")
	a.Step(call.Pos(), "subtracts the stamp from its own, older time", "elapsed = -0.4 s")
	a.Step(use.Pos(), "computes with it", "a share or a decay beyond its bounds")
	sc.Outcome("what should shrink with time grows, and the result is kept")
	pass.Report(rule.Report{
		Func: fn, Pos: call.Pos(), Severity: finding.Medium, Reason: "another stamp must fall between taking the time and looking at the field",
		Message: fmt.Sprintf("the time since %s can be negative: %s may stamp it after now was taken; it is computed with and never bounded by zero", key, program.Name(stamp.Parent())),
		About:   "elapsed since " + key.String(), Domain: w.Domain, Proof: w.Proof,
		Related: []rule.Related{
			{Func: stamp.Parent(), Pos: stamp.Pos(), Message: "another entry point stamps it here"},
			{Func: use.Parent(), Pos: use.Pos(), Message: "the difference is computed with here"},
		},
		Scenario: sc,
		Fix:      boundFix(pass, call),
	})
}

// boundFix puts max(0, …) around a difference, where the language has it.
func boundFix(pass *rule.Pass, call *ssa.Call) rule.Fix {
	fix := rule.Fix{Description: "bound the difference by zero, and never set the stamp back"}
	expr, pkg := pass.Program.CallExpr(call), pass.Program.Package(call.Parent())
	if expr == nil || pkg == nil || pkg.Types.Scope().Lookup("max") != nil || pass.Program.OlderThan(call.Parent(), "go1.21") {
		fix.Sketch = "elapsed := max(0, " + pass.Words(call).Call() + ")"
		return fix
	}
	fix.Edits = []rule.Edit{{Pos: expr.Pos(), End: expr.Pos(), New: "max(0, "}, {Pos: expr.End(), End: expr.End(), New: ")"}}
	return fix
}
