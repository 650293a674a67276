// SPDX-License-Identifier: Apache-2.0

package effects

import "golang.org/x/tools/go/ssa"

// takesAnswer tells whether one of the values that a call is given is, on the way over a request, what that request gave back:
// the variable was assigned the answer.
func takesAnswer(at ssa.Instruction, request *ssa.Call) bool {
	site, ok := at.(ssa.CallInstruction)
	if !ok {
		return false
	}
	seen := make(map[ssa.Value]bool)
	work := append([]ssa.Value{}, site.Common().Args...)
	for ; len(work) > 0; work = work[1:] {
		v := work[0]
		if seen[v] {
			continue
		}
		seen[v] = true
		switch x := v.(type) {
		case *ssa.Phi:
			work = append(work, x.Edges...)
		case *ssa.MakeInterface:
			work = append(work, x.X)
		case *ssa.Extract:
			if x.Tuple == ssa.Value(request) {
				return true
			}
		case *ssa.Call:
			if x == request {
				return true
			}
		}
	}
	return false
}
