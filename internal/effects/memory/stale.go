// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// StaleCheck is a write under a lock that depends on a test which was made under the same lock held before: in between
// it was let go, and nothing is tested again.
type StaleCheck struct {
	Check, Act    *Access
	First, Second Holding
	Meeting       program.Meeting
	// Put is the call that leads to the write where it stands in a method of its own.
	Put *ssa.Call
}

// StaleChecks lists them, one a function and variable.
func (m *Memory) StaleChecks() []StaleCheck {
	var out []StaleCheck
	for _, place := range m.places {
		guard := m.Guard(place)
		if !guard.Known() {
			continue
		}
		told := make(map[*ssa.Function]bool)
		for _, act := range m.accesses[place] {
			if !act.Write || told[act.Func()] {
				continue
			}
			if c, ok := m.staleCheck(act, guard); ok {
				told[act.Func()] = true
				out = append(out, c)
			}
		}
	}
	return append(out, m.splitChecks()...)
}

func (m *Memory) staleCheck(act *Access, guard Place) (StaleCheck, bool) {
	second, ok := heldHere(act, guard)
	if !ok || second.Mode != Write {
		return StaleCheck{}, false
	}
	conds := governing(act.At)
	var found *Access
	var first Holding
	for _, check := range m.accesses[act.Place] {
		if check.Write || check.Part != act.Part || check.Func() != act.Func() || check.Owner != act.Owner {
			continue
		}
		h, ok := heldHere(check, guard)
		if !ok || !program.MayPrecede(check.At, act.At) {
			continue
		}
		if h.Site == second.Site {
			return StaleCheck{}, false // tested again under the lock of the write
		}
		if program.Dominates(h.Site, second.Site) && slices.ContainsFunc(conds, func(c ssa.Value) bool { return dependsOn(c, check.At, 0) }) {
			found, first = check, h
		}
	}
	if found == nil {
		return StaleCheck{}, false
	}
	meeting, ok := m.Program.Concurrency().Meet(act.At, act.At)
	if !ok || !meeting.Sure() || m.private(act, act, meeting) {
		return StaleCheck{}, false // nobody comes in between
	}
	return StaleCheck{Check: found, Act: act, First: first, Second: second, Meeting: meeting}, true
}

// heldHere returns the guard as the function itself holds it at an access.
func heldHere(a *Access, guard Place) (Holding, bool) {
	for _, h := range a.Held {
		if h.Lock.Place == guard && h.Site != nil {
			return h, true
		}
	}
	return Holding{}, false
}

// governing returns the conditions that decide whether an instruction runs, on all ways to it or on some.
func governing(instr ssa.Instruction) []ssa.Value {
	var out []ssa.Value
	at := instr.Block()
	for _, b := range instr.Parent().Blocks {
		branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok || b == at {
			continue
		}
		yes, no := b.Succs[0], b.Succs[1]
		if reachesBlock(yes, at) != reachesBlock(no, at) {
			out = append(out, branch.Cond)
		}
	}
	return out
}

func reachesBlock(from, to *ssa.BasicBlock) bool {
	seen := make(map[*ssa.BasicBlock]bool)
	queue := []*ssa.BasicBlock{from}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		if b == to {
			return true
		}
		if !seen[b] {
			seen[b] = true
			queue = append(queue, b.Succs...)
		}
	}
	return false
}

// dependsOn tells whether a value was computed from what an instruction read.
func dependsOn(v ssa.Value, read ssa.Instruction, depth int) bool {
	if depth > 6 {
		return false
	}
	instr, ok := v.(ssa.Instruction)
	if !ok {
		return false
	}
	if instr == read {
		return true
	}
	if _, call := instr.(*ssa.Call); call && depth > 0 {
		// A test by a function of the value is a test; what a function returns for other reasons is not followed.
		for _, arg := range instr.(*ssa.Call).Call.Args {
			if dependsOn(arg, read, depth+4) {
				return true
			}
		}
		return false
	}
	for _, op := range instr.Operands(nil) {
		if *op != nil && dependsOn(*op, read, depth+1) {
			return true
		}
	}
	return false
}
