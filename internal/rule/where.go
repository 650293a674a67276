// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Where is where a function runs: the most dangerous of its domains, with the proof.
type Where struct {
	Domain program.Domain
	Proof  *program.Proof
	// Entry is the entry point that the proof begins at, or nil.
	Entry *program.Entry
}

// Where returns where fn runs.
func (p *Pass) Where(fn *ssa.Function) Where {
	set := p.Program.DomainOf(fn)
	out := Where{Domain: set.Worst()}
	if out.Proof = set.Proof(out.Domain); out.Proof != nil {
		out.Entry = out.Proof.Entry
	}
	return out
}

// Actor names what runs fn in a scenario: its entry point, or its caller where none is known.
func (w Where) Actor(fn *ssa.Function) string {
	if w.Entry != nil {
		return w.Entry.String()
	}
	return "caller of " + program.Name(fn)
}

// Runs says on which replica the actor runs.
func (w Where) Runs() string {
	switch w.Domain {
	case program.EveryReplica:
		return "runs on every replica"
	case program.LeaderOnly:
		return "runs on the leader"
	case program.StartUp:
		return "runs when the process starts"
	}
	return "runs where its callers do"
}

// Repeats tells whether the code runs again and again in the life of a process: per request, per reconcile, per event.
func (w Where) Repeats() bool {
	if w.Entry == nil {
		return false
	}
	switch w.Entry.Kind {
	case program.EntryReconcile, program.EntryWebhook, program.EntryHTTP, program.EntryGRPC, program.EntryInformer, program.EntryProbe, program.EntryMetrics:
		return true
	}
	return false
}

// Reviewed tells whether a finding may stand in fn: tests, packages that help tests, generated code, and what a command is
// built of but nobody in it runs are left out.
func (p *Pass) Reviewed(fn *ssa.Function) bool {
	return !p.Program.InTest(fn) && !p.Program.Generated(fn) && !p.Program.TestSupport(fn) && p.Program.DomainOf(fn).Worst() != program.Test &&
		!p.Program.Unused(fn)
}

// Watched tells whether a finding about memory, locks or channels may stand in fn: generated code is left out, for
// its author is a generator, and what is there for tests unless tests are reviewed.
func (p *Pass) Watched(fn *ssa.Function) bool {
	return !p.Program.Generated(fn) && (p.Program.Tests() || !p.Program.ForTests(fn))
}
