// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// unconditionalDelete reports a delete decided on the state of an object that may have changed since it was read, which
// names neither the version nor the object that was looked at.
var unconditionalDelete = &rule.Rule{
	ID:        "rmw/unconditional-delete",
	Title:     "a delete decided on a state that may have changed",
	Checklist: []string{"1.3"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "unconditional_delete.md"),
	Check:     checkDeletes,
}

// blindDelete is a delete that does not hold on to what was read.
type blindDelete struct {
	story  *effects.Story
	site   ssa.CallInstruction
	kind   kube.Kind
	read   *effects.Event
	path   string         // what the decision was taken on
	rival  *effects.Entry // who writes it
	domain program.Domain
	proof  *program.Proof
	fresh  program.Freshness
}

func checkDeletes(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, s := range pass.Effects.Stories() {
		if d := deletesBlindly(pass, s); d != nil && !told[d.site] {
			told[d.site] = true
			reportBlindDelete(pass, d)
		}
	}
	checkKeptDeletes(pass)
}

func deletesBlindly(pass *rule.Pass, s *effects.Story) *blindDelete {
	site, ok := s.Write.Origin.(ssa.CallInstruction)
	kind, known := s.Kind()
	if !ok || !known || s.Write.Call.Effect != kube.Delete || !reviewed(pass, s) {
		return nil
	}
	reads := s.Reads()
	if len(reads) == 0 {
		return nil // what was not read was not judged
	}
	if given, sure := pass.Effects.Preconditions(s.Write); given || !sure {
		return nil // the server compares; or the options are out of sight
	}
	d := &blindDelete{story: s, site: site, kind: kind, read: reads[len(reads)-1]}
	d.domain, d.proof = running(s)
	d.fresh, _ = pass.Effects.Freshness(d.read)
	switch {
	case d.domain == program.EveryReplica:
	case d.domain == program.LeaderOnly && d.fresh == program.Cached && !d.proof.Entry.Requeues:
	default:
		return nil // a reconcile on the leader sees the object again; a live read leaves too little time
	}
	if !d.decidedOn(pass) {
		return nil // mere existence, or a state that nobody changes back
	}
	return d
}

// decidedOn finds the part of the status that the delete was decided on and that another entry point writes: best one
// that every replica writes, and that very field.
func (d *blindDelete) decidedOn(pass *rule.Pass) bool {
	best := 0
	for _, p := range d.story.Write.Guards().Places {
		if !d.story.Kin(p.Object) && !underKin(d.story, p.Object) || !strings.HasPrefix(p.Path, "Status.") {
			continue
		}
		for _, row := range pass.Effects.Writers(d.kind, p.Path, nil) {
			if fit := d.fit(pass, row, p.Path); fit > best {
				best, d.path, d.rival = fit, p.Path, row
			}
		}
	}
	return best > 0
}

// fit says how well a writer shows what can go wrong; 0 if it is the same code.
func (d *blindDelete) fit(pass *rule.Pass, row *effects.Entry, path string) int {
	fit := 0
	if row.Call.Effect.OnStatus() && writesElsewhere(pass, row, d) {
		fit = 1
		if pass.Effects.Domain(row).Has(program.EveryReplica) {
			fit += 2
		}
		if slices.Contains(row.Fields, path) {
			fit++
		}
	}
	return fit
}

// underKin tells whether o is the list that the deleted object is an element of.
func underKin(s *effects.Story, o effects.Object) bool {
	return o.Root == s.Write.Root && effects.Under(s.Write.Object.Base, o.Base)
}

// writesElsewhere tells whether row is reached from another entry point than the delete, or runs on every replica.
func writesElsewhere(pass *rule.Pass, row *effects.Entry, d *blindDelete) bool {
	set := pass.Effects.Domain(row)
	proof := set.Proof(set.Worst())
	if proof == nil || set.Worst() == program.Test || set.Worst() == program.StartUp {
		return false
	}
	return set.Worst() == program.EveryReplica || proof.Entry != d.proof.Entry
}

