// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/types"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// HeldWhileBlocked reports a wait for another goroutine with a lock held that this goroutine needs first.
var HeldWhileBlocked = &rule.Rule{
	ID:        "mutex/held-while-blocked",
	Title:     "a lock is held while waiting for a goroutine that needs it",
	Checklist: []string{"4.3"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "held_while_blocked.md"),
	Check:     heldWhileBlocked,
}

// waiting is a wait with a lock held.
type waiting struct {
	fn    *ssa.Function
	held  memory.Holding
	block *memory.Block
	// other is the operation that would end the wait, and need where its goroutine asks for the lock before.
	other ssa.Instruction
	need  ssa.Instruction
	// full is the size of the buffer that must be full first, 0 without one.
	full int64
}

func heldWhileBlocked(p *rule.Pass) {
	idles, sleepers := idleWaits(p)
	for _, fn := range p.Program.Funcs {
		flow := locks(p).Flow(fn)
		if flow == nil || !p.Watched(fn) {
			continue
		}
		told := make(map[memory.Place]bool)
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				for _, w := range waitsUnder(p, fn, flow, instr) {
					if !told[w.held.Lock.Place] {
						told[w.held.Lock.Place] = true
						tellWaiting(p, w)
					}
				}
			}
		}
		for _, w := range idles[fn] {
			place := w.held.Lock.Place
			if told[place] {
				continue
			}
			var others map[*ssa.Function]bool
			if w.block.Kind == memory.Sleep {
				others = sleepers[place]
			}
			if victim := victimOf(p, w.held, fn, others); victim != nil {
				told[place] = true
				tellIdle(p, w, victim)
			}
		}
	}
}

// waitsUnder lists the waits at an instruction that a held lock keeps from ending.
func waitsUnder(p *rule.Pass, fn *ssa.Function, flow *memory.Flow, instr ssa.Instruction) []waiting {
	held := flow.At(instr).Must
	if len(held) == 0 {
		return nil
	}
	var out []waiting
	for _, block := range locks(p).BlocksAt(instr) {
		for _, h := range held {
			if h.Mode == memory.Semaphore || !h.Lock.Place.Known() || given(block, h) {
				continue
			}
			w := waiting{fn: fn, held: h, block: block}
			if w.stuck(p) {
				out = append(out, w)
			}
		}
	}
	return out
}

func given(block *memory.Block, h memory.Holding) bool {
	for _, place := range block.Given {
		if place == h.Lock.Place {
			return true // given up before the wait, or by it
		}
	}
	return false
}

// stuck tells whether whoever could end the wait needs the lock first.
func (w *waiting) stuck(p *rule.Pass) bool {
	switch w.block.Kind {
	case memory.Receive, memory.Send, memory.Choice:
		return w.stuckChannel(p)
	case memory.WaitGroup:
		return w.stuckGroup(p)
	}
	return false
}

// stuckChannel judges channel operations: each case of the statement must be stuck, and for each every counterpart.
func (w *waiting) stuckChannel(p *rule.Pass) bool {
	ops := p.Effects.Channels().At(w.block.At)
	if len(ops) == 0 {
		return false
	}
	for _, op := range ops {
		if !op.Exact || len(op.Channels) == 0 || !w.stuckOp(p, op) {
			return false
		}
	}
	return true
}

func (w *waiting) stuckOp(p *rule.Pass, op *effects.ChannelOp) bool {
	found := false
	for _, ch := range op.Channels {
		if ch.ForeignSends && op.Kind == effects.ChannelReceive || ch.ForeignReceives && op.Kind == effects.ChannelSend {
			return false // somebody outside of own code may end the wait
		}
		if op.Kind == effects.ChannelSend && !ch.Unbuffered() {
			if !ch.Known {
				return false
			}
			if seesRoom(op.Instr) {
				return false // the lock keeps others from filling what was found to have room
			}
			w.full = ch.Capacity
		}
		ends := ch.Signals()
		if op.Kind == effects.ChannelSend {
			ends = ch.Of(effects.ChannelReceive)
		}
		for _, end := range ends {
			need := w.needsAnywhere(p, end.Instr)
			if need == nil {
				return false
			}
			w.other, w.need, found = end.Instr, need, true
		}
	}
	return found
}

