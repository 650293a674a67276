// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"go/constant"
	"time"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// The mild case of held-while-blocked: whoever ends the wait does not need the lock, but others do, and they wait along.

// longSleep is how long a sleep must be to be told.
const longSleep = time.Second

// shortRetries is how long a loop of sleeps may take that ends by its count: it is there for what fails now and then.
const shortRetries = 5 * time.Second

// idleWaits lists, by function, the waits that stand in it or in what it calls, under a lock that is not needed to end them; and
// by lock the functions that sleep.
func idleWaits(p *rule.Pass) (waits map[*ssa.Function][]waiting, sleepers map[memory.Place]map[*ssa.Function]bool) {
	waits, sleepers = make(map[*ssa.Function][]waiting), make(map[memory.Place]map[*ssa.Function]bool)
	for _, fn := range p.Program.Funcs {
		flow := locks(p).Flow(fn)
		if flow == nil {
			continue
		}
		for _, w := range idleUnder(p, fn, flow) {
			waits[fn] = append(waits[fn], w)
			if w.block.Kind != memory.Sleep {
				continue // who sends to one goroutine does not ask to wait for what another sends
			}
			place := w.held.Lock.Place
			if sleepers[place] == nil {
				sleepers[place] = make(map[*ssa.Function]bool)
			}
			sleepers[place][fn] = true
		}
	}
	return waits, sleepers
}

// idleUnder lists the waits of a function under a lock.
func idleUnder(p *rule.Pass, fn *ssa.Function, flow *memory.Flow) []waiting {
	var out []waiting
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			held := flow.At(instr).Must
			if len(held) == 0 {
				continue
			}
			for _, block := range locks(p).BlocksAt(instr) {
				for _, h := range held {
					if h.Mode != memory.Semaphore && h.Lock.Place.Known() && !h.Lock.Place.Keyed() && !given(block, h) && lasts(p, fn, block) {
						out = append(out, waiting{fn: fn, held: h, block: block})
					}
				}
			}
		}
	}
	return out
}

// lasts tells whether a wait may last: its end is not in the hands of the goroutine that waits.
func lasts(p *rule.Pass, fn *ssa.Function, block *memory.Block) bool {
	switch block.Kind {
	case memory.CondWait:
		return otherLock(p, block)
	case memory.Sleep:
		return sleepsLong(block.At.(ssa.CallInstruction))
	case memory.Send:
		return block.Inner == nil && channelLasts(p, fn, block) // far from the lock, most often a stop to a goroutine that listens
	case memory.Receive:
		return p.Strict && channelLasts(p, fn, block) // most often an end, or a word, that was asked for a moment before
	}
	return false // groups are most often of goroutines that were started for the work under the lock
}

// otherLock tells whether the lock that a condition variable gives up is another one than its callers hold: it is known
// for one, or the function that waits takes it itself.
func otherLock(p *rule.Pass, block *memory.Block) bool {
	for _, place := range block.Given {
		if place.Known() {
			return true
		}
	}
	wait := block.At.(ssa.CallInstruction)
	if block.Inner == nil {
		return false
	}
	for site := range program.Sites(wait.Parent()) {
		if target := program.Target(site); target != nil && (target.Name() == "Lock" || target.Name() == "RLock") &&
			target.Pkg() != nil && target.Pkg().Path() == "sync" && program.MayPrecede(site, wait) {
			return true
		}
	}
	return false
}

// sleepsLong tells whether the time to sleep is a constant that others notice, and not the pause of a few retries.
func sleepsLong(site ssa.CallInstruction) bool {
	args := site.Common().Args
	d, ok := constantInt(args[len(args)-1])
	if !ok || time.Duration(d) < longSleep {
		return false
	}
	for _, b := range site.Parent().Blocks {
		branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok || !program.Reaches(site.Block(), b) || !program.Reaches(b, site.Block()) {
			continue // no test of a loop around the sleep
		}
		if test, ok := branch.Cond.(*ssa.BinOp); ok && effects.IsOrder(test.Op) {
			if rounds, ok := constantInt(test.Y); ok && rounds < 1000 && time.Duration(rounds*d) < shortRetries {
				return false
			}
		}
	}
	return true
}

