// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
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
