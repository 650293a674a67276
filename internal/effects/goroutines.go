// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Spawn is one function started in a goroutine of its own.
type Spawn struct {
	Site ssa.CallInstruction
	Body *ssa.Function
}

// Goroutines knows which goroutines the program starts and whether they can end. Ask for it with [Effects.Goroutines].
type Goroutines struct {
	p        *program.Program
	contexts *Contexts
	channels func() *Channels
	Spawns   []Spawn
	endless  map[*ssa.Function]*Endless
	asking   map[*ssa.Function]bool
	// closed holds the channels that some code closes; nil until asked for.
	closed map[ssa.Value]bool
	// anyClosed is set when a channel is closed whose origin is out of sight: then nothing is known to stay open.
	unknownClosed map[string]bool
	// responses says of functions whether they hand out an HTTP response that they got.
	responses map[*ssa.Function]bool
	// constructors says of functions whether they hand out something that they opened and that can be closed.
	constructors map[*ssa.Function]bool
	// handsOpen says of functions what they open and hand out; no Stop where they hand out nothing of the kind.
	handsOpen map[*ssa.Function]Resource
	// handsNew says of functions whether they make what they hand out; ownersClose whether a caller closes it, nil until
	// asked for.
	handsNew, ownersClose map[*ssa.Function]bool
}

// Goroutines returns the goroutines of the program, in source order.
func (e *Effects) Goroutines() *Goroutines {
	if e.goroutines == nil {
		g := &Goroutines{p: e.Program, contexts: e.Contexts(), channels: e.Channels, endless: make(map[*ssa.Function]*Endless), asking: make(map[*ssa.Function]bool),
			responses: make(map[*ssa.Function]bool), constructors: make(map[*ssa.Function]bool), handsOpen: make(map[*ssa.Function]Resource), handsNew: make(map[*ssa.Function]bool)}
		for _, fn := range e.Program.Funcs {
			for _, edge := range e.Program.CallsFrom(fn) {
				if edge.How == program.Starts {
					g.Spawns = append(g.Spawns, Spawn{edge.Site, edge.Callee})
				}
			}
		}
		e.goroutines = g
	}
	return e.goroutines
}

// Endless is a place from which a function has no way out.
type Endless struct {
	// At is the loop's first instruction, or the call that never returns.
	At ssa.Instruction
	// Why says what keeps it going, for a sentence.
	Why string
	// In is the function that holds the loop: the one asked about, or one that it calls.
	In *ssa.Function
}

// EndlessIn returns the place from which fn can never return, or nil. Returning on a context that nothing ends, or on a
// channel that nobody closes, is not a way out; a panic is none either.
func (g *Goroutines) EndlessIn(fn *ssa.Function) *Endless {
	if known, ok := g.endless[fn]; ok {
		return known
	}
	if g.asking[fn] || len(fn.Blocks) == 0 {
		return nil
	}
	g.asking[fn] = true
	found := g.findEndless(fn)
	delete(g.asking, fn)
	g.endless[fn] = found
	return found
}

func (g *Goroutines) findEndless(fn *ssa.Function) *Endless {
	stuck := make(map[*ssa.BasicBlock]*Endless)
	for _, b := range fn.Blocks {
		if found := g.stuckIn(b); found != nil {
			stuck[b] = found
		}
	}
	leaves := g.leaving(fn, stuck)
	entered := reachable(fn, func(from, to *ssa.BasicBlock) bool { return stuck[from] != nil || g.deadEdge(from, to) })
	for _, b := range fn.Blocks {
		if !entered[b] || leaves[b] {
			continue
		}
		if found := stuck[b]; found != nil {
			return found
		}
		if inLoop(b, entered) {
			return &Endless{At: firstReal(b), Why: "a loop without a way out", In: fn}
		}
	}
	return nil
}

// leaving returns the blocks from which the function can be left.
func (g *Goroutines) leaving(fn *ssa.Function, stuck map[*ssa.BasicBlock]*Endless) map[*ssa.BasicBlock]bool {
	leaves := make(map[*ssa.BasicBlock]bool)
	var queue []*ssa.BasicBlock
	for _, b := range fn.Blocks {
		if len(b.Succs) == 0 && stuck[b] == nil {
			leaves[b] = true // return, panic, or a call that ends the process
			queue = append(queue, b)
		}
		if stuck[b] == nil && endsProcess(b) && !leaves[b] {
			leaves[b] = true
			queue = append(queue, b)
		}
	}
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		for _, pred := range b.Preds {
			if !leaves[pred] && stuck[pred] == nil && !g.deadEdge(pred, b) {
				leaves[pred] = true
				queue = append(queue, pred)
			}
		}
	}
	return leaves
}

