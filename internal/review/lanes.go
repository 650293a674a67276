// SPDX-License-Identifier: Apache-2.0

package review

import (
	"context"
	"slices"
	"sync"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// outcome is what came of one rule: findings, or the reason why it failed.
type outcome struct {
	found  []finding.Finding
	failed *finding.Error
}

// lane is a part of the rules: those that ask for the same facts.
type lane int

const (
	// aboutObjects is the lane of what asks for the stories of API objects, and for times in them.
	aboutObjects lane = iota
	// aboutProcess is the lane of what asks for locks, channels, contexts and goroutines.
	aboutProcess
	// aboutBoth is for rules that ask for what either lane finds.
	aboutBoth
)

// laneOf tells which lane a rule runs in. It decides about time and memory only: a rule finds the same in any lane.
func laneOf(r *rule.Rule) lane {
	switch {
	case r.Across:
		return aboutBoth
	case slices.Contains([]string{"mutex", "channel", "context", "goroutine"}, r.Family()):
		return aboutProcess
	}
	return aboutObjects
}

// runRules runs the rules and returns their outcomes in the order of the rules: two lanes side by side, then the rules that
// ask for what either has found. Facts are found when they are first asked for, and kept; each lane keeps its own, so that
// neither waits for the other nor sees what it has half done.
func (o *Options) runRules(ctx context.Context, p *program.Program, e *effects.Effects) []outcome {
	outcomes := make([]outcome, len(o.Rules))
	run := func(of lane, p *program.Program, e *effects.Effects) {
		for i, one := range o.Rules {
			if laneOf(one) == of && ctx.Err() == nil {
				outcomes[i].found, outcomes[i].failed = runRule(one, p, e, o.Strict)
			}
		}
	}
	fork := p.Fork()
	process := effects.Build(fork)
	var beside sync.WaitGroup
	beside.Go(func() { run(aboutProcess, fork, process) })
	e.Stories() // the ledger needs them too: if they cannot be told, that is no single rule's failure
	run(aboutObjects, p, e)
	beside.Wait()
	if slices.ContainsFunc(o.Rules, func(r *rule.Rule) bool { return laneOf(r) == aboutBoth }) {
		e.ShareMemory(process)
		run(aboutBoth, p, e)
	}
	return outcomes
}
