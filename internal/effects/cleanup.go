// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// CleansUp tells whether an instruction runs because something ended: in a deferred function, or behind a receive from
// a context's Done channel or from a channel that signals are sent to. Such code needs a context of its own.
func (c *Contexts) CleansUp(at ssa.Instruction) bool {
	return c.cleansUp(at, 0)
}

func (c *Contexts) cleansUp(at ssa.Instruction, depth int) bool {
	fn := at.Parent()
	if _, deferred := at.(*ssa.Defer); deferred || c.afterEnd(at) {
		return true
	}
	callers := 0
	for _, e := range c.p.Callers(fn) {
		if c.p.InTest(e.Caller()) {
			continue
		}
		callers++
		if _, deferred := e.Site.(*ssa.Defer); deferred {
			continue
		}
		if depth < 3 && e.How == program.Calls && c.cleansUp(e.Site, depth+1) {
			continue
		}
		return false
	}
	return callers > 0
}

// CleansUpToo tells whether one of the ways to an instruction is that of a deferred function: it must work when the context
// of the others is over, and so can't use it.
func (c *Contexts) CleansUpToo(at ssa.Instruction) bool { return c.cleansUpToo(at, 0) }

func (c *Contexts) cleansUpToo(at ssa.Instruction, depth int) bool {
	return slices.ContainsFunc(c.p.Callers(at.Parent()), func(e program.Edge) bool {
		if c.p.InTest(e.Caller()) || e.How != program.Calls {
			return false
		}
		_, deferred := e.Site.(*ssa.Defer)
		return deferred || depth < 2 && c.cleansUpToo(e.Site, depth+1)
	})
}

// afterEnd tells whether every path to an instruction passes the end of a context, inside its function.
func (c *Contexts) afterEnd(at ssa.Instruction) bool {
	for _, b := range at.Parent().Blocks {
		if !b.Dominates(at.Block()) {
			continue
		}
		for _, instr := range b.Instrs {
			if instr == at {
				break
			}
			if recv, ok := instr.(*ssa.UnOp); ok && recv.Op == token.ARROW && c.ends(recv.X) {
				return true
			}
			if call, ok := instr.(*ssa.Call); ok && repeatsUntil(call) {
				return true
			}
		}
		if onlyWhenOver(b) {
			return true
		}
		if branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If); ok && b != at.Block() {
			if sel, i := selectBranch(branch); sel != nil && sel.States[i].Send == nil && c.ends(sel.States[i].Chan) &&
				len(b.Succs[0].Preds) == 1 && b.Succs[0].Dominates(at.Block()) {
				return true
			}
		}
	}
	return false
}

// repeatsUntil tells whether a call comes back only when a stop channel or a context has ended: wait.Until and its like.
func repeatsUntil(call *ssa.Call) bool {
	row := program.Model(call)
	return row != nil && row.Effect == kube.Block && row.Pkg == "k8s.io/apimachinery/pkg/util/wait" && strings.Contains(row.Name, "Until") &&
		!strings.HasPrefix(row.Name, "Poll") && !strings.HasPrefix(row.Name, "Exponential")
}

// ends tells whether ch tells of an end: ctx.Done(), a stop channel of empty structs, or a channel of signals.
func (c *Contexts) ends(ch ssa.Value) bool {
	if done, ok := stripped(ch).(*ssa.Call); ok && isDoneCall(done) {
		return true
	}
	t := chanElem(ch)
	return t != nil && (isEmptyStruct(t) || program.IsNamed(t, "os", "Signal"))
}

// onlyWhenOver tells whether a block is come to only where an error was found to be that of a context that is over.
func onlyWhenOver(b *ssa.BasicBlock) bool {
	return len(b.Preds) > 0 && !slices.ContainsFunc(b.Preds, func(pred *ssa.BasicBlock) bool {
		branch, ok := pred.Instrs[len(pred.Instrs)-1].(*ssa.If)
		return !ok || pred.Succs[0] != b || !saysOver(branch.Cond)
	})
}

// saysOver tells whether a test asks if an error is context.Canceled or context.DeadlineExceeded.
func saysOver(test ssa.Value) bool {
	call, ok := test.(*ssa.Call)
	if !ok || len(call.Call.Args) != 2 {
		return false
	}
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "errors" || target.Name() != "Is" {
		return false
	}
	load, ok := call.Call.Args[1].(*ssa.UnOp)
	if !ok {
		return false
	}
	global, ok := load.X.(*ssa.Global)
	return ok && global.Pkg.Pkg.Path() == "context"
}
