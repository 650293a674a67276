// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var sharedManager = &rule.Rule{
	ID:        "ownership/shared-manager",
	Title:     "one field manager in two roles",
	Checklist: []string{"7.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "shared_manager.md"),
	Check:     checkSharedManager,
}

func checkSharedManager(pass *rule.Pass) {
	claims := pass.Effects.Claims()
	told := make(map[string]bool)
	for _, a := range claims {
		if target := sharedTarget(pass, a); target != "" && !told["target "+pass.Program.SortKey(a.Site().Pos())] {
			told["target "+pass.Program.SortKey(a.Site().Pos())] = true
			reportOwners(pass, a, target)
		}
		if !a.Apply || !dynamic(pass, a) {
			continue
		}
		for _, b := range claims {
			if name, ok := a.Manager.Text.Constant(); ok && !told[name] && otherRole(pass, a, b) {
				told[name] = true
				reportRoles(pass, a, b, claims)
			}
		}
	}
}

// dynamic tells whether a claim applies objects of any kind, made here: what users ask for.
func dynamic(pass *rule.Pass, c *effects.Claim) bool {
	return len(c.Story.Reads()) == 0 && pass.Effects.AnyKind(c)
}

// otherRole tells whether b writes, as the same manager, the object that is reconciled: another Go type than the
// objects that a applies, handed in or of an own kind.
func otherRole(pass *rule.Pass, a, b *effects.Claim) bool {
	if !sameManager(a, b) || types.Identical(deref(a.Type()), deref(b.Type())) {
		return false
	}
	return b.Kind().Form == kube.Unstructured && b.Apply || pass.Program.OwnType(b.Type()) && b.Kind().Form == kube.Typed
}

func deref(t types.Type) types.Type {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		return ptr.Elem()
	}
	return t
}

func typeName(t types.Type) string {
	if named := program.Named(t); named != nil {
		return named.Obj().Pkg().Name() + "." + named.Obj().Name()
	}
	return "object"
}

func reportRoles(pass *rule.Pass, a, b *effects.Claim, claims []*effects.Claim) {
	r := report(pass, a)
	r.About = managerName(a.Manager)
	r.Severity, r.Reason = finding.High, "the applied objects can be of the kind that is reconciled"
	r.Message = fmt.Sprintf("manager %s applies objects of any kind (%s) and also writes the object that is reconciled (%s); where one reconciled object is applied by another, each apply removes the fields of the other",
		managerName(a.Manager), typeName(a.Type()), typeName(b.Type()))
	seen := make(map[ssa.Instruction]bool)
	for _, c := range claims {
		if c.Site() != a.Site() && !seen[c.Site()] && sameManager(a, c) {
			seen[c.Site()] = true
			r.Related = append(r.Related, related(c, "the same manager writes "+typeName(c.Type())))
		}
	}
	s := rule.NewScenario()
	x, y := s.Actor("reconcile of the parent", runs(pass, a.Site())), s.Actor("reconcile of the child", runs(pass, b.Site()))
	x.Step(a.Site().Pos(), "applies the child as one of its objects", "spec is owned by "+managerName(a.Manager))
	y.Step(b.Site().Pos(), "writes its own object as the same manager", "what is not in this write is removed")
	s.Outcome("the two reconciles take turns in removing each other's fields")
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Use one manager for the objects that are applied and another for the own object.", Sketch: ownManagers(a.Manager)}
	pass.Report(r)
}

// sharedTarget returns the field that names the target of an apply, when several owners can name one target and all
// apply as one manager; "" else.
func sharedTarget(pass *rule.Pass, c *effects.Claim) string {
	if _, ok := c.Manager.Text.Constant(); !ok || !c.Apply || c.Sub != "" || owned(c) {
		return ""
	}
	for _, p := range c.NameDeps.Places {
		if strings.HasPrefix(p.Path, "Spec.") && p.Root != c.Story.Write.Root && pass.Program.OwnType(rootType(p)) {
			return typeName(rootType(p)) + "." + p.Path
		}
	}
	return ""
}

func rootType(p effects.Place) types.Type {
	t := p.Root.Type()
	for {
		ptr, ok := types.Unalias(t).(*types.Pointer)
		if !ok {
			return t
		}
		t = ptr.Elem()
	}
}

// owned tells whether the target always belongs to one owner: a controller reference is set whatever its spec says.
func owned(c *effects.Claim) bool {
	for _, ch := range c.Story.Changes() {
		if ch.Path != "OwnerReferences" {
			continue
		}
		guarded := false
		for _, p := range ch.Guards().Places {
			guarded = guarded || strings.HasPrefix(p.Path, "Spec.")
		}
		if !guarded {
			return true
		}
	}
	for _, f := range c.Fields {
		if strings.HasPrefix(f, "OwnerReferences") && c.Kind().Form == kube.ApplyConfiguration {
			return true
		}
	}
	return false
}

func reportOwners(pass *rule.Pass, c *effects.Claim, target string) {
	r := report(pass, c)
	r.About = "target " + kindName(c)
	r.Severity, r.Reason = finding.High, "nothing keeps two owners from naming one target"
	r.Message = fmt.Sprintf("the %s that %s names is applied as manager %s for every owner; two owners of one target remove each other's fields", kindName(c), target, managerName(c.Manager))
	s := rule.NewScenario()
	x, y := s.Actor("reconcile of owner A", runs(pass, c.Site())), s.Actor("reconcile of owner B", runs(pass, c.Site()))
	x.Step(c.Site().Pos(), "applies its fields to the target", "a: 1, owned by "+managerName(c.Manager))
	y.Step(c.Site().Pos(), "applies its own fields to the same target, as the same manager", "b: 2; a is removed")
	s.Outcome("the target holds the fields of whoever came last")
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Make the owner part of the manager's name.", Sketch: pass.Words(c.Site()).Fill("$client.FieldOwner($manager + \"-\" + owner.GetName()) // owner: the object that names the target", "manager", managerName(c.Manager))}
	pass.Report(r)
}

// ownManagers names two managers in the place of one.
func ownManagers(m effects.Manager) string {
	name := strings.Trim(managerName(m), "\"")
	return fmt.Sprintf("const (\n\tmanagerSelf    = %q // for the object that is reconciled\n\tmanagerApplied = %q // for what is applied for it\n)", name+"-self", name+"-applied")
}
