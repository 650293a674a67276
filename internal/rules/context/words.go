// SPDX-License-Identifier: Apache-2.0

package context

import (
	"fmt"
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// place is where code runs: the worst domain of its function, and the proof.
type place struct {
	domain program.Domain
	proof  *program.Proof
	entry  *program.Entry
}

func placeOf(p *program.Program, fn *ssa.Function) place {
	set := p.DomainOf(fn)
	out := place{domain: set.Worst()}
	out.proof = set.Proof(out.domain)
	if out.proof != nil {
		out.entry = out.proof.Entry
	}
	return out
}

// actor names what runs fn: its entry point, or the function itself where none is known.
func (at place) actor(fn *ssa.Function) string {
	if at.entry != nil {
		return at.entry.String()
	}
	return "caller of " + program.Name(fn)
}

// runs says on which replica the actor runs.
func (at place) runs() string {
	switch at.domain {
	case program.EveryReplica:
		return "runs on every replica"
	case program.LeaderOnly:
		return "runs on the leader"
	case program.StartUp:
		return "runs when the process starts"
	}
	return "runs where its callers do"
}

// reviewed tells whether a function is code that a finding may stand in.
func reviewed(pass *rule.Pass, fn *ssa.Function) bool {
	return !pass.Program.InTest(fn) && !pass.Program.Generated(fn) && pass.Program.DomainOf(fn).Worst() != program.Test
}

// workName names the call in which a way ends: client.Reader.Get at file:line.
func workName(p *program.Program, site ssa.CallInstruction) string {
	return fmt.Sprintf("%s at %s", effects.Describe(site), p.At(p.Start(site)))
}

// valid returns pos, or the function's own position where a value has none.
func valid(pos token.Pos, fn *ssa.Function) token.Pos {
	if pos.IsValid() {
		return pos
	}
	return fn.Pos()
}

// outermost returns the declared function that a closure belongs to.
func outermost(fn *ssa.Function) *ssa.Function {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	return fn
}
