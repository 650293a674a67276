// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// HeldAcrossNetwork reports a lock that is held while another machine is asked, and that others need who ask nobody.
var HeldAcrossNetwork = &rule.Rule{
	ID:        "mutex/held-across-network",
	Title:     "a lock is held across a network call",
	Checklist: []string{"4.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1",
	Doc:       rule.Page(pages, "held_across_network.md"),
	Check:     heldAcrossNetwork,
}

// remote is a network call with a lock held.
type remote struct {
	fn    *ssa.Function
	held  memory.Holding
	block *memory.Block
}

func heldAcrossNetwork(p *rule.Pass) {
	byLock := make(map[memory.Place][]remote)
	var order []memory.Place
	for _, fn := range p.Program.Funcs {
		flow := locks(p).Flow(fn)
		if flow == nil || !p.Watched(fn) {
			continue
		}
		for _, r := range remoteUnder(p, fn, flow) {
			place := r.held.Lock.Place
			if byLock[place] == nil {
				order = append(order, place)
			}
			byLock[place] = append(byLock[place], r)
		}
	}
	type call struct {
		fn *ssa.Function
		at ssa.Instruction
	}
	told := make(map[call]bool)
	asking := askers(p)
	for _, place := range order {
		if startsAndStops(p, place) {
			continue // it keeps starting and stopping apart, which must wait for each other
		}
		if mostAsk(p, place, asking[place]) {
			continue // it lets one request after the other through
		}
		for _, r := range firstEach(byLock[place]) {
			if told[call{r.fn, r.block.At}] {
				continue // the same call under a second lock: it is moved out of both
			}
			if keepsAnswer(r) {
				continue // the lock is there for the object that is read, sent and kept
			}
			if victim, many := waitsFor(p, place, asking[place], r); victim != nil {
				told[call{r.fn, r.block.At}] = true
				tellRemote(p, r, victim, many)
			}
		}
	}
}

// onceOnly tells whether a wait lies behind a (*sync.Once).Do.
func onceOnly(block *memory.Block) bool {
	return slices.ContainsFunc(block.Path(), func(site ssa.CallInstruction) bool {
		target := program.Target(site)
		return target != nil && target.FullName() == "(*sync.Once).Do"
	})
}

// remoteUnder lists the network calls that a function makes with a lock of its own held.
func remoteUnder(p *rule.Pass, fn *ssa.Function, flow *memory.Flow) []remote {
	var out []remote
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			held := flow.At(instr).Must
			if len(held) == 0 {
				continue
			}
			for _, block := range locks(p).BlocksAt(instr) {
				for _, h := range held {
					if h.Mode == memory.Read && !p.Strict {
						continue // it keeps writers out only: most often the one that closes or reloads
					}
					if onceOnly(block) {
						continue // the first of all callers waits, and nobody after it
					}
					if block.Kind.Remote() && h.Mode != memory.Semaphore && h.Lock.Place.Known() && !h.Lock.Place.Keyed() && !unnamed(h.Lock) && !given(block, h) {
						out = append(out, remote{fn, h, block})
					}
				}
			}
		}
	}
	return out
}

// firstEach keeps the first call of each function.
func firstEach(all []remote) []remote {
	seen := make(map[*ssa.Function]bool)
	var out []remote
	for _, r := range all {
		if !seen[r.fn] {
			seen[r.fn] = true
			out = append(out, r)
		}
	}
	return out
}

// waitsFor finds who needs the lock without asking another machine itself, and can come while the call is made. Where
// there is nobody, the lock is there to let one call at a time through. Of several it is one that runs many times at once, if there
// is such.
func waitsFor(p *rule.Pass, place memory.Place, asks map[*ssa.Function]bool, r remote) (victim ssa.CallInstruction, many bool) {
	for _, site := range locks(p).Acquirers(place) {
		if asks[site.Parent()] || callsOne(p, site.Parent(), asks) || cleansUp(p, site.Parent()) || locks(p).ModeAt(site) == memory.Read && r.held.Mode == memory.Read {
			continue
		}
		if !locks(p).ReleasesIn(site.Parent(), place) {
			continue // it takes the lock for its caller, who wants to wait for just that
		}
		m, ok := p.Program.Concurrency().Meet(r.held.Site, site)
		if !ok || !m.Sure() || p.Effects.Memory().OwnLock(r.held, site, m) {
			continue
		}
		if m.B.Parallel {
			return site, true
		}
		if victim == nil {
			victim = site
		}
	}
	return victim, false
}

