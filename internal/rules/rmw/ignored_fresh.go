// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var ignoredFresh = &rule.Rule{
	ID:       "rmw/ignored-fresh",
	Title:    "a decision taken on an earlier read is written over the fresh object without looking at it",
	Severity: finding.Critical,
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "ignored_fresh.md"),
	Check:    checkIgnoredFresh,
}

func checkIgnoredFresh(pass *rule.Pass) {
	carriedOlder(pass, false)
	for _, row := range pass.Effects.Ledger() {
		if row.Call.Effect != kube.ReadModifyWrite || row.Call.Closure < 0 {
			continue
		}
		for _, s := range row.Stories {
			if reviewed(pass, s) && len(s.Write.Chain) == 0 && ignores(pass, row, s) {
				break
			}
		}
	}
}

// ignores reports a CreateOrUpdate whose object was read and judged before, and whose mutate function looks at nothing of
// what it is given.
func ignores(pass *rule.Pass, row *effects.Entry, s *effects.Story) bool {
	read := earlierDecision(pass, row, s)
	if read == nil {
		return false // nothing was decided on an earlier read
	}
	set := s.Domain()
	domain := set.Worst()
	if domain == program.Test {
		return false
	}
	var change *effects.Event
	for _, edge := range pass.Program.Callees(row.Site) {
		if edge.Arg < 0 {
			continue
		}
		for _, ev := range pass.Effects.Events(edge.Callee) {
			if ev.Kind != effects.Change {
				continue
			}
			if looksAt(ev.Deps(), ev.Object) || looksAt(ev.Guards(), ev.Object) {
				return false // the fresh object is looked at
			}
			if change == nil {
				change = ev
			}
		}
	}
	if change == nil {
		return false
	}
	if domain == program.LeaderOnly && !madeAnew(pass, change.Deps()) {
		return false // one replica does this at a time, and comes to the same value
	}
	reportIgnored(pass, row, s, read, change, domain, set.Proof(domain))
	return true
}

// madeAnew tells whether chance takes part in a value, here or where a variable that it uses was set: each run makes
// another one.
func madeAnew(pass *rule.Pass, d effects.Deps) bool {
	if d.Random {
		return true
	}
	for _, p := range d.Places {
		free, ok := p.Root.(*ssa.FreeVar)
		if !ok {
			continue
		}
		for _, cell := range pass.Program.Bindings(free) {
			if pass.Effects.DepsOf(cell.Parent(), cell).Random {
				return true
			}
		}
	}
	return false
}

func looksAt(d effects.Deps, o effects.Object) bool {
	for _, p := range d.Places {
		if p.Object == o && p.Path != "" {
			return true
		}
	}
	return false
}

// earlierDecision returns a read of the object before the call, where a branch on it can keep the call from running.
func earlierDecision(pass *rule.Pass, row *effects.Entry, s *effects.Story) *effects.Event {
	for _, read := range s.Reads() {
		if read.Origin == row.Site {
			continue
		}
		for _, b := range s.Func.Blocks {
			branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
			if !ok || !effects.MayPrecede(read.At, branch) || !effects.MayPrecede(branch, row.Site) || !effects.CanAvoid(branch, row.Site) {
				continue
			}
			if looksAt(pass.Effects.DepsOf(s.Func, branch.Cond), read.Object) {
				return read
			}
		}
	}
	return nil
}

func reportIgnored(pass *rule.Pass, row *effects.Entry, s *effects.Story, read, change *effects.Event, domain program.Domain, proof *program.Proof) {
	kind := kindName(s)
	name := row.Call.Name
	sc := rule.NewScenario()
	what := runs(proof, program.Name(s.Func))
	severity, reason := finding.Critical, "several processes can do this at the same time"
	one, other := "replica A", "replica B"
	switch domain {
	case program.LeaderOnly:
		severity, reason = finding.High, "each run makes a value of its own, and two workers can run at once"
		one, other = "worker 1", "worker 2"
	case program.Unknown:
		severity, reason = finding.High, "who runs it is not known"
	}
	a, b := sc.Actor(one, what), sc.Actor(other, what)
	a.Step(read.Pos(), "reads the "+kind+" and decides to fill it", change.Path+" is empty")
	b.Step(read.Pos(), "reads the same and decides the same", change.Path+" is empty")
	b.Step(row.Site.Pos(), name+" stores its value", "stored: "+change.Path+" of "+other+", which goes on to use it")
	a.Step(row.Site.Pos(), name+" reads again; the mutate function does not look at what came", "in memory: "+change.Path+" of "+other)
	a.Step(change.Pos(), "overwrites "+change.Path, "stored: "+change.Path+" of "+one)
	sc.Outcome("%s works with a value of %s that the %s does not hold any more", other, change.Path, kind)
	pass.Report(rule.Report{
		Func: row.Site.Parent(), Pos: row.Site.Pos(), Severity: severity,
		Reason: reason,
		Message: fmt.Sprintf("%s reads the %s again, but the decision was taken on the read before; its function sets %s without looking at the fresh object, so the version of the decision protects nothing",
			name, kind, change.Path),
		About: kind + " " + change.Path, Domain: domain, Proof: proof,
		Related: []rule.Related{
			{Func: read.Func(), Pos: read.Pos(), Message: "the decision is taken on this read"},
			{Func: change.Func(), Pos: change.Pos(), Message: change.Path + " is overwritten here"},
		},
		Scenario: sc,
		Fix: rule.Fix{
			Description: "Write the object that the decision was taken on, so that a change in between is a conflict; or decide again on the fresh one.",
			Sketch: pass.Words(row.Site).Fill("if $changed { // was: what the decision was taken on\n\t$return // decided meanwhile\n}\n$stmt",
				"changed", isAnother(pass.Holder(change)+"."+change.Path, change.Type), "return", pass.Words(change.Origin).Return("nil"), "stmt", pass.Words(change.Origin).Statement()),
		},
	})
}
