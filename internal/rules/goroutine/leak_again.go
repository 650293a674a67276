// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// startedAgain tells of goroutines that go on until they are told to stop, and that each round of a reconcile or each request
// starts anew, whether one runs already or not.
func startedAgain(p *rule.Pass) {
	for _, again := range p.Effects.StartedAgain() {
		starter, body := again.Spawn.Site.Parent(), again.Spawn.Body
		if !p.Reviewed(starter) || !p.Reviewed(body) {
			continue
		}
		name, entry := program.Name(starter), program.Name(again.Entry.Func)
		sc := rule.NewScenario()
		s := sc.Actor(entry, "runs again and again")
		g := sc.Actor("goroutine started by "+name, "goes on until it is told to stop")
		s.Step(again.Spawn.Site.Pos(), "starts the goroutine", "1 runs")
		g.Step(again.Stop.Pos(), "waits, works and waits", "nothing of this round ends it")
		s.Step(again.Spawn.Site.Pos(), "comes round again and starts another", "2 run")
		sc.Outcome("each round adds a goroutine that does the same work beside the others")
		put(p, starter, again.Spawn.Site, program.Name(body), fmt.Sprintf("%s runs again and again", entry), rule.Report{
			Message:  fmt.Sprintf("each run of %s starts %s once more, which goes on until it is told to stop; nothing asks whether one runs already", entry, program.Name(body)),
			Related:  []rule.Related{{Func: body, Pos: again.Stop.Pos(), Message: "it ends here only"}},
			Scenario: sc,
			Fix: rule.Fix{Description: "start it once, or end the former one first",
				Sketch: p.Words(again.Spawn.Site).Fill("if cancel := running[key]; cancel != nil { // running: a map of the cancel functions; key: what the goroutine works for\n\tcancel() // the former one ends\n}\nownCtx, cancel := context.WithCancel($parent)\nrunning[key] = cancel\n// and then, under ownCtx, what stands at $at", "at", p.Program.At(again.Spawn.Site.Pos()))},
		})
	}
}
