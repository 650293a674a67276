// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var blank = &rule.Rule{
	ID:        "context/blank",
	Title:     "Context parameter that is thrown away before calls leave the process",
	Checklist: []string{"5.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "blank.md"),
	Check:     checkBlank,
}

func checkBlank(pass *rule.Pass) {
	checkBlankGroups(pass)
	for _, fn := range pass.Program.Funcs {
		if param, path := thrownAway(pass, fn); path != nil && !detachedHere(pass, fn, param) {
			reportBlank(pass, fn, param, path)
		}
	}
}

// thrownAway returns the context parameter that a function does not use and the way to a call that should have had it; no
// way where nothing is lost.
func thrownAway(pass *rule.Pass, fn *ssa.Function) (*ssa.Parameter, *effects.WorkPath) {
	if !pass.Reviewed(fn) || fn.Parent() != nil {
		return nil, nil // a closure's parameters are its caller's choice
	}
	param := unusedContext(fn)
	if param == nil || pass.Effects.Contexts().NeverEnds(param) {
		return nil, nil
	}
	if reach := (&effects.InReach{Value: param, Own: true}); !pass.Strict && !endsEarlier(pass, reach) {
		return nil, nil // it ends with the process: what is lost is a quick shutdown
	}
	path := pass.Effects.Work().Reach(fn)
	if path != nil && !pass.Strict && path.Next != nil && path.Next.Next != nil {
		return nil, nil // several functions on the way have no context: that is how the layer was made
	}
	if path != nil && effects.TakesOptions(path.Last()) {
		return nil, nil // the context may be one of them
	}
	if path == nil || ofCaller(path) || boundElsewhere(pass, path) || !couldTake(path.Last()) || pass.Effects.Bounded(path.Last()) {
		return nil, nil // calls nobody; has a context or a bound of its own for them; or the client is too old to take one
	}
	if pass.Effects.Work().At(path.Last()) == effects.CacheWork && !pass.Strict {
		return nil, nil // waits once, for the informer
	}
	return param, path
}

// detachedHere tells whether the function itself makes a context for some call although its own has a name: that is what
// context/detached tells.
func detachedHere(pass *rule.Pass, fn *ssa.Function, param *ssa.Parameter) bool {
	for _, root := range pass.Effects.Roots() {
		if root.Site.Parent() != fn {
			continue
		}
		if c, told := judgeRoot(pass, root); told && c.reach != nil && c.reach.Value == ssa.Value(param) {
			return true
		}
	}
	return false
}

// toldAsBlank tells whether a context in reach is a parameter that its function throws away: one cause, told there.
func toldAsBlank(pass *rule.Pass, reach *effects.InReach) bool {
	param, ok := reach.Value.(*ssa.Parameter)
	if !ok {
		return false
	}
	lost, path := thrownAway(pass, param.Parent())
	return path != nil && lost == param
}

// unusedContext returns the context parameter of a function that it never uses, or nil.
func unusedContext(fn *ssa.Function) *ssa.Parameter {
	for _, param := range fn.Params {
		if !program.IsNamed(param.Type(), "context", "Context") {
			continue
		}
		if refs := param.Referrers(); refs == nil || len(*refs) == 0 {
			return param
		}
		return nil
	}
	return nil
}

// couldTake tells whether a request could have been given a context: clients generated before client-go 0.18 take none.
func couldTake(site ssa.CallInstruction) bool {
	row := program.Model(site)
	return effects.ContextArgument(site) != nil || row == nil || row.Effect == kube.Network
}

// ofCaller tells whether a way leads through a function that was handed over: who made it gave it a context of its own.
func ofCaller(path *effects.WorkPath) bool {
	for at := path; at != nil; at = at.Next {
		if _, handed := at.Site.Common().Value.(*ssa.Parameter); handed && !at.Site.Common().IsInvoke() {
			return true
		}
	}
	return false
}

// boundElsewhere tells whether the calls are given a context that is none of Background: one that the receiver keeps, or
// one with a deadline.
func boundElsewhere(pass *rule.Pass, path *effects.WorkPath) bool {
	for at := path; at != nil; at = at.Next {
		ctx := effects.ContextArgument(at.Site)
		if ctx == nil {
			continue
		}
		for _, o := range pass.Effects.Contexts().Of(ctx) {
			if o.Kind == effects.BackgroundContext && !o.Bounded && !o.Cancellable {
				return false
			}
		}
		return true
	}
	return false
}

func reportBlank(pass *rule.Pass, fn *ssa.Function, param *ssa.Parameter, path *effects.WorkPath) {
	p, where, last := pass.Program, pass.Where(fn), path.Last()
	severity, reason, cause := finding.High, "the function itself sends the request", ""
	if path.Next != nil {
		severity, reason = finding.Medium, "the request is sent by a function that it calls"
		cause = "contexts that end at the entry"
	}
	if severity == finding.High && where.Entry != nil && where.Entry.Kind == program.EntryReconcile {
		severity, reason = finding.Medium, "a reconcile has no deadline unless the controller sets one: it ends later at shutdown"
	}
	s := rule.NewScenario()
	caller := s.Actor(where.Actor(fn), where.Runs())
	other := s.Actor("other side of "+effects.Describe(last), "does not answer")
	caller.Step(valid(param.Pos(), fn), fmt.Sprintf("calls %s with a context that has a deadline", program.Name(fn)), "the context is thrown away")
	other.Step(p.Start(last), "keeps the connection open and is silent", "")
	caller.Step(p.Start(last), "waits in "+effects.Describe(last), "the deadline passes, nothing happens")
	s.Outcome("The caller's deadline and cancellation have no effect: it waits for as long as the other side keeps it waiting.")
	pass.Report(rule.Report{
		Func: fn, Pos: valid(param.Pos(), fn), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s does not use its context and reaches %s; its caller's deadline and cancellation have no effect.", program.Name(fn), effects.Describe(last)),
		About:   effects.Describe(last), Cause: cause, Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: last.Parent(), Pos: p.Start(last), Message: effects.Describe(last) + " is called without the context"}},
		Fix: rule.Fix{
			Description: "name the parameter and hand it on",
			Sketch:      blankSketch(pass, fn, path),
		},
	})
}

// blankSketch names the parameter and hands it to the next call on the way.
func blankSketch(pass *rule.Pass, fn *ssa.Function, path *effects.WorkPath) string {
	w := pass.Words(path.Site)
	if w.Context() {
		return w.Fill("$call // ctx: the name to give the context of $func", "func", program.Name(fn), "call", w.WithContext("ctx"))
	}
	return w.Fill("// ctx: the name to give the context of $func; $callee needs one, too, to be handed it\nif err := ctx.Err(); err != nil {\n\t$return\n}",
		"func", program.Name(fn), "callee", effects.Describe(path.Site))
}
