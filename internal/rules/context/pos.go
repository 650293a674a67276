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
