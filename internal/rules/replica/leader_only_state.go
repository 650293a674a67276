// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"fmt"
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// leaderOnlyState reports memory that only the leader fills and every replica answers from.
var leaderOnlyState = &rule.Rule{
	ID:       "replica/leader-only-state",
	Title:    "memory that only the leader fills is read on every replica",
	Severity: finding.High,
	Needs:    rule.Program,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "leader_only_state.md"),
	Check:    checkLeaderOnlyState,
}

// onesided is memory with a writer on the leader and a reader elsewhere.
type onesided struct {
	memory      *effects.Residence
	write, read *effects.Touch
	// fills and asks are where other code calls what touches the memory: the places that readers know.
	fills, asks   ssa.Instruction
	leader, every *program.Proof
	others        []*effects.Touch
}

func checkLeaderOnlyState(pass *rule.Pass) {
	for _, r := range pass.Effects.Residences() {
		if r.Owner != nil && pass.Effects.IsAPIPart(types.NewPointer(r.Owner)) {
			continue // a field of an API object: each process decodes objects of its own
		}
		if o := filledByLeader(pass, r); o != nil && o.askedElsewhere(pass) {
			reportOnesided(pass, o)
		}
	}
}

// filledByLeader tells whether all writes of a memory, beside those that make it, run on the leader only.
func filledByLeader(pass *rule.Pass, r *effects.Residence) *onesided {
	var o *onesided
	for _, w := range r.Writes {
		if makes(w) {
			continue // a constructor: each replica has it, empty
		}
		set := pass.Program.DomainAt(w.At)
		switch set.Worst() {
		case program.LeaderOnly:
			if o == nil && w.Value != nil || o == nil && isCall(w.At) {
				o = &onesided{memory: r, write: w, leader: set.Proof(program.LeaderOnly)}
			}
		case program.StartUp:
			if !isFresh(w.Value) {
				return nil // every replica has a value from its start
			}
		default:
			return nil // every replica fills it, or nobody knows who does
		}
	}
	if o != nil {
		o.fills = outside(r, o.leader, o.write.At)
	}
	return o
}

// makes tells whether a write belongs to the making of the struct: it is a local variable of the same function.
func makes(w *effects.Touch) bool {
	_, local := w.Base.(*ssa.Alloc)
	return local
}

// isCall tells whether a library call touches the memory, as Store of an atomic does.
func isCall(at ssa.Instruction) bool {
	call, ok := at.(ssa.CallInstruction)
	if !ok {
		return false
	}
	_, builtin := call.Common().Value.(*ssa.Builtin)
	return !builtin
}

// isFresh tells whether a value is empty: a constant, a new map or struct.
func isFresh(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.Const, *ssa.MakeMap, *ssa.MakeSlice, *ssa.Alloc:
		return true
	case *ssa.MakeInterface:
		return isFresh(x.X)
	}
	return false
}

// askedElsewhere finds a read on every replica of the same instance, by code that answers somebody: handlers, webhooks,
// probes, runnables. Informer callbacks of a controller run where the controller runs, metrics of the leader are the
// leader's, and what main starts aside (a dump on a signal) knows of which process it tells.
func (o *onesided) askedElsewhere(pass *rule.Pass) bool {
	for _, r := range o.memory.Reads {
		if r.At.Parent() == o.write.At.Parent() {
			continue // part of the writing
		}
		proof := pass.Program.DomainAt(r.At).Proof(program.EveryReplica)
		if proof == nil || !answers(proof.Entry) || !sameInstance(pass, o.memory, o.write, r) {
			continue
		}
		if within(proof, o.write.At.Parent()) {
			continue // who fills it registers the reader, too: where it is not filled nobody asks
		}
		if o.read != nil {
			o.others = append(o.others, r)
			continue
		}
		o.read, o.every = r, proof
		o.asks = outside(o.memory, proof, r.At)
	}
	return o.read != nil
}

// within tells whether the entry of a proof is a closure that fn makes.
func within(proof *program.Proof, fn *ssa.Function) bool {
	for outer := proof.Entry.Func.Parent(); outer != nil; outer = outer.Parent() {
		if outer == fn {
			return true
		}
	}
	return false
}

func answers(e *program.Entry) bool {
	switch e.Kind {
	case program.EntryWebhook, program.EntryHTTP, program.EntryGRPC, program.EntryProbe, program.EntryRunnable:
		return true
	}
	return false
}

// sameInstance tells whether writer and reader can have the same struct: one that is made when the process starts.
func sameInstance(pass *rule.Pass, r *effects.Residence, w, read *effects.Touch) bool {
	if r.Owner == nil {
		return true // a package variable
	}
	mine := made(pass, w.Base)
	for v := range made(pass, read.Base) {
		if mine[v] {
			return true
		}
	}
	return false
}

