// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"fmt"
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// localAuthority reports memory of one process that decides what must hold for the cluster.
var localAuthority = &rule.Rule{
	ID:       "replica/local-authority",
	Title:    "memory of one process decides for the cluster",
	Severity: finding.Medium,
	Strict:   true, // a cache of tokens decides whether a request is sent, too: the code does not say which is which
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "local_authority.md"),
	Check:    checkLocalAuthority,
}

// authority is a test of memory that decides whether something is created or sent.
type authority struct {
	memory *effects.Residence
	branch *ssa.If
	note   *effects.Touch // where the memory is told
	effect ssa.CallInstruction
	does   string
	proof  *program.Proof
}

func checkLocalAuthority(pass *rule.Pass) {
	owner := make(map[ssa.Instruction]*effects.Residence)
	for _, r := range pass.Effects.Residences() {
		for _, read := range r.Reads {
			owner[read.At] = r
		}
	}
	told := make(map[*effects.Residence]bool)
	for _, fn := range pass.Program.Funcs {
		if pass.Program.InTest(fn) || pass.Program.TestSupport(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			if a := decidedLocally(pass, owner, site); a != nil && !told[a.memory] {
				told[a.memory] = true
				reportAuthority(pass, a)
			}
		}
	}
}

// decidedLocally tells whether site does something once, on every replica, that a test of memory decides on.
func decidedLocally(pass *rule.Pass, owner map[ssa.Instruction]*effects.Residence, site ssa.CallInstruction) *authority {
	does := onceOnly(pass, site)
	if does == "" {
		return nil
	}
	proof := pass.Program.DomainAt(site).Proof(program.EveryReplica)
	if proof == nil || !serves(proof.Entry) {
		return nil // the leader alone, or no requests that a Service spreads over replicas
	}
	for _, branch := range effects.Conditions(site.Block()) {
		r := asked(pass, owner, branch.Cond, 0)
		if r == nil {
			continue
		}
		if note := notes(pass, r, site.Parent()); note != nil {
			return &authority{memory: r, branch: branch, note: note, effect: site, does: does, proof: proof}
		}
	}
	return nil
}

func serves(e *program.Entry) bool {
	return e.Kind == program.EntryHTTP || e.Kind == program.EntryGRPC || e.Kind == program.EntryWebhook
}

// onceOnly says what a call does that a second call does again: it creates an object under a fresh name, or sends.
func onceOnly(pass *rule.Pass, site ssa.CallInstruction) string {
	if row := program.Model(site); row != nil && row.Effect == kube.Create {
		for _, s := range pass.Effects.Stories() {
			if s.Write.Origin != ssa.Instruction(site) {
				continue
			}
			if n, _ := s.Naming(); n == effects.NameGenerated || n == effects.NameRandom {
				return "creates an object under a fresh name"
			}
		}
		return ""
	}
	if send := pass.Effects.Sends(site); send != nil {
		return "sends (" + effects.Describe(send) + ")"
	}
	return ""
}

// asked returns the memory that a condition is read from, in the function itself or by a method that answers yes or no.
func asked(pass *rule.Pass, owner map[ssa.Instruction]*effects.Residence, v ssa.Value, depth int) *effects.Residence {
	if depth > 6 {
		return nil
	}
	switch x := v.(type) {
	case *ssa.UnOp:
		if r := owner[x]; r != nil && x.Op == token.MUL {
			return r
		}
		return asked(pass, owner, x.X, depth+1)
	case *ssa.BinOp:
		if r := asked(pass, owner, x.X, depth+1); r != nil {
			return r
		}
		return asked(pass, owner, x.Y, depth+1)
	case *ssa.Extract:
		return asked(pass, owner, x.Tuple, depth+1)
	case *ssa.Lookup:
		return asked(pass, owner, x.X, depth+1)
	case *ssa.Call:
		if r := owner[x]; r != nil {
			return r
		}
		return answeredBy(pass, owner, x)
	}
	return nil
}

// answeredBy returns the memory that an own function reads to answer yes or no.
func answeredBy(pass *rule.Pass, owner map[ssa.Instruction]*effects.Residence, call *ssa.Call) *effects.Residence {
	for _, callee := range pass.Program.Static(call) {
		for _, b := range callee.Blocks {
			branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
			if !ok {
				continue
			}
			if r := asked(pass, owner, branch.Cond, 4); r != nil && r.Owner != nil && methodOf(callee, r.Owner) {
				return r
			}
		}
	}
	return nil
}

// notes returns the write by which the same flow tells the memory what it did: a mark, a time, a count, not a copy of what
// the API server knows. An entry that the flow removes again is a lock, which rmw/own-mutex tells.
func notes(pass *rule.Pass, r *effects.Residence, fn *ssa.Function) *effects.Touch {
	var note *effects.Touch
	for _, w := range r.Writes {
		at := w.At.Parent()
		if makes(w) || at != fn && !calls(pass, fn, at) {
			continue
		}
		if _, deferred := w.At.(*ssa.Defer); deferred {
			return nil
		}
		if w.Value == nil {
			if at == fn {
				return nil
			}
			continue
		}
		d := pass.Effects.DepsOf(at, w.Value)
		if note == nil && (d.Now || d.Constant || d.Arithmetic) {
			note = w
		}
	}
	return note
}

// calls tells whether fn calls the function directly.
func calls(pass *rule.Pass, fn, callee *ssa.Function) bool {
	for _, e := range pass.Program.CallsFrom(fn) {
		if e.Callee == callee {
			return true
		}
	}
	return false
}

func reportAuthority(pass *rule.Pass, a *authority) {
	pos := effects.Position(a.effect)
	cond := a.branch.Cond.Pos()
	if !cond.IsValid() {
		cond = pos
	}
	pass.Report(rule.Report{
		Func: a.effect.Parent(), Pos: position(pass, a.effect), Severity: finding.Medium,
		Reason: "every replica has a memory of its own",
		Message: fmt.Sprintf("%s when %s of this process says so; each replica decides from its own, and together they do it once per replica",
			a.does, a.memory.Name),
		About: a.memory.Name, Domain: program.EveryReplica, Proof: a.proof,
		Related: []rule.Related{
			{Func: a.branch.Parent(), Pos: cond, Message: "asks " + a.memory.Name},
			{Func: a.note.At.Parent(), Pos: touchPos(a.note), Message: "notes in " + a.memory.Name},
		},
		Scenario: eachForItself(a, pos, cond),
		Fix: rule.Fix{
			Description: "let an object of the API decide: a name that is taken, a version that conflicts, a field in a status",
			Sketch:      fmt.Sprintf("// instead of %s: create an object whose name is what must happen once;\n// AlreadyExists says that another replica was first", a.memory.Name),
		},
	})
}

func eachForItself(a *authority, pos, cond token.Pos) *rule.Scenario {
	s := rule.NewScenario()
	first, second := s.Actor("replica A", a.proof.Entry.String()), s.Actor("replica B", a.proof.Entry.String())
	first.Step(cond, "asks "+a.memory.Name, "nothing noted in process A")
	first.Step(pos, a.does, "done once")
	first.Step(touchPos(a.note), "notes it in "+a.memory.Name, "known in process A only")
	second.Step(cond, "is asked the same and asks "+a.memory.Name, "nothing noted in process B")
	second.Step(pos, a.does, "done twice")
	s.Outcome("what %s was to allow once, or so many times, happened that often on each replica", a.memory.Name)
	return s
}
