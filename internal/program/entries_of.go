// SPDX-License-Identifier: Apache-2.0

package program

import (
	"math/bits"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// leads says which entry points lead to which functions. Large programs have thousands of both: so there is a row of bits
// for each function, a bit for each entry point, found for all at once from the entry points down.
type leads struct {
	entries []*Entry // in source order
	rows    map[*ssa.Function][]uint64
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
	for w, word := range p.leads.rows[fn] {
		for ; word != 0; word &= word - 1 {
			out = append(out, p.leads.entries[64*w+bits.TrailingZeros64(word)])
		}
	}
	return out
}

// spreadEntries follows the calls from all entry points.
func (p *Program) spreadEntries() *leads {
	l := &leads{rows: make(map[*ssa.Function][]uint64, len(p.Funcs))}
	for _, e := range p.Entries {
		if p.entryAt[e.Func] == e {
			l.entries = append(l.entries, e)
		}
	}
	slices.SortFunc(l.entries, func(a, b *Entry) int { return p.comparePos(a.Func.Pos(), b.Func.Pos()) })
	width := len(l.entries)/64 + 1
	var queue []*ssa.Function
	join := func(fn *ssa.Function, more []uint64) {
		row := l.rows[fn]
		if row == nil {
			row = make([]uint64, width)
			l.rows[fn] = row
		}
		changed := false
		for w, word := range more {
			changed = changed || word&^row[w] != 0
			row[w] |= word
		}
		if changed {
			queue = append(queue, fn)
		}
	}
	for i, e := range l.entries {
		own := make([]uint64, width)
		own[i/64] = 1 << (i % 64)
		join(e.Func, own)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		from := l.rows[queue[0]]
		p.eachNext(queue[0], func(h handover) { join(h.callee, from) })
	}
	return l
}
