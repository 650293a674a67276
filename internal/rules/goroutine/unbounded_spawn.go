// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var unboundedSpawn = &rule.Rule{
	ID:        "goroutine/unbounded-spawn",
	Title:     "A goroutine per item without a limit, each calling another machine",
	Checklist: []string{"6.2"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Strict:    true, // the items are most often those that somebody has configured, and the code does not say so
	Since:     "v0.1.0",
	Doc:       rule.Page(pages, "unbounded_spawn.md"),
	Check:     checkUnboundedSpawn,
}

func checkUnboundedSpawn(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, spawn := range pass.Effects.Goroutines().Spawns {
		fn := spawn.Site.Parent()
		if told[spawn.Site] || !pass.Reviewed(fn) || pass.Program.DomainOf(fn).Worst() == program.StartUp {
			continue // at start-up the number is the configuration's
		}
		items := effects.ItemsOf(spawn.Site)
		if items == nil || effects.Limited(spawn.Site) {
			continue // a fixed number of workers; or something holds the loop back
		}
		if effects.Joined(spawn.Site) && !pass.Strict {
			continue // the caller waits, so the next round does not come on top of this one
		}
		work := pass.Effects.Work().Reach(spawn.Body)
		if work == nil {
			continue // goroutines are cheap, requests are not
		}
		if waitsForEvents(pass, work.Site) {
			continue // a worker for each that waits for its own events: the requests come one by one
		}
		told[spawn.Site] = true
		reportSpawn(pass, spawn, items, work)
	}
}

// waitsForEvents tells whether a call stands in a loop that waits for a message each time before it.
func waitsForEvents(pass *rule.Pass, site ssa.CallInstruction) bool {
	if !effects.InLoop(site) {
		return false
	}
	for _, op := range pass.Effects.Channels().In(site.Parent()) {
		if op.Kind == effects.ChannelReceive && op.Blocking() && effects.InLoop(op.Instr) && effects.Before(op.Instr, site) {
			return true
		}
	}
	return false
}

func reportSpawn(pass *rule.Pass, spawn effects.Spawn, items *effects.Items, work *effects.WorkPath) {
	fn, p := spawn.Site.Parent(), pass.Program
	where := pass.Where(fn)
	start, call := startOf(p, spawn.Site), work.Last()
	s := rule.NewScenario()
	starter := s.Actor(where.Actor(fn), where.Runs())
	workers := s.Actor("goroutines of "+program.Name(fn), "run "+program.Name(spawn.Body))
	starter.Step(valid(items.At.Pos(), fn), "has 5,000 "+items.What, "")
	starter.Step(start, "starts a goroutine for each", "5,000 goroutines")
	workers.Step(p.Start(call), "all wait in "+effects.Describe(call), "5,000 requests at once")
	s.Outcome("The client's rate limit, the other side or the memory gives in: requests time out that had nothing to do with it.")
	pass.Report(rule.Report{
		Func: fn, Pos: start, Severity: finding.Medium, Reason: "the number of goroutines is the number of " + items.What,
		Message: fmt.Sprintf("a goroutine for each of the %s calls %s, with no limit; as many requests go out at once.", items.What, effects.Describe(call)),
		About:   effects.Describe(call), Domain: where.Domain, Proof: where.Proof, Scenario: s,
		Related: []rule.Related{{Func: call.Parent(), Pos: p.Start(call), Message: "each goroutine calls " + effects.Describe(call)}},
		Fix: rule.Fix{
			Description: "limit how many run at once",
			Sketch:      pass.Words(call).Fill("group, groupCtx := errgroup.WithContext($parent)\ngroup.SetLimit(10)\n// in the loop, in place of the go statement:\ngroup.Go(func() error {\n\t$call // under groupCtx\n\treturn nil\n})\n// and behind it:\nerr := group.Wait()"),
		},
	})
}
