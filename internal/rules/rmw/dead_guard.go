// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// deadGuard reports a webhook that compares statuses and is never shown one that changed.
var deadGuard = &rule.Rule{
	ID:        "rmw/dead-guard",
	Title:     "a webhook guards the status but is not registered for it",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "dead_guard.md"),
	Check:     checkDeadGuards,
}

// guard is a comparison of an old and a new status in a validating webhook.
type guard struct {
	entry  *program.Entry
	kind   kube.Kind
	branch *ssa.If
	path   string
	hook   *program.Webhook // covers the main resource only
	writer *effects.Entry   // writes the status
}

func checkDeadGuards(pass *rule.Pass) {
	for _, entry := range pass.Program.Entries {
		if g := guardOf(pass, entry); g != nil {
			reportDeadGuard(pass, g)
		}
	}
}

// guardOf finds the first comparison of statuses in a validating webhook that is registered for the main resource only.
func guardOf(pass *rule.Pass, entry *program.Entry) *guard {
	old, fresh, kind, ok := updated(entry)
	if !ok {
		return nil
	}
	g := &guard{entry: entry, kind: kind}
	if g.hook = mainOnly(pass, kind); g.hook == nil {
		return nil // registered for the status too, or where cannot be seen
	}
	for _, row := range pass.Effects.Ledger() {
		if row.Kind.Same(kind) && row.Call.Effect.OnStatus() && !pass.Program.InTest(row.Site.Parent()) {
			g.writer = row
			break
		}
	}
	if g.writer == nil {
		return nil // nobody writes the status by its subresource: there may be none
	}
	g.branch, g.path = comparison(pass.Effects, entry.Func, old, fresh, 0)
	if g.branch == nil {
		return nil
	}
	return g
}

// updated returns the parameters of a webhook that are the old and the new object: ValidateUpdate(ctx, old, new) of one
// kind.
func updated(entry *program.Entry) (old, fresh *ssa.Parameter, kind kube.Kind, ok bool) {
	fn := entry.Func
	if entry.Kind != program.EntryWebhook || fn.Name() != "ValidateUpdate" {
		return nil, nil, kind, false
	}
	var objects []*ssa.Parameter
	for _, param := range fn.Params {
		if !program.IsNamed(param.Type(), "context", "Context") {
			objects = append(objects, param)
		}
	}
	if len(objects) > 2 {
		objects = objects[len(objects)-2:] // the receiver is no object
	}
	if len(objects) != 2 {
		return nil, nil, kind, false
	}
	// The old object comes first, except in methods of the object itself, which get the old one.
	old, fresh = objects[0], objects[1]
	if fn.Params[0] == old {
		old, fresh = fresh, old
	}
	for _, param := range objects {
		if k, known := kindOfParam(fn, param); known {
			return old, fresh, k, true
		}
	}
	return nil, nil, kind, false
}

// kindOfParam is the kind of a parameter, by its type or by what it is asserted to be.
func kindOfParam(fn *ssa.Function, param *ssa.Parameter) (kube.Kind, bool) {
	if k, ok := kube.KindOf(param.Type()); ok {
		return k, k.Name != ""
	}
	for _, ref := range *param.Referrers() {
		v := ref
		if change, ok := ref.(*ssa.ChangeInterface); ok && len(*change.Referrers()) > 0 {
			v = (*change.Referrers())[0]
		}
		if assert, ok := v.(*ssa.TypeAssert); ok && assert.Parent() == fn {
			if k, ok := kube.KindOf(assert.AssertedType); ok {
				return k, k.Name != ""
			}
		}
	}
	return kube.Kind{}, false
}

// mainOnly returns the registration of a validating webhook for the kind, when there is one, all are for the kind's main
// resource and none for its status.
func mainOnly(pass *rule.Pass, kind kube.Kind) *program.Webhook {
	var found *program.Webhook
	for _, w := range pass.Program.Webhooks() {
		resource := resourceOf(w, kind)
		if w.Mutating || resource == "" {
			continue
		}
		if w.Covers(resource + "/status") {
			return nil
		}
		if found == nil {
			found = w
		}
	}
	return found
}

// resourceOf returns the resource among a webhook's that is the kind's plural, or "".
func resourceOf(w *program.Webhook, kind kube.Kind) string {
	singular := strings.ToLower(kind.Name)
	plurals := []string{singular + "s", singular + "es", strings.TrimSuffix(singular, "y") + "ies", singular}
	for _, plural := range plurals {
		if !w.Covers(plural) {
			continue
		}
		for _, r := range w.Resources {
			if name, _, _ := strings.Cut(r, "/"); name == plural {
				return plural // named, not merely covered by a star
			}
		}
	}
	return ""
}

