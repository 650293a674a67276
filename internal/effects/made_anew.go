// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// madeAnew tells whether the field that a change goes on from owes nothing to what was read any more: it, or what it is a
// part of, was given a value of this run first. A summary that is emptied and then counted up is such a field.
func (s *Story) madeAnew(ch *Event) bool {
	return slices.ContainsFunc(s.Events, func(first *Event) bool {
		return first.Kind == Change && first.Object == ch.Object && first.Path != "" && !strings.Contains(first.Path, "[]") && Under(ch.Path, first.Path) &&
			first.Origin != ch.Origin && !s.onOld(first) && always(first, ch) &&
			!slices.ContainsFunc(s.Events, func(ev *Event) bool { return ev.refills(first, ch) })
	})
}

// refills tells whether an event may fill the object of two changes with what is stored, between the two.
func (ev *Event) refills(first, then *Event) bool {
	return (ev.Kind == Read || ev.Kind == Copy) && ev.Object == then.Object && mayRunBefore(first, ev) && mayRunBefore(ev, then)
}

// always tells whether one event has happened whenever another does.
func always(first, then *Event) bool {
	a, b, below := fork(first, then)
	return a != nil && !first.Spawned && MustPrecede(a, b) && !slices.ContainsFunc(append(below, a), func(at ssa.Instruction) bool {
		_, deferred := at.(*ssa.Defer)
		return deferred || at != a && !unconditional(at)
	})
}

// mayRunBefore tells whether one event can happen before another.
func mayRunBefore(first, then *Event) bool {
	a, b, _ := fork(first, then)
	return a != nil && MayPrecede(a, b)
}

// fork returns the instructions of the innermost common function by which two events happen, and those below the first of
// them down to its event; nil where the one event lies behind the other.
func fork(first, then *Event) (a, b ssa.Instruction, below []ssa.Instruction) {
	p, q := first.way(), then.way()
	for i := range min(len(p), len(q)) {
		if p[i] != q[i] {
			return p[i], q[i], p[i+1:]
		}
	}
	return nil, nil, nil
}

// way lists the calls that lead to an event, and the instruction that it is.
func (ev *Event) way() []ssa.Instruction {
	var way []ssa.Instruction
	for _, site := range ev.Chain {
		way = append(way, site)
	}
	return append(way, ev.Origin)
}
