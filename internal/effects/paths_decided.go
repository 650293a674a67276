// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"

	"golang.org/x/tools/go/ssa"
)

// truth is what is known of the condition that a block ends with.
type truth int

const (
	undecided truth = iota
	isTrue
	isFalse
)

// excludes tells whether the branch to a successor is not taken.
func (t truth) excludes(succ int) bool { return t == isTrue && succ == 1 || t == isFalse && succ == 0 }

// decidedBy tells what the way into a block says of the branch at its end: that of "for !done" right after "done = true".
func decidedBy(edge Edge) truth {
	branch, ok := last(edge.To).(*ssa.If)
	if !ok {
		return undecided
	}
	cond, negated := branch.Cond, false
	for {
		not, ok := cond.(*ssa.UnOp)
		if !ok {
			break
		}
		cond, negated = not.X, !negated
	}
	phi, ok := cond.(*ssa.Phi)
	if !ok || phi.Block() != edge.To {
		return undecided
	}
	var known truth
	for i, pred := range edge.To.Preds {
		if pred != edge.From {
			continue
		}
		c, ok := phi.Edges[i].(*ssa.Const)
		if !ok || c.Value == nil || c.Value.Kind() != constant.Bool {
			return undecided
		}
		value := isFalse
		if constant.BoolVal(c.Value) != negated {
			value = isTrue
		}
		if known != undecided && known != value {
			return undecided
		}
		known = value
	}
	return known
}