// comparison finds the first branch of fn, or of what it hands both objects to, that compares a field of the old status
// with the same field of the new one.
func comparison(e *effects.Effects, fn *ssa.Function, old, fresh *ssa.Parameter, depth int) (first *ssa.If, path string) {
	for _, b := range fn.Blocks {
		branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok || first != nil && conditionPos(first) < conditionPos(branch) {
			continue
		}
		if both := statusOfBoth(conditionDeps(e, fn, branch), old, fresh); both != "" {
			first, path = branch, both
		}
	}
	if first != nil || depth == 3 {
		return first, path
	}
	for site := range program.Sites(fn) {
		for _, callee := range e.Program.Static(site) {
			o, f := handed(e, site, callee, old), handed(e, site, callee, fresh)
			if o == nil || f == nil {
				continue
			}
			if branch, both := comparison(e, callee, o, f, depth+1); branch != nil {
				return branch, both
			}
		}
	}
	return nil, ""
}

// handed returns the parameter of callee that gets the object, or nil.
func handed(e *effects.Effects, site ssa.CallInstruction, callee *ssa.Function, object *ssa.Parameter) *ssa.Parameter {
	for i, param := range callee.Params {
		arg := program.ArgumentFor(program.Edge{Site: site, Callee: callee, Arg: -1}, i)
		if place, ok := e.Place(site.Parent(), arg); ok && place.Root == object && place.Path == "" && place.Base == "" {
			return param
		}
	}
	return nil
}

// conditionDeps is what a branch depends on, together with the branches that lead to it by the same condition (&&).
func conditionDeps(e *effects.Effects, fn *ssa.Function, branch *ssa.If) []effects.Place {
	places := append([]effects.Place(nil), e.DepsOf(fn, branch.Cond).Places...)
	for _, outer := range effects.Conditions(branch.Block()) {
		places = append(places, e.DepsOf(fn, outer.Cond).Places...)
	}
	return places
}

// statusOfBoth returns the status path that both objects are asked for, or "".
func statusOfBoth(places []effects.Place, old, fresh *ssa.Parameter) string {
	for _, p := range places {
		if p.Root != old || !effects.Under(p.Path, "Status") {
			continue
		}
		for _, q := range places {
			if q.Root == fresh && q.Path == p.Path {
				return p.Path
			}
		}
	}
	return ""
}

func reportDeadGuard(pass *rule.Pass, g *guard) {
	kind, where := g.kind.Name, fmt.Sprintf("%s:%d", g.hook.File, g.hook.Line)
	resource := resourceOf(g.hook, g.kind)
	pos := conditionPos(g.branch)
	report := rule.Report{
		Func: g.branch.Parent(), Pos: pos, Severity: finding.High,
		Reason: fmt.Sprintf("%s writes the status without ever passing here", program.Name(g.writer.Site.Parent())),
		Message: fmt.Sprintf("compares %s of the old and the new %s, but the webhook is registered for %s without %s/status (%s); writes of the status never come here, and in other writes the server keeps the old status",
			g.path, kind, resource, resource, where),
		About:  "guard of " + kind + " status",
		Domain: program.EveryReplica, Proof: pass.Program.DomainOf(g.entry.Func).Proof(program.EveryReplica),
		Related: []rule.Related{
			{Func: g.writer.Site.Parent(), Pos: g.writer.Site.Pos(), Message: "writes the status of " + kind},
		},
		Scenario: unguarded(g, pos, resource),
		Fix: rule.Fix{
			Description: "register the webhook for the status as well, in the marker and in the manifest",
			Sketch:      fmt.Sprintf("resources=%s;%s/status", resource, resource),
		},
	}
	if g.hook.Pos.IsValid() {
		report.Related = append(report.Related, rule.Related{Pos: g.hook.Pos, Message: "the registration"})
	}
	pass.Report(report)
}

func conditionPos(branch *ssa.If) token.Pos {
	if pos := branch.Cond.Pos(); pos.IsValid() {
		return pos
	}
	return branch.Parent().Pos()
}

func unguarded(g *guard, pos token.Pos, resource string) *rule.Scenario {
	s := rule.NewScenario()
	writer := s.Actor(program.Name(g.writer.Site.Parent()), "a write of "+resource+"/status")
	server := s.Actor("API server", "admission of "+resource)
	writer.Step(g.writer.Site.Pos(), "writes the status, with a "+g.path+" that the guard would refuse", "request for "+resource+"/status")
	server.Step(pos, "finds no webhook for "+resource+"/status and asks nobody", "stored: the new "+g.path)
	server.Step(pos, "asks the webhook about a later change of the spec, with the stored status on both sides", "the statuses are equal: nothing to refuse")
	s.Outcome("the guard of %s never refuses anything", g.path)
	return s
}
