// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Poll runs a condition again until it says that it is done: wait.PollUntilContextTimeout, wait.ExponentialBackoff and their
// relatives.
type Poll struct {
	Site ssa.CallInstruction
	// Body is the condition.
	Body *ssa.Function
}

// Polls returns the calls that poll conditions of own code, in source order.
func (e *Effects) Polls() []Poll {
	var out []Poll
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			t := program.Target(site)
			if t == nil || t.Pkg() == nil || t.Pkg().Path() != "k8s.io/apimachinery/pkg/util/wait" || !strings.Contains(t.Name(), "Poll") && !strings.HasPrefix(t.Name(), "ExponentialBackoff") {
				continue
			}
			for _, edge := range e.Program.Callees(site) {
				if edge.Arg >= 0 && isCondition(edge.Callee.Signature) {
					out = append(out, Poll{site, edge.Callee})
				}
			}
		}
	}
	return out
}

// isCondition tells whether a function answers with done and an error.
func isCondition(sig *types.Signature) bool {
	res := sig.Results()
	return res.Len() == 2 && types.Identical(res.At(0).Type(), types.Typ[types.Bool]) && isErrorType(res.At(1).Type())
}

// PolledAgain tells whether the failure of a call makes the condition that it is made in say "not yet", without an error.
func (e *Effects) PolledAgain(call *ssa.Call) bool {
	for _, b := range e.FailureBlocks(call) {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if ok && len(ret.Results) == 2 && saysNo(ret.Results[0]) && program.IsNil(ret.Results[1]) {
			return true
		}
	}
	return false
}

func saysNo(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.Value != nil && !constant.BoolVal(c.Value)
}
