// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// UsedBeside tells whether the function of a new context sends another request under its own context parameter, which is the
// one in reach: that this one goes without it is a slip.
func (e *Effects) UsedBeside(reach *InReach, root ssa.CallInstruction) bool {
	param, ok := reach.Value.(*ssa.Parameter)
	if !ok || !reach.Own || !isContextType(param.Type()) {
		return false
	}
	for site := range program.Sites(root.Parent()) {
		call, ok := site.(*ssa.Call)
		if ok && sameContext(ContextArgument(call), param, call, 0) && e.Work().Through(call) != nil {
			return true
		}
	}
	return false
}