// made returns the places that a struct can be made at, as far as the process does so when it starts.
func made(pass *rule.Pass, base ssa.Value) map[ssa.Value]bool {
	out := make(map[ssa.Value]bool)
	for _, v := range pass.Program.Sources(base).Values {
		switch x := v.(type) {
		case *ssa.Alloc:
			if pass.Program.DomainOf(x.Parent()).Worst() == program.StartUp {
				out[x] = true // a maker that others call, too, gives each of them one of its own
			}
		case *ssa.Global, *ssa.FieldAddr:
			out[v] = true
		}
	}
	return out
}

// outside returns the call, on the way of a proof, by which other code comes to the methods of the memory's owner; at
// itself where the toucher is no method of it.
func outside(r *effects.Residence, proof *program.Proof, at ssa.Instruction) ssa.Instruction {
	if r.Owner == nil || !methodOf(at.Parent(), r.Owner) {
		return at
	}
	for i := len(proof.Path) - 1; i >= 0; i-- {
		if site := proof.Path[i]; !methodOf(site.Parent(), r.Owner) {
			return site
		}
	}
	return at
}

func methodOf(fn *ssa.Function, owner *types.Named) bool {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	recv := fn.Signature.Recv()
	return recv != nil && program.Named(recv.Type()) == owner
}

func reportOnesided(pass *rule.Pass, o *onesided) {
	severity, reason := finding.High, "the reader takes what it finds for the truth"
	if o.read.Guarded || callerAsks(o) {
		severity, reason = finding.Medium, "the reader tells the empty state apart"
	}
	pos := position(pass, o.asks)
	related := []rule.Related{
		{Func: o.write.At.Parent(), Pos: touchPos(o.write), Message: "writes " + o.memory.Name},
		{Func: o.fills.Parent(), Pos: position(pass, o.fills), Message: "the leader fills it from here"},
		{Func: o.read.At.Parent(), Pos: touchPos(o.read), Message: "reads " + o.memory.Name},
	}
	for _, r := range o.others {
		related = append(related, rule.Related{Func: r.At.Parent(), Pos: touchPos(r), Message: "reads it too"})
	}
	pass.Report(rule.Report{
		Func: o.asks.Parent(), Pos: pos, Severity: severity, Reason: reason,
		Message: fmt.Sprintf("reads %s, which only the leader fills (%s); on every other replica it stays empty, or as it was when that replica led",
			o.memory.Name, o.leader.Entry),
		About:    o.memory.Name,
		Domain:   program.EveryReplica,
		Proof:    o.every,
		Related:  related,
		Scenario: askedInVain(pass, o, pos),
		Fix: rule.Fix{
			Description: "answer from what every replica has: the API server or its cache; or fill the memory on every replica",
			Sketch: fmt.Sprintf("// instead of %s: read the object that the leader wrote, through the client\n"+
				"// or fill it in a runnable of its own:\nfunc (*Filler) NeedLeaderElection() bool { return false } // Filler: that runnable", o.memory.Name),
		},
	})
}

// callerAsks tells whether the reader gives what it found to its caller, which compares it with nil or zero.
func callerAsks(o *onesided) bool {
	if len(o.every.Path) == 0 {
		return false
	}
	call, ok := o.every.Path[len(o.every.Path)-1].(*ssa.Call)
	if !ok {
		return false
	}
	for _, ref := range *call.Referrers() {
		if op, ok := ref.(*ssa.BinOp); ok && effects.ComparesEmpty(op) {
			return true
		}
	}
	return false
}

func askedInVain(pass *rule.Pass, o *onesided, pos token.Pos) *rule.Scenario {
	s := rule.NewScenario()
	leader := s.Actor("replica A, the leader", o.leader.Entry.String())
	other := s.Actor("replica B", o.every.Entry.String())
	leader.Step(position(pass, o.fills), "fills "+o.memory.Name, "filled in the process of A")
	other.Step(pos, "is asked and reads "+o.memory.Name, "empty in the process of B: nobody there fills it")
	s.Outcome("the answer depends on which replica is asked; all but the leader answer from empty memory")
	return s
}

// position returns where a reader finds an instruction.
func position(pass *rule.Pass, instr ssa.Instruction) token.Pos {
	if site, ok := instr.(ssa.CallInstruction); ok {
		return pass.Program.Start(site)
	}
	return effects.Position(instr)
}

func touchPos(t *effects.Touch) token.Pos { return effects.Position(t.At) }
