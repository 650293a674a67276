// SPDX-License-Identifier: Apache-2.0

package program

import (
	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// state is a function on the way back to the entries: what the path from it on passed.
type state struct {
	fn      *ssa.Function
	gate    *gate // a leader gate was passed
	spawned bool  // a go statement, or a loop run by a library, was passed
	handed  handed
	site    ssa.CallInstruction
	next    *state
}

// walkBack finds the shortest proof for each domain that fn is known to run in, behind gate g where that is not nil.
func (p *Program) walkBack(fn *ssa.Function, g *gate, has [numDomains]bool) (proofs [numDomains]*Proof) {
	var proved [numDomains]bool
	p.visitBack(fn, g, func(s *state, e *Entry) (enough bool) {
		d := e.Domain.behind(s.gate != nil, s.spawned)
		if proofs[d] == nil {
			proofs[d], proved[d] = &Proof{Entry: e, Path: s.path(), Gate: s.gate}, true
		}
		return proved == has
	})
	return proofs
}

// behind is the domain of what an entry point in domain d leads to, past a gate of the leader or the start of a goroutine.
func (d Domain) behind(gated, spawned bool) Domain {
	switch {
	case d == Test:
	case gated:
		return LeaderOnly
	case d == StartUp && spawned:
		return EveryReplica
	}
	return d
}

func (s *state) path() []ssa.CallInstruction {
	var out []ssa.CallInstruction
	for at := s; at != nil && at.site != nil; at = at.next {
		out = append(out, at.site)
	}
	return out
}

// visitBack walks breadth-first from fn over its callers and calls found for each entry point that it meets, until that
// has seen enough.
func (p *Program) visitBack(fn *ssa.Function, g *gate, found func(*state, *Entry) (enough bool)) {
	type key struct {
		fn             *ssa.Function
		gated, spawned bool
		handed         handed
	}
	seen := map[key]bool{{fn: fn, gated: g != nil}: true}
	frames := make(map[*ssa.Function]int)
	for queue := []*state{{fn: fn, gate: g}}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		if e := p.entryAt[s.fn]; e != nil {
			if found(s, e) {
				return
			}
			if e.settles() {
				continue
			}
		}
		for _, e := range p.calls.to[s.fn] {
			h, exists := p.through(e, s.handed)
			if !exists {
				continue
			}
			if h.param != nil {
				if frames[e.Caller()]++; frames[e.Caller()] > maxFrames {
					h = handed{}
				}
			}
			next := state{fn: e.Caller(), gate: s.gate, spawned: s.spawned || p.spawns(e), handed: h, site: e.Site, next: s}
			if next.gate == nil {
				next.gate = p.gateBefore(e.Site)
			}
			if k := (key{next.fn, next.gate != nil, next.spawned, h}); !seen[k] {
				seen[k] = true
				queue = append(queue, &next)
			}
		}
	}
}

// settles tells whether the framework's word on an entry point is the last one: who else calls it does not matter.
func (e *Entry) settles() bool { return e.Kind != EntryHTTP && e.Kind != EntryMain }

// spawns tells whether what an edge leads to runs for itself: in a goroutine, or in a loop that a library runs.
func (p *Program) spawns(e Edge) bool {
	return e.How == Starts || e.How == PassesTo && p.loops(e.Site)
}

// loops tells whether the library call at site runs the function it is given for as long as the process lives.
func (p *Program) loops(site ssa.CallInstruction) bool {
	row := Model(site)
	return row != nil && (row.Effect == kube.SpawnGoroutine || row.Effect == kube.Block && !row.GivesUp)
}
