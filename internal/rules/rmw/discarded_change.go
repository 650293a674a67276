// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var discardedChange = &rule.Rule{
	ID:        "rmw/discarded-change",
	Title:     "a change is overwritten in memory before the request that was to store it",
	Checklist: []string{"1.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "discarded_change.md"),
	Check:     checkDiscardedChange,
}

func checkDiscardedChange(pass *rule.Pass) {
	told := make(map[*effects.Event]bool)
	for _, o := range pass.Effects.Overwrites() {
		if told[o.Change] {
			continue // one change, one finding
		}
		if o.By.Kind == effects.Write && !o.Always && !pass.Strict {
			continue // a request that is made once, as a rule before there is anything stored that could come back
		}
		told[o.Change] = true
		reportDiscarded(pass, o)
	}
}

func reportDiscarded(pass *rule.Pass, o effects.Overwritten) {
	kind := "object"
	if k, ok := kube.KindOf(o.Write.Type); ok && k.Name != "" {
		kind = k.Name
	}
	by, how := "read", "reads the "+kind+" into the same variable"
	if o.By.Kind == effects.Write {
		by, how = "answer to the "+verb(o.By), "sends the "+verb(o.By)+"; the answer of the server is decoded into the same variable"
	}
	if o.By == o.Write {
		by, how = "read in "+o.By.Call.Name, "reads the stored "+kind+" into the same variable"
	}
	severity, reason := finding.High, "each run that makes the change loses it"
	if o.Prepared {
		severity, reason = finding.Medium, "it is stored when the object is made, and never after"
	}
	if !o.Always {
		severity, reason = finding.Medium, "only runs that come through here lose it"
	}
	set := pass.Program.DomainAt(o.By.At)
	domain := set.Worst()
	if domain == program.Test {
		return
	}
	sc := rule.NewScenario()
	a := sc.Actor("worker", runs(set.Proof(domain), program.Name(o.Func)))
	a.Step(o.Change.Pos(), "sets "+o.Change.Path+" of the "+kind, "in memory: the new "+lastName(o.Change.Path))
	a.Step(o.By.Pos(), how, "in memory: "+lastName(o.Change.Path)+" as it is stored")
	a.Step(o.Write.Pos(), "sends the "+verb(o.Write), "stored: "+lastName(o.Change.Path)+" as it was")
	sc.Outcome("the new %s is not stored, and every call has succeeded", o.Change.Path)
	pass.Report(rule.Report{
		Func: o.By.Func(), Pos: o.By.Pos(), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("the %s overwrites %s of %s, which was set before and not stored yet; the %s after it sends the old value",
			by, o.Change.Path, kind, verb(o.Write)),
		About: kind + " " + o.Change.Path, Domain: domain, Proof: set.Proof(domain),
		Related: []rule.Related{
			{Func: o.Change.Func(), Pos: o.Change.Pos(), Message: o.Change.Path + " is set here"},
			{Func: o.Write.Func(), Pos: o.Write.Pos(), Message: "was to store it"},
		},
		Scenario: sc,
		Fix: rule.Fix{
			Description: fmt.Sprintf("Set %s after the %s, just before the %s.", o.Change.Path, by, verb(o.Write)),
			Sketch:      "// after the " + by + ":\n" + pass.Words(o.Change.Origin).Statement() + pass.Words(o.Write.Origin).Fill("\nif err := $call; err != nil {\n\t$return\n}"),
		},
	})
}
