// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"go/token"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// Domain is where code runs. Several can hold for one function; DomainSet keeps them apart.
type Domain int

// The domains, the most dangerous first.
const (
	// Unknown: no entry point of the reviewed code leads here.
	Unknown Domain = iota
	// EveryReplica: each replica runs it, at the same time.
	EveryReplica
	// LeaderOnly: the elected replica runs it. Leader election is no fence, see client-go's leaderelection package.
	LeaderOnly
	// StartUp: once, when the process starts, or as a command.
	StartUp
	// Test: tests only.
	Test

	numDomains
)

// String returns the domain's name as reports show it.
func (d Domain) String() string {
	return [...]string{"unknown", "every-replica", "leader-only", "start-up", "test"}[d]
}

// DomainSet is where a function can run, with the shortest proof for each domain.
type DomainSet struct {
	has [numDomains]bool
	// prove finds the proofs, which are asked for seldom; nil when that is done.
	prove  func() [numDomains]*Proof
	proofs [numDomains]*Proof
}

// Proof is the path from an entry point to a function.
type Proof struct {
	Entry *Entry
	// Path are the call sites, from the entry to the function.
	Path []ssa.CallInstruction
	// Gate is the place behind which only the leader runs, where the path passes one.
	Gate *gate
}

// Has tells whether the function can run in domain d.
func (s *DomainSet) Has(d Domain) bool { return s.has[d] }

// Worst returns the most dangerous domain of the set: every replica, then leader only, start-up, test.
func (s *DomainSet) Worst() Domain {
	for _, d := range []Domain{EveryReplica, LeaderOnly, StartUp, Test} {
		if s.Has(d) {
			return d
		}
	}
	return Unknown
}

// Proof returns the shortest proof that the function runs in domain d, or nil.
func (s *DomainSet) Proof(d Domain) *Proof {
	if s.prove != nil {
		s.proofs, s.prove = s.prove(), nil
	}
	return s.proofs[d]
}

// Because renders a proof as steps from the entry point to the function.
func (p *Program) Because(proof *Proof) []string {
	if proof == nil {
		return []string{"no entry point of the reviewed code leads here"}
	}
	steps := []string{fmt.Sprintf("%s (%s) %s", proof.Entry, p.At(proof.Entry.Pos), proof.Entry.Because)}
	for _, site := range proof.Path {
		step := fmt.Sprintf("%s at %s", Name(site.Parent()), p.At(site.Pos()))
		steps = append(steps, step)
	}
	if proof.Gate != nil {
		steps = append(steps, proof.Gate.because)
	}
	return steps
}

// DomainOf returns where fn can run: what the entry points say that lead to it.
func (p *Program) DomainOf(fn *ssa.Function) *DomainSet {
	p.settleDomains()
	if known := p.domains[fn]; known != nil {
		return known
	}
	set := p.domainSet(fn, nil)
	p.domains[fn] = set
	return set
}

// DomainAt returns where an instruction can run: the domain of its function, narrowed by the gates it stands behind.
func (p *Program) DomainAt(instr ssa.Instruction) *DomainSet {
	fn := instr.Parent()
	p.settleDomains()
	if g := p.gateBefore(instr); g != nil {
		return p.domainSet(fn, g)
	}
	return p.DomainOf(fn)
}

// EntryAt returns the entry point that fn itself is, or nil.
func (p *Program) EntryAt(fn *ssa.Function) *Entry { return p.entryAt[fn] }

// EntriesInline returns the entry points that run fn themselves: no goroutine is started on the way. What they return
// tells their framework how fn ended.
func (p *Program) EntriesInline(fn *ssa.Function) []*Entry {
	var out []*Entry
	seen := map[*ssa.Function]bool{fn: true}
	for queue := []*ssa.Function{fn}; len(queue) > 0; queue = queue[1:] {
		if e := p.entryAt[queue[0]]; e != nil {
			out = append(out, e)
			continue
		}
		for _, edge := range p.calls.to[queue[0]] {
			if caller := edge.Caller(); edge.How != Starts && !seen[caller] {
				seen[caller] = true
				queue = append(queue, caller)
			}
		}
	}
	slices.SortFunc(out, func(a, b *Entry) int { return p.comparePos(a.Func.Pos(), b.Func.Pos()) })
	return out
}

// spreadDomains prepares the answers of DomainOf.
func (p *Program) spreadDomains() {
	p.entryAt = make(map[*ssa.Function]*Entry, len(p.Entries))
	for _, e := range p.Entries {
		p.entryAt[e.Func] = e
	}
}

// gate is a place behind which only the leader runs.
type gate struct {
	instr   ssa.Instruction
	because string
}

// gateBefore returns the leader gate that every path to instr passes inside its function, or nil.
func (p *Program) gateBefore(instr ssa.Instruction) *gate {
	fn := instr.Parent()
	gates, known := p.gates[fn]
	if !known {
		gates = p.findGates(fn)
		p.gates[fn] = gates
	}
	for i := range gates {
		if dominates(gates[i].instr, instr) {
			return &gates[i]
		}
	}
	return nil
}

// dominates tells whether every path to b passes a, both in one function.
func dominates(a, b ssa.Instruction) bool {
	x, y := a.Block(), b.Block()
	if x == nil || y == nil || a.Parent() != b.Parent() {
		return false
	}
	if x != y {
		return x.Dominates(y)
	}
	for _, instr := range x.Instrs {
		if instr == a {
			return a != b
		}
		if instr == b {
			return false
		}
	}
	return false
}

