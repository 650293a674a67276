// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Exclusion keeps other goroutines of the process, and of this process only, out of a part of a function.
type Exclusion struct {
	// Acquire takes it: a Lock, a LoadOrStore that found nothing, a call of a singleflight group.
	Acquire ssa.CallInstruction
	// What names the means: mutex, in-flight map, singleflight group.
	What string

	releases []ssa.Instruction // plain unlocks of the same mutex
	inside   *ssa.BasicBlock   // what is excluded begins here; nil: behind Acquire
	optional *ssa.If           // the map is asked only where there is one: if m != nil { m.LoadOrStore … }
	closure  *ssa.Function     // what is excluded is this body
}

// Exclusions returns what excludes other goroutines in fn, in source order.
func (e *Effects) Exclusions(fn *ssa.Function) []*Exclusion {
	var out []*Exclusion
	for site := range program.Sites(fn) {
		if _, deferred := site.(*ssa.Defer); !deferred {
			if x := e.exclusionAt(site); x != nil {
				out = append(out, x)
			}
		}
	}
	for _, edge := range e.Program.Callers(fn) {
		if row := program.Model(edge.Site); row != nil && isFlight(row) {
			out = append(out, &Exclusion{Acquire: edge.Site, What: "singleflight group", closure: fn})
		}
	}
	return out
}

func isFlight(row *kube.Call) bool { return row.Pkg == "golang.org/x/sync/singleflight" }

func (e *Effects) exclusionAt(site ssa.CallInstruction) *Exclusion {
	row := program.Model(site)
	switch {
	case row == nil:
		return nil
	case row.Effect == kube.Lock && row.Name == "Lock":
		return &Exclusion{Acquire: site, What: "mutex", releases: e.releasesOf(site)}
	case row.Effect == kube.Atomic && row.Recv == "Map" && row.Name == "LoadOrStore":
		if begin := notLoaded(site); begin != nil {
			return &Exclusion{Acquire: site, What: "in-flight map", inside: begin, optional: e.nilCheck(site)}
		}
	}
	return nil
}

// releasesOf lists the plain unlocks, in the same function, of the mutex that site locks.
func (e *Effects) releasesOf(site ssa.CallInstruction) []ssa.Instruction {
	var out []ssa.Instruction
	mine := e.Places(site.Parent(), program.Receiver(site))
	for other := range program.Sites(site.Parent()) {
		if _, deferred := other.(*ssa.Defer); deferred {
			continue
		}
		if row := program.Model(other); row == nil || row.Effect != kube.Unlock {
			continue
		}
		if theirs := e.Places(site.Parent(), program.Receiver(other)); slices.Equal(mine, theirs) {
			out = append(out, other)
		}
	}
	return out
}

// notLoaded returns the block that runs when LoadOrStore stored: nobody was there before.
func notLoaded(site ssa.CallInstruction) *ssa.BasicBlock {
	call, ok := site.(*ssa.Call)
	if !ok {
		return nil
	}
	for _, ref := range *call.Referrers() {
		loaded, ok := ref.(*ssa.Extract)
		if !ok || loaded.Index != 1 {
			continue
		}
		for _, use := range *loaded.Referrers() {
			succ := 1
			if not, ok := use.(*ssa.UnOp); ok && not.Op == token.NOT && len(*not.Referrers()) == 1 {
				use, succ = (*not.Referrers())[0], 0
			}
			if branch, ok := use.(*ssa.If); ok {
				return branch.Block().Succs[succ]
			}
		}
	}
	return nil
}

// nilCheck returns the branch that leads to site if what site calls is not nil; nil if there is none.
func (e *Effects) nilCheck(site ssa.CallInstruction) *ssa.If {
	conditions := Conditions(site.Block())
	if len(conditions) == 0 {
		return nil
	}
	branch := conditions[len(conditions)-1]
	op, ok := branch.Cond.(*ssa.BinOp)
	if !ok || op.Op != token.NEQ {
		return nil
	}
	c, isNil := op.Y.(*ssa.Const)
	if isNil && c.Value == nil && slices.Equal(e.Places(site.Parent(), op.X), e.Places(site.Parent(), program.Receiver(site))) {
		return branch
	}
	return nil
}

// Covers tells whether instr, of the same function or of the excluded body, runs while others are kept out.
func (x *Exclusion) Covers(instr ssa.Instruction) bool {
	switch {
	case x.closure != nil:
		return instr.Parent() == x.closure
	case x.optional != nil && instr.Parent() == x.optional.Parent() && MustPrecede(x.optional, instr):
		return instr.Block() == x.inside || reaches(x.inside, instr.Block())
	case x.inside != nil:
		return instr.Parent() == x.inside.Parent() && (instr.Block() == x.inside || x.inside.Dominates(instr.Block()))
	}
	if !MustPrecede(x.Acquire, instr) {
		return false
	}
	for _, r := range x.releases {
		if MustPrecede(x.Acquire, r) && MayPrecede(r, instr) {
			return false
		}
	}
	return true
}

// Excluding returns what keeps other goroutines of the process out of all the instructions, which stand in one function:
// taken there, or around the calls that lead there; nil if nothing does.
func (e *Effects) Excluding(instrs ...ssa.Instruction) *Exclusion {
	return e.excluding(instrs, 0)
}

func (e *Effects) excluding(instrs []ssa.Instruction, depth int) *Exclusion {
	fn := instrs[0].Parent()
	for _, x := range e.Exclusions(fn) {
		if !slices.ContainsFunc(instrs, func(i ssa.Instruction) bool { return !x.Covers(i) }) {
			return x
		}
	}
	if depth == existenceDepth || e.Program.EntryAt(fn) != nil {
		return nil
	}
	for _, edge := range e.Program.Callers(fn) {
		if edge.How != program.Starts && !e.Program.InTest(edge.Caller()) {
			if x := e.excluding([]ssa.Instruction{edge.Site}, depth+1); x != nil {
				return x
			}
		}
	}
	return nil
}
