// SPDX-License-Identifier: Apache-2.0

package context

import (
	"go/token"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// endOf returns where a call's syntax ends, or no position.
func endOf(p *program.Program, site ssa.CallInstruction) token.Pos {
	if call := p.CallExpr(site); call != nil {
		return call.End()
	}
	return token.NoPos
}

// valid returns pos, or the function's own position where a value has none.
func valid(pos token.Pos, fn *ssa.Function) token.Pos {
	if pos.IsValid() {
		return pos
	}
	return fn.Pos()
}
