// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Paths asks for ways through one function. A way ends where Ends holds, or on an edge in EndsOn: what was asked for
// happens there. Branches on the same condition are taken the same way. What no way reaches is left out: code behind
// calls that end the process.
type Paths struct {
	Ends   func(ssa.Instruction) bool
	EndsOn map[Edge]bool
	// Goexit makes calls that end the goroutine (runtime.Goexit, Fatal of a test) an exit instead of an end.
	Goexit bool

	conds map[condKey]int
	seen  map[pathState]bool
}

// ExitOf returns an exit of fn that some way from its start reaches, or nil. An exit is a return or, with Goexit, a call.
func (w *Paths) ExitOf(fn *ssa.Function) ssa.Instruction {
	if len(fn.Blocks) == 0 {
		return nil
	}
	w.prepare(fn)
	return w.from(pathState{block: fn.Blocks[0]}, 0)
}

// ExitAfter returns an exit of from's function that some way from behind that instruction reaches, or nil.
func (w *Paths) ExitAfter(from ssa.Instruction) ssa.Instruction {
	b := from.Block()
	w.prepare(b.Parent())
	for i, instr := range b.Instrs {
		if instr == from {
			return w.from(pathState{block: b}, i+1)
		}
	}
	return nil
}

// ExitOn returns an exit that some way over the edge reaches, or nil.
func (w *Paths) ExitOn(edge Edge) ssa.Instruction {
	w.prepare(edge.From.Parent())
	return w.from(pathState{block: edge.To, decided: decidedBy(edge)}, 0)
}

// CountLoops counts loops that end a way in their body as ending it: that they run at least once can't be seen. Call it
// before asking.
func (w *Paths) CountLoops(fn *ssa.Function) {
	if w.EndsOn == nil {
		w.EndsOn = make(map[Edge]bool)
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if !w.Ends(instr) || !InLoop(instr) {
				continue
			}
			for _, at := range LoopOf(b) {
				switch at.Comment {
				case "for.loop", "rangeindex.loop", "rangeiter.loop", "rangechan.loop", "rangeint.loop":
					w.EndsOn[Edge{at, at.Succs[len(at.Succs)-1]}] = true
				}
			}
		}
	}
}

// pathState is a block with what is known of the repeated conditions on the way there, in base three, and of its own.
type pathState struct {
	block   *ssa.BasicBlock
	known   int
	decided truth
}

// condKey names a condition by what it compares: two tests of one value are one condition.
type condKey struct{ x, y ssa.Value }

// repeatedConds bounds the conditions that are followed; beyond that, ways are told apart by blocks only.
const repeatedConds = 6

// prepare finds the conditions that are tested more than once.
func (w *Paths) prepare(fn *ssa.Function) {
	w.seen = make(map[pathState]bool)
	w.conds = make(map[condKey]int)
	count := make(map[condKey]int)
	for _, b := range fn.Blocks {
		if cond, ok := last(b).(*ssa.If); ok {
			key, _ := keyOf(cond)
			count[key]++
			if count[key] == 2 && len(w.conds) < repeatedConds {
				w.conds[key] = len(w.conds)
			}
		}
	}
}

func last(b *ssa.BasicBlock) ssa.Instruction {
	if len(b.Instrs) == 0 {
		return nil
	}
	return b.Instrs[len(b.Instrs)-1]
}

// keyOf returns the condition of a branch; negated is set when the branch's first successor is its falsehood.
func keyOf(branch *ssa.If) (key condKey, negated bool) {
	v := branch.Cond
	for {
		not, ok := v.(*ssa.UnOp)
		if !ok || not.Op != token.NOT {
			break
		}
		v, negated = not.X, !negated
	}
	if cmp, ok := v.(*ssa.BinOp); ok && (cmp.Op == token.EQL || cmp.Op == token.NEQ) {
		return condKey{cmp.X, constOf(cmp.Y)}, negated != (cmp.Op == token.NEQ)
	}
	return condKey{x: v}, negated
}

// constOf folds nil constants, which the builder makes anew for every use.
func constOf(v ssa.Value) ssa.Value {
	if c, ok := v.(*ssa.Const); ok && c.Value == nil {
		return nil
	}
	return v
}

// from walks on from instruction i of a block.
func (w *Paths) from(s pathState, i int) ssa.Instruction {
	if i == 0 {
		if w.seen[s] {
			return nil
		}
		w.seen[s] = true
	}
	for _, instr := range s.block.Instrs[i:] {
		if w.Ends != nil && w.Ends(instr) {
			return nil
		}
		switch x := instr.(type) {
		case *ssa.Return:
			return x
		case *ssa.Panic:
			return nil
		case ssa.CallInstruction:
			if _, plain := x.(*ssa.Call); !plain {
				continue
			}
			if EndsProcess(x) {
				return nil
			}
			if endsGoroutine(x) {
				if w.Goexit {
					return x
				}
				return nil
			}
		}
	}
	return w.next(s)
}

// next takes the edges out of a block that what is known allows.
func (w *Paths) next(s pathState) ssa.Instruction {
	known, first, negated := -1, 0, false
	power := 1
	if cond, ok := last(s.block).(*ssa.If); ok {
		key, neg := keyOf(cond)
		if slot, followed := w.conds[key]; followed {
			for range slot {
				power *= 3
			}
			known, negated = s.known/power%3, neg
			first = 1
		}
	}
	for i, to := range s.block.Succs {
		if w.EndsOn[Edge{s.block, to}] && (len(s.block.Succs) < 2 || s.block.Succs[0] != s.block.Succs[1]) {
			continue
		}
		if s.decided.excludes(i) {
			continue
		}
		after := s.known
		if first == 1 {
			truth := 1 // the condition holds on this edge
			if (i == 1) != negated {
				truth = 2
			}
			if known != 0 && known != truth {
				continue
			}
			after += (truth - known) * power
		}
		if exit := w.from(pathState{to, after, decidedBy(Edge{s.block, to})}, 0); exit != nil {
			return exit
		}
	}
	return nil
}

// EndsProcess tells whether a call never returns because the process is over: os.Exit, log.Fatal and their like.
func EndsProcess(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil {
		return false
	}
	if row := program.Model(site); row != nil && row.Effect == kube.ProcessExit {
		return true
	}
	switch target.Pkg().Path() {
	case "os":
		return target.Name() == "Exit"
	case "log", "k8s.io/klog/v2", "k8s.io/klog", "github.com/sirupsen/logrus", "go.uber.org/zap":
		switch target.Name() {
		case "Fatal", "Fatalf", "Fatalln", "Fatalw", "FatalDepth", "Exit", "Exitf", "Panic", "Panicf", "Panicln":
			return true
		}
	}
	return false
}

// endsGoroutine tells whether a call ends its goroutine: runtime.Goexit, and the Fatal and Skip methods of tests.
func endsGoroutine(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch target.Pkg().Path() {
	case "runtime":
		return target.Name() == "Goexit"
	case "testing":
		switch target.Name() {
		case "Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow":
			return true
		}
	}
	return false
}

// Before tells whether a comes before b on every way to b: in the same block, or in one that dominates b's.
func Before(a, b ssa.Instruction) bool {
	if a.Block() == b.Block() {
		for _, instr := range a.Block().Instrs {
			if instr == a {
				return true
			}
			if instr == b {
				return false
			}
		}
	}
	return a.Parent() == b.Parent() && a.Block().Dominates(b.Block())
}
