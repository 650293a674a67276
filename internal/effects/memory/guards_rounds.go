// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// roundBefore tells whether an access is a step before the start of the goroutine that makes the other one, by whoever starts
// it, where somebody waits for the end of such goroutines: then the step that comes before the next start comes after that end.
func (m *Memory) roundBefore(a *Access, of *program.Root) bool {
	if len(of.Sites) == 0 || of.Func == a.Func() {
		return false
	}
	for _, site := range of.Sites {
		if site.Parent() != a.Func() || !program.MayPrecede(a.At, site) || program.MayPrecede(site, a.At) {
			return false
		}
	}
	return m.awaited(of)
}

// inTurn tells whether a goroutine is started only after the one before has ended: the function that starts it waits for that
// before it does, and comes there under a lock, or is not run by several at once.
func (m *Memory) inTurn(r *program.Root) bool {
	if len(r.Sites) == 0 {
		return false
	}
	ends := m.endsOf(r)
	for _, site := range r.Sites {
		fn := site.Parent()
		if m.repeats(site, ends) || !m.waitsForEnd(fn, ends, site) || !m.oneAtATime(site) {
			return false
		}
	}
	return true
}

// repeats tells whether a loop can start a goroutine again before it has waited for the end of the one before.
func (m *Memory) repeats(site ssa.CallInstruction, ends endings) bool {
	if !program.MayPrecede(site, site) {
		return false
	}
	for _, b := range site.Parent().Blocks {
		if slices.ContainsFunc(b.Instrs, func(instr ssa.Instruction) bool {
			return m.awaits(instr, ends) && !program.RunsAgainWithout(site, instr)
		}) {
			return false
		}
	}
	return true
}

// oneRoundEach tells whether two goroutines over a variable of one call are never started without a wait of that call in between:
// the first has ended when the second begins.
func (m *Memory) oneRoundEach(local *ssa.Alloc, meeting program.Meeting) bool {
	if local == nil || meeting.A == meeting.B || len(meeting.A.Sites) == 0 || len(meeting.B.Sites) == 0 {
		return false
	}
	for _, x := range meeting.A.Sites {
		for _, y := range meeting.B.Sites {
			if x.Parent() != local.Parent() || y.Parent() != local.Parent() || m.overlaps(x, y) || m.overlaps(y, x) {
				return false
			}
		}
	}
	return true
}

// overlaps tells whether some way leads from the start of one goroutine to that of another without a wait for a group that counts
// the one.
func (m *Memory) overlaps(first, second ssa.CallInstruction) bool {
	group := m.groupAt(first, "Go")
	if !group.Known() {
		return true
	}
	for site := range program.Sites(first.Parent()) {
		if _, plain := site.(*ssa.Call); plain && m.groupAt(site, "Wait") == group && !program.MayPrecedeWithout(first, second, site) {
			return false
		}
	}
	return program.MayPrecede(first, second)
}

// oneAtATime tells whether an instruction is not run by several goroutines at once.
func (m *Memory) oneAtATime(instr ssa.Instruction) bool {
	if slices.ContainsFunc(m.Locks.Held(instr), func(h Holding) bool { return h.Mode == Write }) {
		return true
	}
	if m.Program.Concurrency().First(instr.Parent()) == nil {
		return false
	}
	_, itself := m.Program.Concurrency().Meet(instr, instr)
	return !itself
}

// endings are what a goroutine tells of its end: wait groups and channels.
type endings struct{ groups, channels []Place }

// endsOf names what a goroutine tells of its end.
func (m *Memory) endsOf(r *program.Root) endings {
	ends := endings{groups: m.groupsOf(r)}
	for _, site := range r.Sites {
		if group := m.groupAt(site, "Go"); group.Known() {
			ends.groups = append(ends.groups, group)
		}
		ends.groups = append(ends.groups, m.groupsGiven(r, site)...)
	}
	for _, fn := range append([]*ssa.Function{r.Func}, r.Func.AnonFuncs...) {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if ch := signalled(instr); ch != nil {
					if place := m.Locks.PlaceOf(ch); place.Known() {
						ends.channels = append(ends.channels, place)
					}
				}
			}
		}
	}
	return ends
}

// groupsGiven names the wait groups that a goroutine is given where it starts, and of which it tells that it has ended.
func (m *Memory) groupsGiven(r *program.Root, start ssa.CallInstruction) []Place {
	var out []Place
	if start.Common().StaticCallee() != r.Func {
		return nil
	}
	for done := range program.Sites(r.Func) {
		target := program.Target(done)
		if target == nil || target.FullName() != "(*sync.WaitGroup).Done" {
			continue
		}
		if i := slices.IndexFunc(r.Func.Params, func(param *ssa.Parameter) bool { return program.Receiver(done) == ssa.Value(param) }); i >= 0 {
			if group := m.Locks.PlaceOf(start.Common().Args[i]); group.Known() {
				out = append(out, group)
			}
		}
	}
	return out
}

// signalled returns the channel that an instruction closes or sends to.
func signalled(instr ssa.Instruction) ssa.Value {
	switch x := instr.(type) {
	case *ssa.Send:
		return x.Chan
	case ssa.CallInstruction:
		if b, ok := x.Common().Value.(*ssa.Builtin); ok && b.Name() == "close" {
			return x.Common().Args[0]
		}
	}
	return nil
}

// awaited tells whether some other code waits for the end of a goroutine.
func (m *Memory) awaited(r *program.Root) bool {
	ends := m.endsOf(r)
	if len(ends.groups)+len(ends.channels) == 0 {
		return false
	}
	own := append([]*ssa.Function{r.Func}, r.Func.AnonFuncs...)
	return slices.ContainsFunc(m.waitingFuncs(), func(fn *ssa.Function) bool {
		return !slices.Contains(own, fn) && m.waitsForEnd(fn, ends, nil)
	})
}

// waitingFuncs lists the functions that wait for goroutines.
func (m *Memory) waitingFuncs() []*ssa.Function {
	if m.waiting == nil {
		m.waiting = []*ssa.Function{}
		c := m.Program.Concurrency()
		for _, fn := range m.Program.Funcs {
			waits := slices.ContainsFunc(fn.Blocks, func(b *ssa.BasicBlock) bool {
				return slices.ContainsFunc(b.Instrs, func(instr ssa.Instruction) bool {
					_, deferred := instr.(*ssa.Defer)
					return c.Waits(instr) || deferred
				})
			})
			if waits && !m.Program.InTest(fn) {
				m.waiting = append(m.waiting, fn)
			}
		}
	}
	return m.waiting
}

// waitsForEnd tells whether a function waits for one of several signs that a goroutine has ended; before an instruction, if one
// is given.
func (m *Memory) waitsForEnd(fn *ssa.Function, ends endings, before ssa.Instruction) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if m.awaits(instr, ends) && (before == nil || program.MayPrecede(instr, before)) {
				return true
			}
		}
	}
	return false
}

func (m *Memory) awaits(instr ssa.Instruction, ends endings) bool {
	switch x := instr.(type) {
	case *ssa.UnOp:
		return x.Op == token.ARROW && slices.Contains(ends.channels, m.Locks.PlaceOf(x.X))
	case *ssa.Select:
		return slices.ContainsFunc(x.States, func(s *ssa.SelectState) bool {
			return s.Send == nil && slices.Contains(ends.channels, m.Locks.PlaceOf(s.Chan))
		})
	case ssa.CallInstruction:
		group := m.groupAt(x, "Wait")
		return group.Known() && slices.Contains(ends.groups, group)
	}
	return false
}