// callsOne tells whether a function calls one of others: it waits for what they ask for anyway.
func callsOne(p *rule.Pass, fn *ssa.Function, others map[*ssa.Function]bool) bool {
	return slices.ContainsFunc(p.Program.CallsFrom(fn), func(e program.Edge) bool {
		return e.How == program.Calls && others[e.Callee]
	})
}

// cleansUp tells whether a function is only ever deferred: who is done with the work does not mind when it runs.
func cleansUp(p *rule.Pass, fn *ssa.Function) bool {
	callers := p.Program.Callers(fn)
	return len(callers) > 0 && p.Program.EntryAt(fn) == nil && !slices.ContainsFunc(callers, func(e program.Edge) bool {
		_, deferred := e.Site.(*ssa.Defer)
		return !deferred && !p.Program.InTest(e.Caller())
	})
}

// remoteSeverity weighs who waits, and for how long.
func remoteSeverity(p *rule.Pass, r remote, many bool) (finding.Severity, string) {
	switch {
	case r.held.Mode == memory.Read:
		return finding.Medium, "the lock is held for reading: writers wait, and readers behind them"
	case !many:
		return finding.Medium, "those who wait are few"
	case p.Effects.Bounded(r.block.At.(ssa.CallInstruction)):
		return finding.Medium, "the call ends by itself"
	}
	return finding.High, "many wait, and how long they do is decided by another machine"
}

func tellRemote(p *rule.Pass, r remote, victim ssa.CallInstruction, many bool) {
	name := lockName(r.held.Lock)
	severity, reason := remoteSeverity(p, r, many)
	at := r.block.At
	if r.block.Call != nil {
		at = r.block.Call
	}
	what := "a network call"
	if r.block.Kind == memory.Request {
		what = "a request to the API server"
	}
	callee := calleeName(r.block.At.(ssa.CallInstruction))
	s := rule.NewScenario()
	actor, runs := runner(p, r.fn)
	other, otherRuns := runner(p, victim.Parent())
	if other == actor {
		other += " (2)"
	}
	first, second := s.Actor(actor, runs), s.Actor(other, otherRuns)
	first.Step(siteOf(r.held.Site), "takes "+verb(r.held), name+" is held")
	first.Step(siteOf(r.block.At), fmt.Sprintf("calls %s%s", callee, route(r.block.Path())), "the other machine does not answer for a while")
	second.Step(siteOf(victim), "asks for "+placeName(r.held.Lock.Place), "waits as long")
	s.Outcome("%s and everybody else who needs %s stand still until the call returns or times out", program.Name(victim.Parent()), placeName(r.held.Lock.Place))

	where, proof := domain(p, at)
	p.Report(rule.Report{
		Func: r.fn, Pos: siteOf(at), About: placeName(r.held.Lock.Place),
		Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s is held across %s (%s%s); %s waits for the lock as long as that takes",
			name, what, callee, route(r.block.Path()), program.Name(victim.Parent())),
		Domain: where, Proof: proof,
		Related: []rule.Related{
			{Func: r.fn, Pos: siteOf(r.held.Site), Message: name + " is taken here"},
			{Func: r.block.At.Parent(), Pos: siteOf(r.block.At), Message: "the call is here"},
			{Func: victim.Parent(), Pos: siteOf(victim), Message: "and here the lock is needed by others"},
		},
		Scenario: s,
		Fix: rule.Fix{
			Description: "call first and take the lock for the result, or copy what the call needs and let go of the lock",
			Sketch:      unlockedSketch(p, r, at),
		},
	})
}

// unlockedSketch makes the call without the lock, or lets go of it before the wait for the goroutine that makes the call.
func unlockedSketch(p *rule.Pass, r remote, at ssa.Instruction) string {
	lock, take, free := spelled(p, r.held), r.held.Mode, unlockOf(r.held.Mode)
	if r.block.Started {
		return fmt.Sprintf("%[1]s.%[3]s() // before the goroutine is waited for\n%[1]s.%[2]s() // for what needs it, of what came back", lock, take, free)
	}
	return fmt.Sprintf("%[1]s // without %[2]s\n%[2]s.%[3]s()\n// what needs the lock, of what came back\n%[2]s.%[4]s()", p.WordsAt(r.fn, siteOf(at)).Line(), lock, take, free)
}
