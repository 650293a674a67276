// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ordered tells whether the code puts one of two accesses before the other in another way than by a lock: one is a step
// of setting up before the other can begin, or one waits for the end of the other.
func (m *Memory) ordered(a, b *Access, meeting program.Meeting) bool {
	if meeting.A == meeting.B && m.inTurn(meeting.A) {
		return true
	}
	if meeting.A == meeting.B && m.underOwnKey(a.At, meeting.A) && m.underOwnKey(b.At, meeting.B) {
		return true
	}
	if m.oneRoundEach(a.Place.Local, meeting) {
		return true
	}
	if m.making(a, meeting.B) || m.making(b, meeting.A) {
		return true
	}
	return m.setsUp(a, meeting.A) || m.setsUp(b, meeting.B) || m.before(a, b, meeting.B) || m.before(b, a, meeting.A)
}

// setsUp tells whether an access is a write that the start of the program, or of its leadership, makes once: a part of
// setting up. Who else runs is most often started, registered or told of the object later, in ways that types do not show.
func (m *Memory) setsUp(a *Access, by *program.Root) bool {
	return a.Write && a.Place.Local == nil && by.Entry != nil && !by.Parallel && !by.Again && !m.Program.RunsAgain(a.At)
}

// before tells whether one access comes before another, or after the goroutine of the other has ended.
func (m *Memory) before(a, b *Access, of *program.Root) bool {
	if m.Program.BeforeElection(a.At, b.At) {
		return true
	}
	if of.Entry != nil {
		return false // no group counts what others run
	}
	if startedAndAwaited(of, a.Func()) || m.roundBefore(a, of) {
		return true
	}
	return slices.ContainsFunc(m.groupsOf(of), func(group Place) bool { return m.waitedFor(a.At, group, 0) })
}

// startedAndAwaited tells whether a goroutine is started by calls of fn only, each of which comes back when it has ended:
// what fn does comes before or after.
func startedAndAwaited(r *program.Root, fn *ssa.Function) bool {
	return len(r.Sites) > 0 && !slices.ContainsFunc(r.Sites, func(s ssa.CallInstruction) bool {
		return s.Parent() != fn || !program.WaitsForStarted(s)
	})
}

// waitDepth bounds the calls that are followed back to a wait.
const waitDepth = 5

// groupsOf names the wait groups that a goroutine tells of its end.
func (m *Memory) groupsOf(r *program.Root) []Place {
	var out []Place
	for _, fn := range append([]*ssa.Function{r.Func}, r.Func.AnonFuncs...) {
		for site := range program.Sites(fn) {
			if group := m.groupAt(site, "Done"); group.Type != nil {
				out = append(out, group)
			}
		}
	}
	return out
}

// groupAt names the wait group on which a call runs a method.
func (m *Memory) groupAt(site ssa.CallInstruction, method string) Place {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "sync" || target.Name() != method || receiverTypeName(target) != "WaitGroup" {
		return Place{}
	}
	return m.Locks.PlaceOf(program.Receiver(site))
}

// waitedFor tells whether an instruction runs after a wait for a group on every way to it, or in a goroutine that the
// group counts itself.
func (m *Memory) waitedFor(instr ssa.Instruction, group Place, depth int) bool {
	fn := instr.Parent()
	for site := range program.Sites(fn) {
		if m.groupAt(site, "Done") == group {
			return true
		}
		if _, plain := site.(*ssa.Call); plain && m.groupAt(site, "Wait") == group && program.Dominates(site, instr) {
			return true
		}
	}
	callers := m.Program.Callers(fn)
	if depth > waitDepth || len(callers) == 0 || m.Program.EntryAt(fn) != nil {
		return false
	}
	return !slices.ContainsFunc(callers, func(e program.Edge) bool {
		return e.How == program.Starts || !m.waitedFor(e.Site, group, depth+1)
	})
}

// OwnLock tells whether a lock surely belongs to an object that each of two goroutines which take it has for itself.
func (m *Memory) OwnLock(h Holding, other ssa.Instruction, meeting program.Meeting) bool {
	ref := h.Lock.Ref
	if ref.Root == nil || strings.Count(ref.Path, ".") != 1 {
		return false
	}
	if m.owned(ref.Root, h.Site) {
		return true // nobody else knows of the object yet
	}
	a := &Access{Place: h.Lock.Place, At: h.Site, Owner: ref, Base: ref.Root}
	return m.private(a, &Access{Place: h.Lock.Place, At: other}, meeting)
}

// apart tells whether two structs are surely two: each is a part of another struct, and the parts have different names.
func apart(x, y ssa.Value) bool {
	a, ok := x.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	b, ok := y.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	partA, okA := program.FieldKeyOf(a.X.Type(), a.Field)
	partB, okB := program.FieldKeyOf(b.X.Type(), b.Field)
	return okA && okB && (partA != partB || apart(a.X, b.X))
}

// inOthers tells whether two structs are surely two: all that the one can be is known, and so is all that the other can be, and
// nothing is among both. What a function gets by value is its own.
func (m *Memory) inOthers(x, y ssa.Value) bool {
	if x == nil || y == nil || x == y {
		return false
	}
	a, b := m.allocated(x), m.allocated(y)
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(made ssa.Value) bool { return slices.Contains(b, made) })
}

// allocated lists the variables and objects that a value can be; none if it can be anything else.
func (m *Memory) allocated(v ssa.Value) []ssa.Value {
	if free, ok := v.(*ssa.FreeVar); ok {
		if b := m.Program.Bindings(free); len(b) == 1 {
			return m.allocated(b[0])
		}
	}
	srcs := m.Program.Sources(v)
	if srcs.Partial {
		return nil
	}
	var out []ssa.Value
	for _, src := range srcs.Values {
		switch src.(type) {
		case *ssa.Const: // nil
		case *ssa.Alloc:
			out = append(out, src)
		default:
			return nil
		}
	}
	return out
}

// handedOver tells whether a channel orders one access before the other: the first is followed by a send or a close,
// and the second stands behind a receive.
func (m *Memory) handedOver(first, second *Access) bool {
	signals, waits := false, false
	for _, b := range first.Func().Blocks {
		for _, instr := range b.Instrs {
			if isSignal(instr) && program.MayPrecede(first.At, instr) {
				signals = true
			}
		}
	}
	if !signals {
		return false
	}
	for _, b := range second.Func().Blocks {
		for _, instr := range b.Instrs {
			if m.Program.Concurrency().Waits(instr) && program.MayPrecede(instr, second.At) && !program.GaveUp(instr, second.At) {
				waits = true
			}
		}
	}
	return waits
}

func isSignal(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.Send:
		return true
	case *ssa.Select:
		return slices.ContainsFunc(x.States, func(s *ssa.SelectState) bool { return s.Send != nil })
	case ssa.CallInstruction:
		b, ok := x.Common().Value.(*ssa.Builtin)
		return ok && b.Name() == "close"
	}
	return false
}
