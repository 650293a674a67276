// SPDX-License-Identifier: Apache-2.0

package effects

import "golang.org/x/tools/go/ssa"

// OtherBranch tells whether the maker of a channel runs either what leads to the start of a goroutine or what leads to a
// close, never both for one channel: they stand on different branches.
func (e *Effects) OtherBranch(g Goroutine, cl *ChannelOp) bool {
	if g.Start == nil || len(cl.Channels) != 1 {
		return false
	}
	made := cl.Channels[0].Make
	starts, ok := e.waysFrom(made.Parent(), g.Start)
	if !ok {
		return false
	}
	_, at, _ := e.CloseAt(cl)
	closes, ok := e.waysFrom(made.Parent(), at)
	if !ok {
		return false
	}
	for _, start := range starts {
		for _, end := range closes {
			if start == end || follows(start, end, made) || follows(end, start, made) {
				return false
			}
		}
	}
	return true
}

// waysFrom returns the instructions of maker that lead to an instruction; ok is false where it is reached otherwise.
func (e *Effects) waysFrom(maker *ssa.Function, at ssa.Instruction) (ways []ssa.Instruction, ok bool) {
	if at.Parent() == maker {
		return []ssa.Instruction{at}, true
	}
	seen := map[*ssa.Function]bool{at.Parent(): true}
	for queue := []*ssa.Function{at.Parent()}; len(queue) > 0; queue = queue[1:] {
		callers := e.Program.Callers(queue[0])
		if len(callers) == 0 || len(seen) > 12 || e.Program.EntryAt(queue[0]) != nil {
			return nil, false
		}
		for _, edge := range callers {
			caller := edge.Caller()
			switch {
			case caller == maker:
				ways = append(ways, edge.Site)
			case !seen[caller] && !e.Program.InTest(caller):
				seen[caller] = true
				queue = append(queue, caller)
			}
		}
	}
	return ways, len(ways) > 0
}

// follows tells whether some way leads from one instruction to another without passing a third one.
func follows(from, to, past ssa.Instruction) bool {
	found := false
	w := &Paths{Ends: func(instr ssa.Instruction) bool {
		found = found || instr == to
		_, leaves := instr.(*ssa.Return)
		return instr == to || instr == past || leaves // all ways are to be seen
	}}
	w.ExitAfter(from)
	return found
}
