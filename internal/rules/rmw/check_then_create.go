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

// checkThenCreate reports a create under a name that is never the same twice, decided by a look that may be out of date:
// the next look may not see what was created, and nothing refuses the second one.
var checkThenCreate = &rule.Rule{
	ID:        "rmw/check-then-create",
	Title:     "a create under a fresh name after a look that may be out of date",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "check_then_create.md"),
	Check:     checkDuplicates,
}

// duplicate is a create that can happen twice.
type duplicate struct {
	story  *effects.Story
	site   ssa.CallInstruction
	kind   kube.Kind
	naming effects.Naming
	look   effects.Existence
	domain program.Domain
	proof  *program.Proof
}

func checkDuplicates(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, s := range pass.Effects.Stories() {
		if d := doubleCreate(pass, s); d != nil && !told[d.site] {
			told[d.site] = true
			reportDuplicate(pass, d)
		}
	}
}

// doubleCreate tells whether a story ends in a create that can be repeated before it is seen; nil if not.
func doubleCreate(pass *rule.Pass, s *effects.Story) *duplicate {
	w := s.Write
	if !reviewed(pass, s) {
		return nil
	}
	site, ok := w.Origin.(ssa.CallInstruction)
	kind, known := s.Kind()
	if !ok || !known || w.Call.Effect != kube.Create || !kind.Stored() || kind.Name == "Event" {
		return nil // what is not kept can't be there twice, and events may be
	}
	if pass.Effects.DryRun(site, w.Call) {
		return nil // nothing is stored
	}
	if deletedAgain(pass, s) {
		return nil // it is there for a moment, and whoever made it takes it away
	}
	naming, _ := s.Naming()
	if naming != effects.NameGenerated && naming != effects.NameRandom {
		return nil // a fixed name is the lock: the second create answers AlreadyExists
	}
	d := &duplicate{story: s, site: site, kind: kind, naming: naming}
	d.domain, d.proof = running(s)
	if d.domain != program.EveryReplica && d.domain != program.LeaderOnly {
		return nil // tests, commands, and what nobody calls
	}
	return d.judge(pass)
}

// deletedAgain tells whether the function that creates an object deletes the same variable afterwards, whatever happens in
// between: on more conditions than that the create succeeded it only cleans up after a failure.
func deletedAgain(pass *rule.Pass, s *effects.Story) bool {
	created, ok := s.Write.At.(ssa.Value)
	if !ok {
		return false
	}
	before := effects.Conditions(s.Write.At.Block())
	for _, ev := range pass.Effects.Events(s.Func) {
		if ev.Kind != effects.Write || ev.Call.Effect != kube.Delete || ev.Root != s.Write.Root || !s.Write.At.Block().Dominates(ev.At.Block()) {
			continue
		}
		if !slices.ContainsFunc(effects.Conditions(ev.At.Block()), func(branch *ssa.If) bool {
			test, ok := branch.Cond.(*ssa.BinOp)
			return !slices.Contains(before, branch) && !(ok && test.X == created)
		}) {
			return true
		}
	}
	return false
}

// judge picks the look that decides and tells whether it can be out of date.
func (d *duplicate) judge(pass *rule.Pass) *duplicate {
	looks := looksFor(pass, d.story, d.kind)
	for _, look := range looks {
		if d.domain == program.LeaderOnly && look.Fresh == program.Live {
			return nil // one worker, and it asks the server
		}
	}
	for _, look := range looks {
		if look.Fresh == program.Live && !pass.Strict && d.proof != nil && d.proof.Entry.Kind == program.EntryReconcile {
			continue // it asks the server, and nothing shows that a second replica reconciles at the same time
		}
		if look.Fresh == program.Cached || d.domain == program.EveryReplica {
			if d.domain == program.LeaderOnly && d.nextRunSees(pass, look) {
				return nil
			}
			d.look = look
			return d
		}
	}
	return nil // nobody looks: each run is meant to create one; or who was asked is not known
}

// nextRunSees tells whether the next run of the leader can't miss what this one created: it remembers it or waits until the
// cache shows it, or there is no next run.
func (d *duplicate) nextRunSees(pass *rule.Pass, look effects.Existence) bool {
	return pass.Effects.Expects(look, d.story) || pass.Effects.WaitsToSee(d.story, d.kind) ||
		d.proof != nil && d.proof.Entry.Kind == program.EntryMain && pass.Program.RunsOnce(look.Read.Origin)
}