// findGates looks for receives from Elected() or from a channel that leader-only code closes, and for tests of
// leadership that guard what follows.
func (p *Program) findGates(fn *ssa.Function) []gate {
	var out []gate
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.UnOp:
				if x.Op == token.ARROW {
					if why := p.leaderChannel(x.X); why != "" {
						out = append(out, gate{x, fmt.Sprintf("%s waits at %s for %s", Name(fn), p.At(x.Pos()), why)})
					}
				}
			case *ssa.If:
				if g, ok := p.leaderTest(x); ok {
					out = append(out, g)
				}
				if g, ok := p.electionOff(x); ok {
					out = append(out, g)
				}
			}
		}
	}
	return append(out, p.selectGates(fn)...)
}

// leaderTest recognises if m.IsLeader() { … }: the block behind the branch is the gate.
func (p *Program) leaderTest(branch *ssa.If) (gate, bool) {
	cond, negated := branch.Cond, false
	if not, ok := cond.(*ssa.UnOp); ok && not.Op == token.NOT {
		cond, negated = not.X, true
	}
	call, ok := cond.(*ssa.Call)
	if !ok {
		return gate{}, false
	}
	row := Model(call)
	if row == nil || row.Effect != kube.LeaderCheck {
		return gate{}, false
	}
	succ := branch.Block().Succs[0]
	if negated {
		succ = branch.Block().Succs[1]
	}
	if len(succ.Preds) != 1 || len(succ.Instrs) == 0 {
		return gate{}, false
	}
	return gate{succ.Instrs[0], fmt.Sprintf("%s asks at %s whether it leads", Name(branch.Parent()), p.At(call.Pos()))}, true
}

// electionOff recognises the branch that runs when somebody switches leader election off although it is on by default:
// who does that runs one replica.
func (p *Program) electionOff(branch *ssa.If) (gate, bool) {
	cond, succ := branch.Cond, branch.Block().Succs[1]
	if not, ok := cond.(*ssa.UnOp); ok && not.Op == token.NOT {
		cond, succ = not.X, branch.Block().Succs[0]
	}
	if !mayBeFlag(cond) || len(succ.Preds) != 1 || len(succ.Instrs) == 0 {
		return gate{}, false
	}
	t := p.Bool(cond)
	if !t.Known || !t.Value || !strings.Contains(t.Flag, "leader") {
		return gate{}, false
	}
	return gate{succ.Instrs[0], fmt.Sprintf("%s gets to %s only where --%s, on by default, is switched off",
		Name(branch.Parent()), p.At(succ.Instrs[0].Pos()), t.Flag)}, true
}

// mayBeFlag tells whether v is a variable or a field, which a flag could have set.
func mayBeFlag(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.UnOp:
		return v.Op == token.MUL
	case *ssa.Parameter, *ssa.Field:
		return true
	}
	return false
}

// selectGates finds select statements with a case that receives from a leader channel; the case's block is the gate.
func (p *Program) selectGates(fn *ssa.Function) []gate {
	var out []gate
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			sel, ok := instr.(*ssa.Select)
			if !ok {
				continue
			}
			for i, st := range sel.States {
				why := ""
				if st.Send == nil {
					why = p.leaderChannel(st.Chan)
				}
				if why == "" {
					continue
				}
				if blk := selectCase(sel, i); blk != nil && len(blk.Preds) == 1 && len(blk.Instrs) > 0 {
					out = append(out, gate{blk.Instrs[0], fmt.Sprintf("%s waits at %s for %s", Name(fn), p.At(sel.Pos()), why)})
				}
			}
		}
	}
	return out
}

// selectCase returns the block that runs when case i of the select was chosen.
func selectCase(sel *ssa.Select, i int) *ssa.BasicBlock {
	for _, ref := range *sel.Referrers() {
		ex, ok := ref.(*ssa.Extract)
		if !ok || ex.Index != 0 || ex.Referrers() == nil {
			continue
		}
		for _, use := range *ex.Referrers() {
			cmp, ok := use.(*ssa.BinOp)
			if !ok || cmp.Op != token.EQL || cmp.Referrers() == nil {
				continue
			}
			if c, ok := cmp.Y.(*ssa.Const); ok && c.Value != nil && c.Int64() == int64(i) {
				for _, r := range *cmp.Referrers() {
					if branch, ok := r.(*ssa.If); ok {
						return branch.Block().Succs[0]
					}
				}
			}
		}
	}
	return nil
}

// Unreached tells whether no entry point of the program leads to fn, although it has a start in sight: dead code, or code
// for other programs.
func (p *Program) Unreached(fn *ssa.Function) bool {
	return p.DomainOf(fn).Worst() == Unknown && slices.ContainsFunc(p.Entries, func(e *Entry) bool { return e.Kind == EntryMain && !p.InTest(e.Func) })
}

// Uncalled tells whether nothing runs fn, in a program whose start is in sight: it has a name that other packages do not
// know, and nobody calls it.
func (p *Program) Uncalled(fn *ssa.Function) bool {
	return fn.Parent() == nil && !token.IsExported(fn.Name()) && fn.Name() != "main" && len(p.Callers(fn)) == 0 && p.Unreached(fn)
}

// OnlyFromMain tells whether all ways to fn begin in main or a command and pass no go statement.
func (p *Program) OnlyFromMain(fn *ssa.Function) bool {
	any, all := false, true
	p.visitBack(fn, nil, func(s *state, e *Entry) (enough bool) {
		any = true
		all = e.Kind == EntryTest || e.Kind == EntryMain && !s.spawned
		return !all
	})
	return any && all
}
