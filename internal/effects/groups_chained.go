// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

// A goroutine's end is known in two steps as well: one waits for it and then says so itself.

// doneAfter tells whether every member of a group has waited for the goroutine before it says that it is done.
func (e *Effects) doneAfter(g Goroutine, place string) bool {
	dones := e.donesOf(place)
	for _, d := range dones {
		_, deferred := d.Site.(*ssa.Defer)
		if !e.behindMembers(g, d.Site, deferred) {
			return false
		}
	}
	return len(dones) > 0
}

// signalledAfter tells whether every signal of a channel comes from somebody who has waited for the goroutine.
func (e *Effects) signalledAfter(g Goroutine, c *Channel) bool {
	signals := c.Signals()
	for _, s := range signals {
		if !e.behindMembers(g, s.Instr, s.Deferred) {
			return false
		}
	}
	return len(signals) > 0
}

// behindMembers tells whether a function waits for a group of the goroutine before it comes to an instruction; one that is
// deferred runs at the exits.
func (e *Effects) behindMembers(g Goroutine, at ssa.Instruction, deferred bool) bool {
	waits := make(map[ssa.Instruction]bool)
	for _, w := range e.GroupCalls(at.Parent()) {
		if _, plain := w.Site.(*ssa.Call); plain && w.Method == "Wait" && e.memberOf(g, w.Place) {
			waits[w.Site] = true
		}
	}
	if deferred && len(waits) > 0 {
		w := &Paths{Ends: func(instr ssa.Instruction) bool { return waits[instr] }}
		return w.ExitAfter(at) == nil
	}
	for wait := range waits {
		if Before(wait, at) {
			return true
		}
	}
	return false
}

// donesOf returns the calls of Done on the group that is kept at a place.
func (e *Effects) donesOf(place string) []GroupCall { return e.GroupCallsAt(place, "Done") }

// GroupCallsAt returns the calls of a method, anywhere, on the group that is kept at a place.
func (e *Effects) GroupCallsAt(place, method string) []GroupCall {
	if e.conc.groupsAt == nil {
		e.conc.groupsAt = make(map[[2]string][]GroupCall)
		for _, fn := range e.Program.Funcs {
			for _, call := range e.GroupCalls(fn) {
				key := [2]string{call.Place, call.Method}
				e.conc.groupsAt[key] = append(e.conc.groupsAt[key], call)
			}
		}
	}
	return e.conc.groupsAt[[2]string{place, method}]
}

// countedByWord tells whether who starts the goroutine counts it in a group, and who counts it down there has received a
// word from it: whoever waits for the group knows that the word was said.
func (e *Effects) countedByWord(g Goroutine, place string) bool {
	if g.Start == nil || !slices.ContainsFunc(e.GroupCalls(g.Start.Parent()), func(add GroupCall) bool {
		return add.Method == "Add" && add.Place == place && Before(add.Site, g.Start)
	}) {
		return false
	}
	dones := e.donesOf(place)
	return len(dones) > 0 && !slices.ContainsFunc(dones, func(done GroupCall) bool {
		return !slices.ContainsFunc(e.Channels().In(done.Func), func(op *ChannelOp) bool {
			return op.Kind == ChannelReceive && op.Alone() && Before(op.Instr, done.Site) && e.answeredBy(g, op)
		})
	})
}
