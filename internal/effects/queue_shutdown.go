// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// shutDownEdges lists the edges of a function that are taken when the work queue it takes keys from was shut down: its
// controller ends, and with it, most often, the process (client-go/util/workqueue: Get returns shutdown for nothing else).
func shutDownEdges(fn *ssa.Function) []Edge {
	var out []Edge
	for site := range program.Sites(fn) {
		target, call := program.Target(site), site.Value()
		if target == nil || target.Pkg() == nil || target.Pkg().Path() != program.WorkqueuePath || target.Name() != "Get" || call == nil {
			continue
		}
		for _, ref := range refs(call) {
			shutdown, ok := ref.(*ssa.Extract)
			if !ok || shutdown.Index != 1 {
				continue
			}
			if works, ok := falseEdge(shutdown, nil); ok {
				out = append(out, otherEdge(works))
			}
		}
	}
	return out
}

// otherEdge is the other way out of the branch that an edge leaves.
func otherEdge(e Edge) Edge {
	if e.From.Succs[0] == e.To {
		return Edge{e.From, e.From.Succs[1]}
	}
	return Edge{e.From, e.From.Succs[0]}
}
