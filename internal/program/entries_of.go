// SPDX-License-Identifier: Apache-2.0

package program

import (
	"iter"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// leads says which entry points lead to which functions. Large programs have thousands of both: so there is a row of bits
// for each function, a bit for each entry point, found for all at once from the entry points down.
type leads struct {
	entries []*Entry // in source order
	rows    map[*ssa.Function]bitset
}

// EntriesOf returns the entry points that lead to fn, in source order.
func (p *Program) EntriesOf(fn *ssa.Function) []*Entry {
	if p.entryAt == nil {
		return nil // still looking for them
	}
	if p.leads == nil {
		p.leads = p.spreadEntries()
	}
	var out []*Entry
	for i := range p.leads.rows[fn].all() {
		out = append(out, p.leads.entries[i])
	}
	return out
}

// spreadEntries follows the calls from all entry points.
func (p *Program) spreadEntries() *leads {
	l := &leads{rows: make(map[*ssa.Function]bitset, len(p.Funcs))}
	for _, e := range p.Entries {
		if p.entryAt[e.Func] == e {
			l.entries = append(l.entries, e)
		}
	}
	slices.SortFunc(l.entries, func(a, b *Entry) int { return p.comparePos(a.Func.Pos(), b.Func.Pos()) })

	number := make(map[*ssa.Function]int, len(p.Funcs))
	var funcs []*ssa.Function
	numberOf := func(fn *ssa.Function) int {
		i, known := number[fn]
		if !known {
			i = len(funcs)
			number[fn] = i
			funcs = append(funcs, fn)
		}
		return i
	}
	for _, e := range l.entries {
		numberOf(e.Func)
	}
	var next [][]int // what a function leads to
	for i := 0; i < len(funcs); i++ {
		var to []int
		p.eachNext(funcs[i], func(h handover) { to = append(to, numberOf(h.callee)) })
		slices.Sort(to)
		next = append(next, slices.Compact(to))
	}
	f := newFlow(len(funcs), len(l.entries))
	for i, e := range l.entries {
		f.start(number[e.Func], i)
	}
	f.run(downwards(len(funcs), func(fn int) iter.Seq[int] { return slices.Values(next[fn]) }), func(fn int) {
		for _, to := range next[fn] {
			f.join(to, f.rows[fn])
		}
	})
	for i, fn := range funcs {
		l.rows[fn] = f.rows[i]
	}
	return l
}
