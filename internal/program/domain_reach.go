// SPDX-License-Identifier: Apache-2.0

package program

import "golang.org/x/tools/go/ssa"

// A function's domains are asked for everywhere, the ways that prove them only where something is told. So the domains
// of all functions are found at once, from the entry points down over the calls, and ways are looked for when asked.

// ways is a set of ways from entry points to a function: one bit for each domain that they begin in, gated or not, with
// the start of a goroutine or not.
type ways uint32

// way returns the bit of ways that begin in d.
func way(d Domain, gated, spawned bool) ways {
	bit := 4 * int(d)
	if gated {
		bit++
	}
	if spawned {
		bit += 2
	}
	return 1 << bit
}

const (
	ungated   ways = 0x55555 // of each group of four bits those with an even number
	unspawned ways = 0x33333 // and the lower two
)

// past returns the ways as they are past a gate, or past the start of a goroutine.
func (w ways) past(gated, spawned bool) ways {
	if gated {
		w = w&^ungated | w&ungated<<1
	}
	if spawned {
		w = w&^unspawned | w&unspawned<<2
	}
	return w
}

// domains returns where these ways lead to.
func (w ways) domains() (has [numDomains]bool) {
	for d := range numDomains {
		for _, gated := range []bool{false, true} {
			for _, spawned := range []bool{false, true} {
				if w&way(d, gated, spawned) != 0 {
					has[d.behind(gated, spawned)] = true
				}
			}
		}
	}
	return has
}

// domainSet returns where fn can run, behind gate g where that is not nil.
func (p *Program) domainSet(fn *ssa.Function, g *gate) *DomainSet {
	has := p.reach[fn].past(g != nil, false).domains()
	return &DomainSet{has: has, prove: func() [numDomains]*Proof { return p.walkBack(fn, g, has) }}
}

// spread finds the ways to all functions.
func (p *Program) spread() map[*ssa.Function]ways {
	reach := make(map[*ssa.Function]ways, len(p.Funcs))
	var queue []*ssa.Function
	add := func(fn *ssa.Function, more ways) {
		if old := reach[fn]; old|more != old {
			reach[fn] = old | more
			queue = append(queue, fn)
		}
	}
	for _, e := range p.Entries {
		if p.entryAt[e.Func] == e {
			add(e.Func, way(e.Domain, false, false))
		}
	}
	for len(queue) > 0 {
		fn := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		from := reach[fn]
		p.eachNext(fn, func(h handover) { add(h.callee, from.past(h.gated, h.spawned)) })
	}
	return reach
}

// eachNext calls do for each function that fn leads to: for what helpers run for fn, and for what fn calls, besides what a
// helper was given, for who gave it leads there. What the framework's word on an entry point settles is not passed by those
// who call it besides.
func (p *Program) eachNext(fn *ssa.Function, do func(handover)) {
	next := func(h handover) {
		if own := p.entryAt[h.callee]; own == nil || !own.settles() {
			do(h)
		}
	}
	for _, h := range p.handovers()[fn] {
		next(h)
	}
	for _, e := range p.calls.from[fn] {
		if p.handedTo(e).param == nil {
			next(handover{e.Callee, p.gateBefore(e.Site) != nil, p.spawns(e)})
		}
	}
}
