// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LetsGo tells whether a finalizer is taken off behind an instruction, in its function or in one that calls it: what was
// not done until then is not done any more.
func (e *Effects) LetsGo(at ssa.Instruction) bool { return e.letsGo(at, 0) }

func (e *Effects) letsGo(at ssa.Instruction, depth int) bool {
	fn := at.Parent()
	for site := range program.Sites(fn) {
		if site != at && After(at, site) && e.finalizes(site) {
			return true
		}
	}
	return depth < 2 && slices.ContainsFunc(e.Program.Callers(fn), func(edge program.Edge) bool {
		return edge.How == program.Calls && e.letsGo(edge.Site, depth+1)
	})
}

// finalizes tells whether a call takes a finalizer off, or an own function that it runs does.
func (e *Effects) finalizes(site ssa.CallInstruction) bool {
	if touchesFinalizers(site) {
		return true
	}
	return slices.ContainsFunc(e.Program.Static(site), func(callee *ssa.Function) bool {
		return slices.ContainsFunc(slices.Collect(program.Sites(callee)), touchesFinalizers)
	})
}

func touchesFinalizers(site ssa.CallInstruction) bool {
	row := program.Model(site)
	return row != nil && row.Touches == "finalizers" && !strings.HasPrefix(row.Name, "Add")
}