func reportBlindDelete(pass *rule.Pass, d *blindDelete) {
	kind := d.kind.Name
	reason := "the cache that decides is behind, and nothing runs the decision again"
	if d.domain == program.EveryReplica {
		reason = "every replica runs it"
	}
	edits := preconditionEdits(pass, d)
	fix := rule.Fix{Description: "delete the object in the version that was looked at, or not at all", Edits: edits}
	if len(edits) == 0 {
		fix.Sketch = preconditionSketch(pass, d)
	}
	pass.Report(rule.Report{
		Func: d.site.Parent(), Pos: pass.Program.Start(d.site),
		Severity: finding.Medium, Reason: reason,
		Message: fmt.Sprintf("deletes the %s for its %s without saying which version was looked at; it is deleted even when %s has changed that since",
			kind, d.path, program.Name(d.rival.Site.Parent())),
		About:  "delete " + kind,
		Domain: d.domain, Proof: d.proof,
		Related: []rule.Related{
			{Func: d.read.Func(), Pos: d.read.Pos(), Message: fmt.Sprintf("reads the %s", kind)},
			{Func: d.rival.Site.Parent(), Pos: d.rival.Site.Pos(), Message: fmt.Sprintf("writes %s", d.path)},
		},
		Scenario: deletedTooLate(pass, d, kind),
		Fix:      fix,
	})
}

func deletedTooLate(pass *rule.Pass, d *blindDelete, kind string) *rule.Scenario {
	s := rule.NewScenario()
	set := pass.Effects.Domain(d.rival)
	first, second := "the leader", "another replica"
	if set.Worst() != program.EveryReplica {
		second = "another goroutine"
	}
	if d.domain == program.EveryReplica {
		first, second = "replica A", "replica B"
	}
	a := s.Actor(first, runs(d.proof, program.Name(d.story.Func)))
	b := s.Actor(second, rivalRuns(pass, d.rival))
	a.Step(d.read.Pos(), fmt.Sprintf("reads the %s and finds that it may go", kind), d.path+" as it was")
	b.Step(d.rival.Site.Pos(), fmt.Sprintf("writes %s", d.path), "stored: a "+d.path+" that says it must stay")
	a.Step(d.site.Pos(), fmt.Sprintf("deletes the %s; the server has no version to compare", kind), "the "+kind+" is gone")
	s.Outcome("the %s is deleted in a state in which it was to be kept, with what was written to it", kind)
	return s
}

// preconditionEdits adds the preconditions where the object is a plain variable and the client is controller-runtime's.
func preconditionEdits(pass *rule.Pass, d *blindDelete) []rule.Edit {
	call := pass.Program.CallExpr(d.site)
	target := program.Target(d.site)
	if call == nil || target == nil || target.Pkg() == nil || target.Pkg().Path() != "sigs.k8s.io/controller-runtime/pkg/client" {
		return nil
	}
	if len(call.Args) != 2 || call.Ellipsis.IsValid() || !preconditionsExist(target.Pkg()) {
		return nil
	}
	object, ok := call.Args[1].(*ast.Ident)
	if !ok || types.IsInterface(pass.Program.TypeOf(object)) {
		return nil
	}
	name := pass.Program.ImportName(call.Pos(), target.Pkg().Path())
	if name == "" {
		return nil
	}
	at := call.Args[1].End()
	return []rule.Edit{{Pos: at, End: at, New: fmt.Sprintf(", %s.Preconditions{UID: &%s.UID, ResourceVersion: &%s.ResourceVersion}", name, object.Name, object.Name)}}
}

func preconditionsExist(pkg *types.Package) bool { return pkg.Scope().Lookup("Preconditions") != nil }

// preconditionSketch deletes the object in the version that was looked at.
func preconditionSketch(pass *rule.Pass, d *blindDelete) string {
	object, w, typed := "obj", pass.Words(d.site), false
	if call := pass.Program.CallExpr(d.site); call != nil {
		if n := d.story.Write.Call.Object; n >= 0 && n < len(call.Args) {
			object = strings.TrimPrefix(types.ExprString(call.Args[n]), "&")
		}
	}
	send := w.With(func(_ ast.Expr, t types.Type) string {
		if t == nil || !program.IsNamed(t, "k8s.io/apimachinery/pkg/apis/meta/v1", "DeleteOptions") {
			return ""
		}
		typed = true
		return w.Fill("$metav1.DeleteOptions{Preconditions: &$metav1.Preconditions{UID: &uid, ResourceVersion: &version}}")
	})
	if !typed {
		send = strings.TrimSuffix(send, ")") + w.Fill(", $client.Preconditions{UID: &uid, ResourceVersion: &version})")
	}
	return fmt.Sprintf("uid, version := %[1]s.GetUID(), %[1]s.GetResourceVersion()\n%[2]s", object, send)
}