// looksFor collects the looks for objects of the kind that decide whether the write of a story happens: around the write
// itself, and around the calls that lead to it.
func looksFor(pass *rule.Pass, s *effects.Story, kind kube.Kind) []effects.Existence {
	out := pass.Effects.ExistenceOf(s.Write.Origin, kind)
	if s.Write.At != s.Write.Origin {
		out = append(out, pass.Effects.ExistenceOf(s.Write.At, kind)...)
	}
	return out
}

// running is the most dangerous place where a story's write runs, with the proof.
func running(s *effects.Story) (program.Domain, *program.Proof) {
	set := s.Domain()
	return set.Worst(), set.Proof(set.Worst())
}

func reportDuplicate(pass *rule.Pass, d *duplicate) {
	kind := d.kind.Name
	how := "a name that the server generates"
	if d.naming == effects.NameRandom {
		how = "a name that is different each time"
	}
	reason := "the cache may lack what was created a moment ago"
	from := "the cache"
	if d.domain == program.EveryReplica {
		reason = "every replica runs it"
		if d.look.Fresh != program.Cached {
			from = "the API server"
		}
	}
	pass.Report(rule.Report{
		Func: d.site.Parent(), Pos: pass.Program.Start(d.site),
		Severity: finding.High, Reason: reason,
		Message: fmt.Sprintf("%s showed no %s (line %s), so one is created under %s; the next look may still show none, and then there are two",
			from, kind, line(pass, d.look.Read), how),
		About:  "create " + kind,
		Domain: d.domain, Proof: d.proof,
		Related:  d.related(kind, from),
		Scenario: twoCreates(d, kind, from),
		Fix: rule.Fix{
			Description: "derive the name from what the object is for, so that the second create answers AlreadyExists",
			Sketch:      nameSketch(pass, d),
		},
	})
}

// related are the look, and the function that decides on its answer where it calls for the create.
func (d *duplicate) related(kind, from string) []rule.Related {
	out := []rule.Related{{Func: d.look.Read.Func(), Pos: d.look.Read.Pos(), Message: fmt.Sprintf("looks for %s objects in %s", kind, from)}}
	if decides := d.look.Branch.Parent(); decides != d.site.Parent() {
		out = append(out, rule.Related{Func: decides, Pos: effects.Position(d.look.Branch), Message: "decides on the answer"})
	}
	return out
}

// line names where a read happens: the line alone in the same file as the finding is enough for a sentence.
func line(pass *rule.Pass, ev *effects.Event) string {
	_, n, _ := pass.Program.Position(ev.Pos())
	return fmt.Sprint(n)
}

func twoCreates(d *duplicate, kind, from string) *rule.Scenario {
	s := rule.NewScenario()
	what := runs(d.proof, program.Name(d.story.Func))
	first, second := "first run", "next run"
	if d.domain == program.EveryReplica {
		first, second = "replica A", "replica B"
	}
	a, b := s.Actor(first, what), s.Actor(second, what)
	read, write := d.look.Read.Pos(), d.site.Pos()
	a.Step(read, fmt.Sprintf("looks for %s objects in %s", kind, from), "none")
	if d.domain == program.EveryReplica {
		b.Step(read, fmt.Sprintf("looks for %s objects in %s", kind, from), "none")
		a.Step(write, "creates one", kind+" number 1 is stored")
	} else {
		a.Step(write, "creates one", kind+" number 1 is stored; the watch has not told the cache yet")
		b.Step(read, fmt.Sprintf("looks for %s objects in the cache", kind), "still none")
	}
	b.Step(write, "creates one under another name", kind+" number 2 is stored")
	s.Outcome("two %s objects for one cause; nothing removes the second", kind)
	return s
}

// nameSketch shows the create with a name of its own and the error that the second one gets.
func nameSketch(pass *rule.Pass, d *duplicate) string {
	return pass.Words(d.site).Fill("$obj.GenerateName, $obj.Name = \"\", name // name: the same for the same cause, such as its UID\n" +
		"if err := $call; err != nil && !$apierrors.IsAlreadyExists(err) {\n\t$return\n}")
}