// stuckIn finds a call or a statement in a block that control never gets past.
func (g *Goroutines) stuckIn(b *ssa.BasicBlock) *Endless {
	for _, instr := range b.Instrs {
		switch instr := instr.(type) {
		case *ssa.Select:
			if instr.Blocking && len(instr.States) == 0 {
				return &Endless{At: instr, Why: "an empty select", In: b.Parent()}
			}
		case *ssa.Call:
			if found := g.neverReturns(instr); found != nil {
				return found
			}
		}
	}
	return nil
}

// neverReturns knows calls that run for ever: helpers of the wait package that nothing can stop, and own functions that
// are endless themselves.
func (g *Goroutines) neverReturns(site *ssa.Call) *Endless {
	if row := program.Model(site); row != nil && row.Effect == kube.Block && row.Pkg == "k8s.io/apimachinery/pkg/util/wait" {
		switch row.Name {
		case "Forever":
			return &Endless{At: site, Why: "wait.Forever", In: site.Parent()}
		case "Until", "JitterUntil", "NonSlidingUntil", "BackoffUntil":
			if g.open(site.Call.Args[len(site.Call.Args)-1]) {
				return &Endless{At: site, Why: "wait." + row.Name + " with a stop channel that nobody closes", In: site.Parent()}
			}
		case "UntilWithContext", "JitterUntilWithContext", "NonSlidingUntilWithContext":
			if g.unending(ContextArgument(site)) {
				return &Endless{At: site, Why: "wait." + row.Name + " with a context that nothing ends", In: site.Parent()}
			}
		}
		return nil
	}
	callee := site.Call.StaticCallee()
	if callee == nil || !g.p.Own(callee) || callee.Name() == "main" {
		return nil
	}
	return g.EndlessIn(callee)
}

// unending tells whether nothing can end a context: all that it can be derived from is Background, without a deadline
// and without a cancel function that somebody keeps.
func (g *Goroutines) unending(ctx ssa.Value) bool {
	origins := g.contexts.Of(ctx)
	for _, o := range origins {
		if o.Kind != BackgroundContext && o.Kind != DetachedContext || o.Bounded || o.Cancellable || o.Deferred != nil {
			return false
		}
	}
	return len(origins) > 0
}

// deadEdge tells whether a branch is never taken: it belongs to a select case, or to a test of a receive, that waits for
// the end of a channel which nothing closes and nothing is sent to.
func (g *Goroutines) deadEdge(from, to *ssa.BasicBlock) bool {
	if len(from.Succs) != 2 || from.Succs[0] == from.Succs[1] {
		return false
	}
	branch, ok := from.Instrs[len(from.Instrs)-1].(*ssa.If)
	if !ok {
		return false
	}
	if ch := rangeChannel(branch); ch != nil {
		return to == from.Succs[1] && g.open(ch)
	}
	if sel, i := selectBranch(branch); sel != nil && sel.States[i].Send == nil {
		return to == from.Succs[0] && g.silent(sel.States[i].Chan)
	}
	return false
}

// rangeChannel returns the channel whose end a branch asks for: the second value of v, ok := <-ch, as in a range.
func rangeChannel(branch *ssa.If) ssa.Value {
	ex, ok := branch.Cond.(*ssa.Extract)
	if !ok || ex.Index != 1 {
		return nil
	}
	recv, ok := ex.Tuple.(*ssa.UnOp)
	if !ok || recv.Op != token.ARROW {
		return nil
	}
	return recv.X
}

// selectBranch returns the select statement and the case that a branch leads to.
func selectBranch(branch *ssa.If) (*ssa.Select, int) {
	cmp, ok := branch.Cond.(*ssa.BinOp)
	if !ok || cmp.Op != token.EQL {
		return nil, 0
	}
	ex, ok := cmp.X.(*ssa.Extract)
	if !ok || ex.Index != 0 {
		return nil, 0
	}
	sel, ok := ex.Tuple.(*ssa.Select)
	if !ok {
		return nil, 0
	}
	c, ok := cmp.Y.(*ssa.Const)
	if !ok || c.Int64() < 0 || int(c.Int64()) >= len(sel.States) {
		return nil, 0
	}
	return sel, int(c.Int64())
}

// silent tells whether a receive from ch waits for ever: it is the Done channel of a context that nothing ends.
func (g *Goroutines) silent(ch ssa.Value) bool {
	done, ok := stripped(ch).(*ssa.Call)
	return ok && isDoneCall(done) && g.unending(done.Call.Value)
}

