// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// UnsignalledPath reports a wait whose answerer has a way out on which it neither sends nor closes.
var UnsignalledPath = &rule.Rule{
	ID:        "channel/unsignalled-path",
	Title:     "goroutine can leave without the signal that others wait for",
	Checklist: []string{"4.4", "6.3"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "unsignalled_path.md"),
	Check:     unsignalledPath,
}

func unsignalledPath(p *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, wait := range p.Effects.Channels().Ops {
		// A range that nobody closes is a leak, told by goroutine/leak.
		if wait.Range || !p.Watched(wait.Func) {
			continue
		}
		if armed := p.Effects.ArmedTooEarly(wait); armed != nil && !told[armed.Exit] {
			told[armed.Exit] = true
			tellArmed(p, armed)
			continue
		}
		b := p.Effects.BrokenContract(wait)
		if b == nil || told[b.Exit] {
			continue
		}
		told[b.Exit] = true
		tellUnsignalled(p, b)
	}
}

func tellUnsignalled(p *rule.Pass, b *effects.Broken) {
	wait := b.Wait
	waiter, answerer := program.Name(wait.Func), program.Name(b.In)
	pos := leaving(b.Exit)
	sev, why := finding.High, often(p, wait.Func)
	if p.Effects.OncePerProcess(wait.Func) {
		sev, why = finding.Critical, fmt.Sprintf("%s runs when the process starts or stops: that hangs", waiter)
	}
	sc := rule.NewScenario()
	w := sc.Actor(waiter, "waits for "+wait.Expr)
	g := sc.Actor("goroutine started by "+program.Name(b.Answerer.Start.Parent())+" ("+answerer+")", "must signal "+field(wait.Expr))
	g.Step(b.Answerer.Start.Pos(), "starts", "")
	g.Step(pos, "leaves "+answerer, field(wait.Expr)+" is neither sent to nor closed")
	w.Step(wait.Pos, verb(wait), "waits; nobody else signals it")
	sc.Outcome("%s never gets past %s", waiter, at(p, wait.Pos))
	finish(p, wait, b.Channel.Name, rule.Report{
		Severity: sev, Reason: why,
		Message: fmt.Sprintf("%s can leave at %s without a signal on %s; %s then waits for ever",
			answerer, at(p, pos), wait.Expr, waiter),
		Related:  append([]rule.Related{{Func: b.In, Pos: pos, Message: "leaves without the signal"}}, related(b.Signals)...),
		Scenario: sc,
		Fix:      rule.Fix{Description: "signal on every way out", Sketch: signalSketch(b)},
	})
}

// signalSketch shows the signal deferred, which covers returns and panics alike.
func signalSketch(b *effects.Broken) string {
	s := b.Signals[0]
	if s.Kind == effects.ChannelClose {
		return fmt.Sprintf("defer close(%s) // first statement of %s", s.Expr, program.Name(b.In))
	}
	return fmt.Sprintf("defer close(%s) // first statement of %s: receivers then get the zero value", s.Expr, program.Name(b.In))
}