func constantInt(v ssa.Value) (int64, bool) {
	c, ok := v.(*ssa.Const)
	if !ok || c.Value == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(c.Value))
}

// channelLasts tells whether all that can end a wait for a channel is in goroutines that live on their own.
func channelLasts(p *rule.Pass, fn *ssa.Function, block *memory.Block) bool {
	ops := p.Effects.Channels().At(block.At)
	if len(ops) != 1 || !ops[0].Exact || len(ops[0].Channels) == 0 {
		return false
	}
	on := map[*ssa.Function]bool{fn: true, block.At.Parent(): true}
	for _, site := range block.Path() {
		on[site.Parent()] = true
	}
	for _, ch := range ops[0].Channels {
		ends := ch.Signals()
		if ops[0].Kind == effects.ChannelSend {
			if ends = ch.Of(effects.ChannelReceive); !ch.Unbuffered() {
				return false // there is most often room
			}
		}
		if len(ends) == 0 || on[ch.Func()] {
			return false // nobody in sight, or made on the way for goroutines that do a part of the work
		}
	}
	return true
}

// victimOf finds who else asks for the lock while it is held. Who sleeps under the lock himself is none where somebody
// sleeps: the lock is there to let one after the other through.
func victimOf(p *rule.Pass, h memory.Holding, fn *ssa.Function, sleepers map[*ssa.Function]bool) ssa.CallInstruction {
	if h.Site == nil {
		return nil
	}
	for _, site := range locks(p).Acquirers(h.Lock.Place) {
		if site.Parent() == fn || sleepers[site.Parent()] || callsOne(p, site.Parent(), sleepers) || !excludes(locks(p).ModeAt(site), h.Mode) {
			continue
		}
		if m, ok := p.Program.Concurrency().Meet(h.Site, site); ok && m.Sure() {
			return site
		}
	}
	return nil
}

var idleWords = map[memory.BlockKind]string{
	memory.Receive: "a receive", memory.Send: "a send", memory.CondWait: "Cond.Wait, which gives up another lock", memory.Sleep: "a sleep",
}

func tellIdle(p *rule.Pass, w waiting, needed ssa.CallInstruction) {
	name, what := lockName(w.held.Lock), idleWords[w.block.Kind]
	at := w.block.At
	if w.block.Call != nil {
		at = w.block.Call
	}
	victim := program.Name(needed.Parent())
	s := rule.NewScenario()
	actor, runs := runner(p, w.fn)
	other, otherRuns := runner(p, needed.Parent())
	if other == actor {
		other += " (2)"
	}
	first, second := s.Actor(actor, runs), s.Actor(other, otherRuns)
	first.Step(siteOf(w.held.Site), "takes "+verb(w.held), name+" is held")
	first.Step(siteOf(w.block.At), fmt.Sprintf("comes to %s%s", what, route(w.block.Path())), "waits")
	second.Step(siteOf(needed), "asks for "+placeName(w.held.Lock.Place), "waits as long")
	if w.held.Mode == memory.Read {
		s.Outcome("%s waits for the reader, and every new reader waits behind it", victim)
	} else {
		s.Outcome("%s stands still until the wait ends", victim)
	}
	where, proof := domain(p, at)
	p.Report(rule.Report{
		Func: w.fn, Pos: siteOf(at), About: placeName(w.held.Lock.Place) + " " + what,
		Severity: finding.Medium, Reason: "the wait can end without the lock, but nobody else gets it until then",
		Message: fmt.Sprintf("%s%s with %s held; %s waits for the lock as long as that takes", what, route(w.block.Path()), name, victim),
		Domain:  where, Proof: proof,
		Related: []rule.Related{
			{Func: w.fn, Pos: siteOf(w.held.Site), Message: name + " is taken here"},
			{Func: w.block.At.Parent(), Pos: siteOf(w.block.At), Message: "the wait is here"},
			{Func: needed.Parent(), Pos: siteOf(needed), Message: "and here the lock is needed by others"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "let go of the lock before the wait",
			Sketch:      fmt.Sprintf("%s.%s()\n%s // %s", spelled(p, w.held), unlockOf(w.held.Mode), p.WordsAt(w.fn, siteOf(at)).Line(), what),
		},
	})
}