// seesRoom tells whether a send stands behind a test of how much the channel holds.
func seesRoom(send ssa.Instruction) bool {
	for at := send.Block().Idom(); at != nil; at = at.Idom() {
		branch, ok := at.Instrs[len(at.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		test, ok := branch.Cond.(*ssa.BinOp)
		if !ok {
			continue
		}
		for _, side := range []ssa.Value{test.X, test.Y} {
			if call, ok := side.(*ssa.Call); ok {
				if b, ok := call.Call.Value.(*ssa.Builtin); ok && b.Name() == "len" && isChannel(call.Call.Args[0]) {
					return true
				}
			}
		}
	}
	return false
}

func isChannel(v ssa.Value) bool {
	_, ok := v.Type().Underlying().(*types.Chan)
	return ok
}

// stuckGroup judges WaitGroup.Wait: some goroutine that must call Done needs the lock.
func (w *waiting) stuckGroup(p *rule.Pass) bool {
	call, ok := w.block.At.(*ssa.Call)
	if !ok {
		return false
	}
	group := locks(p).PlaceOf(program.Receiver(call))
	if !group.Known() {
		return false
	}
	for _, site := range locks(p).Dones(group) {
		if need := w.needsAnywhere(p, site); need != nil {
			w.other, w.need = site, need
			return true
		}
	}
	return false
}

// needsAnywhere is needs for an operation that may be deferred: then everything in its function comes before.
func (w *waiting) needsAnywhere(p *rule.Pass, end ssa.Instruction) ssa.Instruction {
	if _, deferred := end.(*ssa.Defer); !deferred {
		return w.needs(p, end)
	}
	for other := range program.Sites(end.Parent()) {
		if w.takes(p, other) {
			return other
		}
	}
	return nil
}

// needs returns where the goroutine of an operation asks for the lock on the way to it, or nil if it need not.
func (w *waiting) needs(p *rule.Pass, end ssa.Instruction) ssa.Instruction {
	if end.Parent() == w.fn && len(p.Program.Callers(w.fn)) < 2 {
		return nil // the same code: it is not what the wait waits for
	}
	for _, h := range locks(p).Held(end) {
		if h.Lock.Place == w.held.Lock.Place && excludes(h.Mode, w.held.Mode) {
			if h.Site != nil {
				return h.Site
			}
			return end
		}
	}
	return w.needsBefore(p, end, 0)
}

func (w *waiting) needsBefore(p *rule.Pass, end ssa.Instruction, depth int) ssa.Instruction {
	for site := range program.Sites(end.Parent()) {
		if w.takes(p, site) && program.MayPrecede(site, end) {
			return site
		}
	}
	callers := p.Program.Callers(end.Parent())
	if depth > 3 || len(callers) != 1 || callers[0].How == program.Starts {
		return nil
	}
	return w.needsBefore(p, callers[0].Site, depth+1)
}

// takes tells whether a call asks for the lock in a mode that the holder keeps it from.
func (w *waiting) takes(p *rule.Pass, site ssa.CallInstruction) bool {
	if _, started := site.(*ssa.Go); started {
		return false
	}
	for _, take := range locks(p).TakesAt(site) {
		if take.Lock.Place == w.held.Lock.Place && excludes(take.Mode, w.held.Mode) {
			return true
		}
	}
	return false
}

func excludes(a, b memory.Mode) bool { return a == memory.Write || b == memory.Write }

var blockWords = map[memory.BlockKind]string{
	memory.Receive: "a receive", memory.Send: "a send", memory.Choice: "a select", memory.WaitGroup: "WaitGroup.Wait",
}

func tellWaiting(p *rule.Pass, w waiting) {
	name, what := lockName(w.held.Lock), blockWords[w.block.Kind]
	severity, reason := finding.Critical, "the goroutine that would end the wait waits for the lock"
	if w.full > 0 {
		severity, reason = finding.High, fmt.Sprintf("it waits once the buffer of %d is full", w.full)
	}
	at := w.block.At
	if w.block.Call != nil {
		at = w.block.Call
	}
	s := rule.NewScenario()
	actor, runs := runner(p, w.fn)
	other, otherRuns := runner(p, w.other.Parent())
	if other == actor {
		other += " (2)"
	}
	first, second := s.Actor(actor, runs), s.Actor(other, otherRuns)
	first.Step(siteOf(w.held.Site), "takes "+verb(w.held), name+" is held")
	second.Step(siteOf(w.need), "asks for "+placeName(w.held.Lock.Place), "waits")
	first.Step(siteOf(w.block.At), fmt.Sprintf("comes to %s%s", what, route(w.block.Path())), "waits for the other")
	s.Outcome("neither gets on: %s is held for ever, and everybody else who needs it waits too", name)

	where, proof := domain(p, at)
	p.Report(rule.Report{
		Func: w.fn, Pos: siteOf(at), About: placeName(w.held.Lock.Place) + " " + what,
		Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s%s with %s held, which %s needs to end the wait; both wait for ever",
			what, route(w.block.Path()), name, program.Name(w.other.Parent())),
		Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: w.fn, Pos: siteOf(w.held.Site), Message: name + " is taken here"},
			{Func: w.block.At.Parent(), Pos: siteOf(w.block.At), Message: "the wait is here"},
			{Func: w.other.Parent(), Pos: siteOf(w.other), Message: "this would end the wait"},
			{Func: w.need.Parent(), Pos: siteOf(w.need), Message: "but the lock is needed here first"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "let go of the lock before the wait",
			Sketch:      fmt.Sprintf("%s.%s()\n%s // %s", spelled(p, w.held), unlockOf(w.held.Mode), p.WordsAt(w.fn, siteOf(at)).Line(), what),
		},
	})
}
