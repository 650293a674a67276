// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var readAfterWrite = &rule.Rule{
	ID:        "cache/read-after-write",
	Title:     "what was just written is read from the cache and decides",
	Checklist: []string{"3.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "read_after_write.md"),
	Check:     checkReadAfterWrite,
}

func checkReadAfterWrite(pass *rule.Pass) {
	for _, r := range pass.Effects.Rereads() {
		fn := r.Read.Func()
		if !pass.Reviewed(fn) {
			continue
		}
		if domain := pass.Where(fn).Domain; domain != program.EveryReplica && !pass.Strict {
			continue // a reconcile is run again by the event of its own write, when the cache has caught up
		}
		reportReread(pass, r)
	}
}

func reportReread(pass *rule.Pass, r effects.Reread) {
	fn, kind := r.Read.Func(), readKind(r.Read)
	where := pass.Where(fn)
	s := rule.NewScenario()
	a := s.Actor(where.Actor(fn), where.Runs())
	a.Step(r.By.Pos(), "writes "+r.Field+" of the "+kind, "stored; the watch has not told the cache yet")
	a.Step(r.Read.Pos(), "reads the "+kind+" from the cache", r.Field+" is what it was before")
	a.Step(effects.Position(r.Branch), "decides by "+r.Field, "as if nothing had been written")
	s.Outcome("who asked gets the answer for the %s as it was before its own write", kind)
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(r.Read.Origin.(ssa.CallInstruction)),
		Severity: finding.High, Reason: "the cache hears of a write after the writer does",
		Message: fmt.Sprintf("%s writes %s of the %s, then reads it from the cache (client: %s) and decides by %s; the cache may not have heard of the write",
			program.Name(fn), r.Field, kind, r.Because, r.Field),
		About:  "reread " + kind,
		Domain: where.Domain, Proof: where.Proof,
		Related: []rule.Related{
			{Func: fn, Pos: r.By.Pos(), Message: "writes the " + kind},
			{Func: r.Write.Parent(), Pos: r.Write.Pos(), Message: "the request"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "go on with the object that the write returned, or ask the API server",
			Sketch:      liveRead(pass, r.Read),
		},
	})
}
