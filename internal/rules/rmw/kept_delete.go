// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// checkKeptDeletes tells of deletes and evictions that were decided earlier, and of which only a name was kept in a queue: the
// object that has the name by then may be another one.
func checkKeptDeletes(pass *rule.Pass) {
	for _, row := range pass.Effects.Ledger() {
		fn := row.Site.Parent()
		if row.Call.Effect != kube.Delete && row.Call.Effect != kube.Evict || !pass.Reviewed(fn) {
			continue
		}
		if slices.ContainsFunc(row.Stories, func(s *effects.Story) bool { return len(s.Reads()) > 0 }) || means(pass, row) {
			continue // looked at again; or the server compares
		}
		for _, name := range namesOf(pass, row) {
			if kept := queued(pass, name); kept != nil && oneRun(pass, kept, row.Site) && !looksAgain(pass, row.Site, kept) {
				reportKeptDelete(pass, row, kept)
				break
			}
		}
	}
}

// means tells whether a request names the object by more than its name, or may do so in options that the code does not show.
func means(pass *rule.Pass, row *effects.Entry) bool {
	if row.Call.Effect == kube.Delete {
		given, sure := pass.Effects.Preconditions(row.Stories[0].Write)
		return given || !sure
	}
	eviction := program.Argument(row.Site, row.Call.Object)
	options, _ := pass.Program.FieldOf(eviction, "DeleteOptions")
	_, here := eviction.(*ssa.Alloc)
	return !here || slices.ContainsFunc(options, func(v ssa.Value) bool {
		pre, all := pass.Program.FieldOf(v, "Preconditions")
		return len(pre) > 0 || !all
	})
}

// namesOf returns what the name in a request can be.
func namesOf(pass *rule.Pass, row *effects.Entry) []ssa.Value {
	if key := program.Argument(row.Site, row.Call.Key); key != nil {
		return []ssa.Value{key}
	}
	object := program.Argument(row.Site, row.Call.Object)
	if object == nil {
		return nil
	}
	names, _ := pass.Program.FieldOf(object, "ObjectMeta.Name")
	return names
}

// queued returns the receive from a channel, or the call of a work queue, that a name comes from; nil if it comes from
// elsewhere.
func queued(pass *rule.Pass, name ssa.Value) ssa.Value {
	kept := takenOut(pass, name, 0)
	if kept == nil {
		kept = fromSources(pass, name, -1)
	}
	if kept == nil || ofMap(kept) {
		return nil
	}
	return kept
}

// oneRun tells whether one entry point leads both to where a name is taken out and to the request.
func oneRun(pass *rule.Pass, kept ssa.Value, site ssa.CallInstruction) bool {
	if kept.Parent() == site.Parent() {
		return true
	}
	taken := pass.Program.EntriesOf(kept.Parent())
	return slices.ContainsFunc(pass.Program.EntriesOf(site.Parent()), func(en *program.Entry) bool { return slices.Contains(taken, en) })
}

// ofMap tells whether a value is met in a loop over a map: what the code has noted of its own doing, as a rule.
func ofMap(v ssa.Value) bool {
	ex, ok := v.(*ssa.Extract)
	if !ok {
		return false
	}
	_, next := ex.Tuple.(*ssa.Next)
	return next
}

// fromQueue recognises the item that a work queue gives.
func fromQueue(v ssa.Value) bool {
	ex, ok := v.(*ssa.Extract)
	if !ok {
		return false
	}
	call, ok := ex.Tuple.(*ssa.Call)
	if !ok {
		return false
	}
	target := program.Target(call)
	return target != nil && target.Name() == "Get" && target.Pkg() != nil && target.Pkg().Path() == "k8s.io/client-go/util/workqueue"
}

// looksAgain tells whether something is read from the API between the queue and the request.
func looksAgain(pass *rule.Pass, site ssa.CallInstruction, kept ssa.Value) bool {
	fns := []*ssa.Function{site.Parent()}
	if fn := kept.Parent(); fn != nil && fn != site.Parent() {
		fns = append(fns, fn)
	}
	return slices.ContainsFunc(fns, func(fn *ssa.Function) bool {
		return slices.ContainsFunc(pass.Effects.Events(fn), func(ev *effects.Event) bool { return ev.Kind == effects.Read })
	})
}

func reportKeptDelete(pass *rule.Pass, row *effects.Entry, kept ssa.Value) {
	fn := row.Site.Parent()
	where := pass.Where(fn)
	kind, does := row.Kind.Name, "deletes"
	if row.Call.Effect == kube.Evict {
		kind, does = "Pod", "evicts"
	}
	if kind == "" {
		kind = "object"
	}
	start := kept.Pos()
	if !start.IsValid() {
		start = kept.Parent().Pos()
	}
	s := rule.NewScenario()
	worker, other := s.Actor(where.Actor(fn), where.Runs()), s.Actor("another controller", "owns the "+kind)
	worker.Step(start, "takes a name out of the queue", kind+" x, UID 1, when it was put there")
	other.Step(row.Site.Pos(), "deletes x and creates it again", kind+" x, UID 2")
	worker.Step(row.Site.Pos(), does+" x", "UID 2 is gone")
	s.Outcome("a %s that nobody has decided on is gone", kind)
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(row.Site), Severity: finding.Medium,
		Reason: "the object must be deleted and made again while the name waits",
		Message: fmt.Sprintf("%s the %s that has a name taken from a queue, without the UID of the one that was meant; after a delete and a create it is another one",
			does, kind),
		About: does + " queued " + kind, Domain: where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: kept.Parent(), Pos: start, Message: "the name comes from here"}},
		Scenario: s,
		Fix:      rule.Fix{Description: "keep the UID with the name and send it as a precondition", Sketch: pass.Words(row.Site).Fill("$metav1.DeleteOptions{Preconditions: $metav1.NewUIDPreconditions(string(uid))} // uid: kept with the name, for $call")},
	})
}
