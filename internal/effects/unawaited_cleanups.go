// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// UnawaitedCleanup is work that a goroutine begins when the process is told to stop, and that nobody waits for.
type UnawaitedCleanup struct {
	Spawn Spawn
	// Heard is where the goroutine hears of the end, Site the request that it sends then.
	Heard ssa.Instruction
	Site  ssa.CallInstruction
}

// UnawaitedCleanups returns the goroutines of the program that are cut off in what they do last, in source order.
func (e *Effects) UnawaitedCleanups() []UnawaitedCleanup {
	var out []UnawaitedCleanup
	for _, spawn := range e.Goroutines().Spawns {
		if _, plain := spawn.Site.(*ssa.Go); !plain || e.Program.InTest(spawn.Body) || Signals(spawn.Body) || ends(spawn.Body, 0, e.Program) {
			continue // a group may wait for it, or somebody whom it tells; or it is the one who ends the process
		}
		if heard, site := e.lastRequest(spawn.Body); site != nil {
			out = append(out, UnawaitedCleanup{spawn, heard, site})
		}
	}
	return out
}

// lastRequest returns the request to change something that a goroutine sends once the process was told to stop, and where it
// hears of that; nil if there is none.
func (e *Effects) lastRequest(body *ssa.Function) (ssa.Instruction, ssa.CallInstruction) {
	for _, end := range e.processEnds(body) {
		for site := range program.Sites(body) {
			call, ok := site.(*ssa.Call)
			if !ok || !end.behind(call) {
				continue
			}
			if path := e.Work().Through(call); path != nil && e.changes(path.Last()) {
				return end.by, call
			}
		}
	}
	return nil, nil
}

// changes tells whether a call writes to the API server.
func (e *Effects) changes(site ssa.CallInstruction) bool {
	row := program.Model(site)
	return row != nil && row.Effect.IsWrite() && e.Work().At(site) == APIWork && !RecordsEvent(site)
}

// processEnds returns the places of a function behind which the process is told to stop: a context or a channel that only a
// signal ends.
func (e *Effects) processEnds(fn *ssa.Function) []heardEnd {
	var out []heardEnd
	for _, end := range heardEnds(fn) {
		if e.endsWithSignal(end.ctx) {
			out = append(out, end)
		}
	}
	for _, op := range e.Channels().In(fn) {
		if op.Kind == ChannelReceive && op.Alone() && !op.Range && DoneOf(op.Value) == nil && e.closedAtSignal(op.Value) {
			out = append(out, heardEnd{by: op.Instr})
		}
	}
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || !repeatsUntil(call) || ContextArgument(call) != nil {
			continue
		}
		if args := call.Call.Args; e.closedAtSignal(args[len(args)-1]) {
			out = append(out, heardEnd{by: call})
		}
	}
	return out
}

// endsWithSignal tells whether a context ends when the process is told to stop, and never before.
func (e *Effects) endsWithSignal(ctx ssa.Value) bool {
	origins := e.Contexts().Of(ctx)
	for _, o := range origins {
		if o.Kind != ProcessContext || o.Bounded || o.Cancellable || o.Deferred != nil {
			return false
		}
	}
	return len(origins) > 0
}

// closedAtSignal tells whether a channel is closed for all when the process is told to stop, and never before.
func (e *Effects) closedAtSignal(stop ssa.Value) bool {
	if t := chanElem(stop); t == nil || !isEmptyStruct(t) {
		return false // a signal goes to one receiver: nobody else hears of it
	}
	srcs := e.Program.Sources(stop)
	for _, src := range srcs.Values {
		done, ok := src.(*ssa.Call)
		if !ok || !isDoneCall(done) {
			return e.Contexts().endsAtSignal(stop)
		}
		if !e.endsWithSignal(program.Receiver(done)) {
			return false
		}
	}
	return len(srcs.Values) > 0 && !srcs.Partial
}
