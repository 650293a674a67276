// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// awaitDepth bounds the calls through which a poll is looked for.
const awaitDepth = 3

// WaitsToSee tells whether the flow that leads to a write goes on, after it, to poll for an object of the kind: the run is not over
// before the cache shows what it created, so that the next run sees it.
func (e *Effects) WaitsToSee(s *Story, kind kube.Kind) bool {
	return slices.ContainsFunc(s.Write.places(), func(at ssa.Instruction) bool {
		for site := range program.Sites(at.Parent()) {
			if site != at && MayPrecede(at, site) && e.polls(site, kind, 0) {
				return true
			}
		}
		return false
	})
}

// polls tells whether a call repeats a function until it has read an object of the kind, by itself or further down.
func (e *Effects) polls(site ssa.CallInstruction, kind kube.Kind, depth int) bool {
	if _, later := site.(*ssa.Go); later || depth > awaitDepth {
		return false
	}
	if row := program.Model(site); row != nil {
		if row.Effect != kube.Block || row.Closure < 0 {
			return false
		}
		return slices.ContainsFunc(e.Program.FunctionsOf(program.Argument(site, row.Closure)), func(fn *ssa.Function) bool {
			return slices.ContainsFunc(e.Events(fn), func(ev *Event) bool {
				k, ok := kube.KindOf(ev.Type)
				return ev.Kind == Read && ok && k.Same(kind)
			})
		})
	}
	for _, callee := range e.Program.Static(site) {
		for inner := range program.Sites(callee) {
			if e.polls(inner, kind, depth+1) {
				return true
			}
		}
	}
	return false
}
