// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// unelected reports a manager without leader election whose controllers write: all replicas run them at once.
var unelected = &rule.Rule{
	ID:       "replica/unelected",
	Title:    "a manager without leader election runs controllers that write",
	Severity: finding.High,
	Needs:    rule.Program,
	Strict:   true, // most managers without election are alone, one for each node, or elected in a way that the code does not show
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "unelected.md"),
	Check:    checkUnelected,
}

// writing is an entry of a manager with a write that it leads to.
type writing struct {
	entry *program.Entry
	row   *effects.Entry
	proof *program.Proof
}

func checkUnelected(pass *rule.Pass) {
	for _, m := range pass.Program.Managers {
		fn := m.Site.Parent()
		if m.Election != program.ElectionOff || pass.Program.TestSupport(fn) || pass.Program.Aside(m.Pos()) {
			continue // elected, decided at run time, or a tool for tests and development
		}
		replicas := pass.Program.ReplicasOf(m.Pos())
		if replicas.PerNode && replicas.Most == 0 {
			continue // a DaemonSet: each process has its own node, nobody is elected
		}
		if replicas.Most == 1 && !replicas.Open {
			continue // one is asked for: that it overlaps with its successor is taken into the bargain
		}
		if deploysAnother(pass, m, replicas) {
			continue // nothing shows how many of this one there are
		}
		if m.SaysOff {
			continue // written out: that all replicas run, or that there is one, is meant
		}
		if found := writings(pass, m); len(found) > 0 {
			reportUnelected(pass, m, found, replicas)
		}
	}
}

// deploysAnother tells whether the workloads that could be the program's are those of another manager, which is elected or may be:
// what is replicated is that one. An agent in the pods that an operator makes is not deployed by the tree.
func deploysAnother(pass *rule.Pass, m *program.Manager, replicas program.Replicas) bool {
	return slices.ContainsFunc(pass.Program.Managers, func(other *program.Manager) bool {
		fn := other.Site.Parent()
		return other != m && other.Election != program.ElectionOff && !pass.Program.InTest(fn) && !pass.Program.TestSupport(fn) &&
			!pass.Program.Aside(other.Pos()) && pass.Program.ReplicasOf(other.Pos()).Folder == replicas.Folder
	})
}

// writings lists the reconcilers and runnables of a manager that write to the API, with their first write, in source
// order. Those that say that they need no election are not among them.
func writings(pass *rule.Pass, m *program.Manager) []writing {
	var out []writing
	seen := make(map[*program.Entry]bool)
	for _, row := range pass.Effects.Ledger() {
		proof := pass.Effects.Domain(row).Proof(program.EveryReplica)
		if proof == nil || pass.Program.InTest(row.Site.Parent()) || createsOnce(row) {
			continue
		}
		for _, entry := range pass.Program.EntriesOf(row.Site.Parent()) {
			if entry.Manager != m || seen[entry] || !electable(entry) {
				continue
			}
			seen[entry] = true
			out = append(out, writing{entry: entry, row: row, proof: proof})
		}
	}
	return out
}

// createsOnce tells whether a write is a create under a name that all replicas come to: the second answers AlreadyExists.
func createsOnce(row *effects.Entry) bool {
	if row.Call.Effect != kube.Create || len(row.Stories) == 0 {
		return false
	}
	naming, _ := row.Stories[0].Naming()
	return naming == effects.NameFixed
}

// electable tells whether leader election would keep an entry to one replica.
func electable(e *program.Entry) bool {
	switch e.Kind {
	case program.EntryReconcile, program.EntryRunnable:
		return !strings.Contains(e.Because, "NeedLeaderElection says false") && !strings.Contains(e.Because, "NeedLeaderElection set to false")
	}
	return false
}

func reportUnelected(pass *rule.Pass, m *program.Manager, found []writing, replicas program.Replicas) {
	reason := "nothing in the tree says that only one replica runs"
	if replicas.Most > 1 {
		reason = fmt.Sprintf("%s:%d asks for %d replicas", replicas.File, replicas.Line, replicas.Most)
	}
	first := found[0]
	var related []rule.Related
	for _, w := range found {
		related = append(related, rule.Related{Func: w.row.Site.Parent(), Pos: w.row.Site.Pos(),
			Message: fmt.Sprintf("%s writes here", w.entry)})
	}
	others := ""
	if n := len(found) - 1; n > 0 {
		others = fmt.Sprintf(" and %d more", n)
	}
	pass.Report(rule.Report{
		Func: m.Site.Parent(), Pos: pass.Program.Start(m.Site), Severity: finding.High, Reason: reason,
		Message: fmt.Sprintf("%s; every replica runs %s%s at the same time, and each of them writes", clause(m.Because), first.entry, others),
		About:   "manager", Domain: program.EveryReplica, Proof: first.proof,
		Related:  related,
		Scenario: bothWork(m, first),
		Fix:      electionFix(pass, m),
	})
}

// clause makes the manager's own word on its election fit for the start of a message.
func clause(because string) string {
	return strings.Replace(because, "its manager's leader election", "the manager's leader election", 1)
}

func bothWork(m *program.Manager, w writing) *rule.Scenario {
	s := rule.NewScenario()
	a, b := s.Actor("replica A", w.entry.String()), s.Actor("replica B", w.entry.String())
	a.Step(m.Pos(), "starts the manager and waits for no election", "its controllers run")
	b.Step(m.Pos(), "starts the manager and waits for no election", "its controllers run too")
	a.Step(w.entry.Func.Pos(), "works on an object", "decided on what A saw")
	b.Step(w.entry.Func.Pos(), "works on the same object", "decided on what B saw")
	a.Step(w.row.Site.Pos(), "writes", "A's result")
	b.Step(w.row.Site.Pos(), "writes", "B's result, or a conflict")
	s.Outcome("all that is done once per object is done once per replica: creates, deletes, calls of other systems, and each overwrites the other")
	return s
}

// leaseName is a name for the lease of a program: that of its directory.
func leaseName(pass *rule.Pass, m *program.Manager) string {
	dir := ""
	if pkg := pass.Program.Package(m.Site.Parent()); pkg != nil {
		dir = pkg.Path
	}
	for dir != "" && slices.Contains([]string{"app", "cmd", "internal", "main", "manager", "pkg"}, path.Base(dir)) {
		dir = strings.TrimSuffix(strings.TrimSuffix(dir, path.Base(dir)), "/")
	}
	if dir == "" {
		return "leader"
	}
	return path.Base(dir) + "-leader"
}

func electionFix(pass *rule.Pass, m *program.Manager) rule.Fix {
	if m.Flag != "" {
		return rule.Fix{
			Description: "switch leader election on by default, or pass the flag in the manifests",
			Sketch:      fmt.Sprintf("args := []string{\"--%s\"} // of the container, in the manifests; or make true the default of the flag", m.Flag),
		}
	}
	return rule.Fix{
		Description: "switch leader election on",
		Sketch:      pass.Words(m.Site).Fill("$ctrl.Options{\n\tLeaderElection:   true,\n\tLeaderElectionID: \"$id\", // one for each program\n}", "id", leaseName(pass, m)),
	}
}