// open tells whether nothing ever closes ch: a ticker's channel, wait.NeverStop, or channels made in own code that no
// own code closes and that do not leave it.
func (g *Goroutines) open(ch ssa.Value) bool {
	if timerChannel(ch) || isGlobal(ch, "k8s.io/apimachinery/pkg/util/wait", "NeverStop") {
		return true
	}
	if done, ok := stripped(ch).(*ssa.Call); ok && isDoneCall(done) {
		return g.unending(done.Call.Value)
	}
	srcs := g.p.Sources(ch)
	if srcs.Partial || len(srcs.Values) == 0 {
		return false
	}
	for _, src := range srcs.Values {
		if isGlobal(src, "k8s.io/apimachinery/pkg/util/wait", "NeverStop") {
			continue
		}
		made, ok := src.(*ssa.MakeChan)
		if !ok || g.closedSomewhere(made) || g.channels().byMake[made].ForeignSends {
			return false // somebody closes it, or a library may
		}
	}
	return true
}

// isGlobal tells whether v is the package variable, or a load of it.
func isGlobal(v ssa.Value, pkg, name string) bool {
	v = stripped(v)
	if load, ok := v.(*ssa.UnOp); ok {
		v = load.X
	}
	global, ok := v.(*ssa.Global)
	return ok && global.Name() == name && global.Pkg != nil && global.Pkg.Pkg.Path() == pkg
}

// timerChannel tells whether ch is the field C of a Ticker or Timer, or the result of time.Tick: these are never closed.
func timerChannel(ch ssa.Value) bool {
	switch v := stripped(ch).(type) {
	case *ssa.UnOp:
		if f, ok := v.X.(*ssa.FieldAddr); ok && v.Op == token.MUL {
			return program.IsNamed(f.X.Type(), "time", "Ticker") || program.IsNamed(f.X.Type(), "time", "Timer")
		}
	case *ssa.Call:
		t := program.Target(v)
		return t != nil && t.Pkg() != nil && t.Pkg().Path() == "time" && (t.Name() == "Tick" || t.Name() == "After")
	}
	return false
}

func (g *Goroutines) closedSomewhere(made ssa.Value) bool {
	if g.closed == nil {
		g.closed = make(map[ssa.Value]bool)
		g.unknownClosed = make(map[string]bool)
		for _, fn := range g.p.Funcs {
			for site := range program.Sites(fn) {
				if b, ok := site.Common().Value.(*ssa.Builtin); ok && b.Name() == "close" {
					g.noteClose(site.Common().Args[0])
				}
			}
		}
	}
	return g.closed[made] || g.unknownClosed[made.Type().String()]
}

func (g *Goroutines) noteClose(ch ssa.Value) {
	srcs := g.p.Sources(ch)
	if srcs.Partial {
		g.unknownClosed[ch.Type().String()] = true
	}
	for _, src := range srcs.Values {
		if _, made := src.(*ssa.MakeChan); made {
			g.closed[src] = true
			continue
		}
		g.unknownClosed[src.Type().String()] = true
	}
}

// WaitsForNothing recognises a goroutine whose only way out is the end of a context that nothing ends: some caller of the
// function that starts it gives it Background, and does so again and again. It returns that wait, or nil.
func (g *Goroutines) WaitsForNothing(spawn Spawn) *Endless {
	if len(spawn.Body.Blocks) > 3 {
		return nil // does more than wait
	}
	for _, b := range spawn.Body.Blocks {
		for _, instr := range b.Instrs {
			var ch ssa.Value
			switch instr := instr.(type) {
			case *ssa.UnOp:
				if instr.Op == token.ARROW {
					ch = instr.X
				}
			case *ssa.Select:
				if instr.Blocking && len(instr.States) == 1 {
					ch = instr.States[0].Chan
				}
			}
			if ch == nil {
				continue
			}
			done, ok := stripped(ch).(*ssa.Call)
			if !ok || !isDoneCall(done) || !g.someUnending(done.Call.Value) {
				return nil
			}
			return &Endless{At: instr, Why: "a wait for a context that nothing ends", In: spawn.Body}
		}
	}
	return nil
}

// setsUp tells whether a context is made by code that sets the process up: by main, or by what gives a manager its
// controllers.
func (g *Goroutines) setsUp(root ssa.Value) bool {
	made, ok := root.(ssa.Instruction)
	if !ok {
		return false
	}
	fn := made.Parent()
	return g.p.DomainOf(fn).Worst() == program.StartUp || slices.ContainsFunc(fn.Params, func(param *ssa.Parameter) bool {
		return program.IsNamed(param.Type(), "sigs.k8s.io/controller-runtime/pkg/manager", "Manager")
	})
}

// someUnending tells whether one of the contexts that a value can be is never ended.
func (g *Goroutines) someUnending(ctx ssa.Value) bool {
	for _, o := range g.contexts.Of(ctx) {
		if o.Kind == BackgroundContext && !o.Bounded && !o.Cancellable && o.Deferred == nil && g.contexts.againAndAgain(o.Root) && !g.setsUp(o.Root) {
			return true
		}
	}
	return false
}
