// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
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
	if len(elected) == 0 || e.endsWithLeadership() {
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
	return out
}

// endsWithLeadership tells whether the process ends, or cancels its work, when it stops leading: the callback says so, or
// main itself runs the election and returns with it.
func (e *Effects) endsWithLeadership() bool {
	p := e.Program
	for _, entry := range p.Entries {
		if strings.Contains(entry.Because, "OnStoppedLeading") && !p.InTest(entry.Func) && ends(entry.Func, 0, p) {
			return true
		}
	}
	for _, fn := range p.Funcs {
		if p.InTest(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			row := program.Model(site)
			if row == nil || row.Pkg != "k8s.io/client-go/tools/leaderelection" || row.Name != "RunOrDie" && row.Name != "Run" {
				continue
			}
			if _, started := site.(*ssa.Go); started || !p.OnlyFromMain(fn) {
				continue
			}
			return true
		}
	}
	return false
}

// EndsWithLeadership tells whether a context in reach is over when the leadership is lost, and the process goes on.
func (e *Effects) EndsWithLeadership(reach *InReach) bool {
	return slices.ContainsFunc(e.Contexts().Behind(reach), func(o ContextOrigin) bool { return o.Kind == LeaderContext }) && !e.endsWithLeadership()
}

// ends tells whether a function ends the process, panics, or calls a function value, which is how contexts are cancelled.
func ends(fn *ssa.Function, depth int, p *program.Program) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Panic:
				return true
			case *ssa.Call:
				if row := program.Model(x); row != nil && row.Effect == kube.ProcessExit {
					return true
				}
				if t := program.Target(x); t != nil && (strings.HasPrefix(t.Name(), "Fatal") || t.Name() == "Exit" || t.Name() == "Kill") {
					return true
				}
				if cancels(x) {
					return true
				}
				for _, callee := range p.Static(x) {
					if depth < 3 && ends(callee, depth+1, p) {
						return true
					}
				}
			}
		}
	}
	return false
}

// cancels tells whether a call is one of a function value without parameters and results, or closes a channel.
func cancels(site *ssa.Call) bool {
	if b, ok := site.Call.Value.(*ssa.Builtin); ok {
		return b.Name() == "close"
	}
	sig := site.Call.Signature()
	return !site.Call.IsInvoke() && site.Call.StaticCallee() == nil && sig.Params().Len() == 0 && sig.Results().Len() == 0
}

// inCallback returns the calls of OnStartedLeading that loop under a context other than the callback's own.
func (e *Effects) inCallback(entry *program.Entry) []Overstay {
	var out []Overstay
	for _, fn := range append([]*ssa.Function{entry.Func}, entry.Func.AnonFuncs...) {
		for site := range program.Sites(fn) {
			ctx := ContextArgument(site)
			if ctx == nil || !e.goesOn(site) {
				continue
			}
			if e.otherContext(ctx) {
				out = append(out, Overstay{Gate: firstReal(entry.Func.Blocks[0]), Use: site, Context: ctx, Elected: entry})
			}
		}
	}
	return out
}

// goesOn tells whether a call runs for long: it is a service of a library, or an own function that loops or waits.
func (e *Effects) goesOn(site ssa.CallInstruction) bool {
	if e.Work().At(site) == ServiceWork {
		return true
	}
	for _, edge := range e.Program.Callees(site) {
		if edge.Arg < 0 && Loops(edge.Callee) {
			return true
		}
	}
	return false
}

// otherContext tells whether a context is known, and in no case the leadership's.
func (e *Effects) otherContext(ctx ssa.Value) bool {
	origins := e.Contexts().Of(ctx)
	for _, o := range origins {
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
