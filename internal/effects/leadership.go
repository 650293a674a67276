// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Overstay is work that begins with the leadership and does not end with it.
type Overstay struct {
	// Gate is where the work begins: the receive that says who leads, or the callback.
	Gate ssa.Instruction
	// Use is the call under the other context that goes on, Context the context it is given.
	Use     ssa.CallInstruction
	Context ssa.Value
	// Elected is the callback that begins the leadership.
	Elected *program.Entry
}

// Overstays returns the work that goes on when the leadership is lost, in source order. A program that ends itself when
// it stops leading has none.
func (e *Effects) Overstays() []Overstay {
	p := e.Program
	var elected []*program.Entry
	for _, entry := range p.Entries {
		if entry.Kind == program.EntryElected && !p.InTest(entry.Func) {
			elected = append(elected, entry)
		}
	}
	if len(elected) == 0 {
		return nil
	}
	var out []Overstay
	for _, entry := range elected {
		out = append(out, e.inCallback(entry)...)
	}
	for _, fn := range p.Funcs {
		if p.InTest(fn) || p.Generated(fn) {
			continue
		}
		if o, ok := e.behindGate(fn, elected[0]); ok {
			out = append(out, o)
		}
	}
	return slices.DeleteFunc(out, func(o Overstay) bool { return e.endsWithLeadership(o.Use.Parent()) })
}

// EndsWithLeadership tells whether a context in reach is over when the leadership is lost, and the process goes on.
func (e *Effects) EndsWithLeadership(reach *InReach) bool {
	return slices.ContainsFunc(e.Contexts().Behind(reach), func(o ContextOrigin) bool { return o.Kind == LeaderContext }) && !e.endsWithLeadership(nil)
}

// ExitsFirst tells whether the process is gone when a context in reach is over: it is the leadership's in all cases, or never
// ends, and the process ends with its leadership.
func (e *Effects) ExitsFirst(reach *InReach) bool {
	leads := false
	for _, o := range e.Contexts().Behind(reach) {
		switch {
		case o.Bounded || o.Cancellable || o.Deferred != nil:
			return false
		case o.Kind == LeaderContext:
			leads = true
		case o.Kind != BackgroundContext && o.Kind != DetachedContext:
			return false
		}
	}
	return leads && e.endsWithLeadership(nil)
}

// inCallback returns the calls of OnStartedLeading, and of functions that it hands its context to, that loop under a
// context, or until the end of a stop channel, that has nothing to do with the leadership.
func (e *Effects) inCallback(entry *program.Entry) []Overstay {
	var out []Overstay
	gate := firstReal(entry.Func.Blocks[0])
	seen := map[*ssa.Function]bool{entry.Func: true}
	queue := []*ssa.Function{entry.Func}
	for len(queue) > 0 && len(seen) < 16 {
		body := queue[0]
		queue = queue[1:]
		for _, fn := range append([]*ssa.Function{body}, body.AnonFuncs...) {
			for site := range program.Sites(fn) {
				ctx := ContextArgument(site)
				for _, callee := range e.ledBy(site, ctx) {
					if !seen[callee] {
						seen[callee] = true
						queue = append(queue, callee)
					}
				}
				if e.goesOn(site) && (e.otherContext(ctx) || ctx == nil && e.otherStop(site)) {
					out = append(out, Overstay{Gate: gate, Use: site, Context: ctx, Elected: entry})
				}
			}
		}
	}
	return out
}

// ledBy returns the functions that a call hands the leadership's context to by a function value: what the callback was
// made for.
func (e *Effects) ledBy(site ssa.CallInstruction, ctx ssa.Value) []*ssa.Function {
	if ctx == nil || site.Common().IsInvoke() || site.Common().StaticCallee() != nil {
		return nil
	}
	for _, o := range e.Contexts().Of(ctx) {
		if o.Kind != LeaderContext {
			return nil
		}
	}
	var out []*ssa.Function
	for _, edge := range e.Program.Callees(site) {
		if edge.How != program.Starts && edge.Arg < 0 && !e.Program.InTest(edge.Callee) {
			out = append(out, edge.Callee)
		}
	}
	return out
}

// otherStop tells whether a call is given a stop channel that is made for something else than the leadership.
func (e *Effects) otherStop(site ssa.CallInstruction) bool {
	for _, arg := range site.Common().Args {
		if t := chanElem(arg); t == nil || !isEmptyStruct(t) {
			continue
		}
		srcs := e.Program.Sources(arg)
		for _, src := range srcs.Values {
			if call, ok := src.(*ssa.Call); !ok || isDoneCall(call) && !e.otherContext(program.Receiver(call)) || len(e.Program.Callees(call)) > 0 {
				return false // it may end with the leadership
			}
		}
		return len(srcs.Values) > 0 && !srcs.Partial
	}
	return false
}

// goesOn tells whether a call runs for long, or starts what does: it is a service of a library, or an own function that loops
// or waits, or hands its context on to one.
func (e *Effects) goesOn(site ssa.CallInstruction) bool { return e.goesOnWithin(site, 0) }

func (e *Effects) goesOnWithin(site ssa.CallInstruction, depth int) bool {
	if target := program.Target(site); target != nil && strings.Contains(target.Name(), "CacheSync") {
		return false // waits once, for the informers
	}
	if e.Work().At(site) == ServiceWork {
		return true
	}
	for _, edge := range e.Program.Callees(site) {
		if edge.Arg < 0 && Loops(edge.Callee) {
			return true
		}
		for _, fn := range append([]*ssa.Function{edge.Callee}, edge.Callee.AnonFuncs...) {
			for inner := range program.Sites(fn) {
				if depth < 2 && ContextArgument(inner) != nil && !isDoneCall(inner) && e.goesOnWithin(inner, depth+1) {
					return true
				}
			}
		}
	}
	return false
}

// otherContext tells whether a context is known, and in no case the leadership's.
func (e *Effects) otherContext(ctx ssa.Value) bool {
	if ctx == nil {
		return false
	}
	origins := e.Contexts().Of(ctx)
	for _, o := range origins {
		if o.Deferred != nil {
			return false // it ends with a function that may follow the leadership
		}
		switch o.Kind {
		case LeaderContext, UnknownContext, RequestContext, TestContext:
			return false
		}
	}
	return len(origins) > 0
}

// behindGate finds a function that waits for leadership and then works in a loop under a context of its own.
func (e *Effects) behindGate(fn *ssa.Function, elected *program.Entry) (Overstay, bool) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if !e.leaderGate(instr) {
				continue
			}
			for site := range program.Sites(fn) {
				ctx := ContextArgument(site)
				if ctx == nil || !After(instr, site) || !InLoop(site) || isDoneCall(site) {
					continue
				}
				if e.Work().Through(site) != nil && e.otherContext(ctx) {
					return Overstay{Gate: instr, Use: site, Context: ctx, Elected: elected}, true
				}
			}
		}
	}
	return Overstay{}, false
}

// leaderGate tells whether an instruction waits for a channel that a callback of client-go's election closes.
func (e *Effects) leaderGate(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.UnOp:
		return x.Op == token.ARROW && e.closedByElection(x.X)
	case *ssa.Select:
		for _, st := range x.States {
			if st.Dir == types.RecvOnly && e.closedByElection(st.Chan) {
				return true
			}
		}
	}
	return false
}

func (e *Effects) closedByElection(ch ssa.Value) bool {
	t := chanElem(ch)
	return t != nil && isEmptyStruct(t) && strings.HasPrefix(e.Program.LeaderChannel(ch), "a channel")
}
