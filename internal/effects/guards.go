// SPDX-License-Identifier: Apache-2.0

package effects

import "golang.org/x/tools/go/ssa"

// GuardsOf answers what is tested before instr runs: what the conditions depend on that decide, inside its function,
// whether instr is reached. Tests of errors do not count.
func (e *Effects) GuardsOf(instr ssa.Instruction) Deps {
	b := instr.Block()
	if b == nil {
		return Deps{}
	}
	if known, ok := e.guards[b]; ok {
		return known
	}
	var out Deps
	for _, branch := range Conditions(b) {
		if !aboutError(branch.Cond) {
			out.merge(e.DepsOf(b.Parent(), branch.Cond))
		}
	}
	e.guards[b] = out.clipped()
	return e.guards[b]
}

// Conditions returns the branches that decide whether block b runs, the outermost first: those above it of which one
// side leads to b and the other does not have to.
func Conditions(b *ssa.BasicBlock) []*ssa.If {
	var out []*ssa.If
	for d := b.Idom(); d != nil; d = d.Idom() {
		branch, ok := d.Instrs[len(d.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		for _, succ := range d.Succs {
			if len(succ.Preds) == 1 && (succ == b || succ.Dominates(b)) {
				out = append(out, branch)
				break
			}
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// aboutError tells whether a condition compares an error with nil.
func aboutError(cond ssa.Value) bool {
	op, ok := cond.(*ssa.BinOp)
	return ok && isErrorType(op.X.Type())
}
