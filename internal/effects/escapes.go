// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Escape is a context that a goroutine goes on to use when the function that started it has returned.
type Escape struct {
	Spawn Spawn
	// Use is the call in the goroutine that is given the context.
	Use    ssa.CallInstruction
	Origin ContextOrigin
}

// Escapes returns the uses of contexts in goroutines that nobody waits for: those that end with a request, and those
// whose cancel function the starting function defers. In source order.
func (e *Effects) Escapes() []Escape {
	var out []Escape
	contexts, work, p := e.Contexts(), e.Work(), e.Program
	for _, spawn := range e.Goroutines().Spawns {
		fn := spawn.Site.Parent()
		if p.InTest(fn) || p.Generated(fn) || Joined(spawn.Site) || servesPeer(spawn) {
			continue
		}
		for site := range program.Sites(spawn.Body) {
			ctx := ContextArgument(site)
			if ctx == nil || isDoneCall(site) {
				continue
			}
			if k := work.At(site); k == NoWork && work.Through(site) == nil {
				continue
			}
			if o, ok := ending(contexts.Of(ctx), fn); ok {
				out = append(out, Escape{spawn, site, o})
				break
			}
		}
	}
	return out
}

// servesPeer tells whether a function stays in a loop that reads from what its goroutine works on, until the other side
// leaves: the two end together.
func servesPeer(spawn Spawn) bool {
	closure, ok := spawn.Site.Common().Value.(*ssa.MakeClosure)
	if !ok {
		return false
	}
	for site := range program.Sites(spawn.Site.Parent()) {
		target, recv := program.Target(site), program.Receiver(site)
		if target == nil || recv == nil || !InLoop(site) || !After(spawn.Site, site) {
			continue
		}
		name := target.Name()
		if !strings.HasPrefix(name, "Read") && !strings.HasPrefix(name, "Recv") && !strings.HasPrefix(name, "Next") {
			continue
		}
		if load, ok := recv.(*ssa.UnOp); ok {
			recv = load.X
		}
		if slices.Contains(closure.Bindings, recv) {
			return true
		}
	}
	return false
}

// ending picks the origin that is over when fn has returned, where all origins are such.
func ending(origins []ContextOrigin, fn *ssa.Function) (ContextOrigin, bool) {
	for _, o := range origins {
		if o.Deferred != nil && o.Deferred.Parent() == fn {
			continue
		}
		param, ok := o.Root.(*ssa.Parameter)
		inHandler := ok && o.Kind == RequestContext && enclosing(fn, param.Parent())
		_, called := o.Root.(*ssa.Call)
		if !inHandler && !(called && o.Kind == RequestContext) {
			return ContextOrigin{}, false
		}
	}
	if len(origins) == 0 {
		return ContextOrigin{}, false
	}
	return origins[0], true
}

// enclosing tells whether outer is fn or one of the functions that fn is written in.
func enclosing(fn, outer *ssa.Function) bool {
	for ; fn != nil; fn = fn.Parent() {
		if fn == outer {
			return true
		}
	}
	return false
}

// Joined tells whether a function waits for something after it started a goroutine: a wait group, a group's Wait, a
// receive, a select, a call that blocks. Deferred waits count, and starts that come back when the work is done.
func Joined(start ssa.CallInstruction) bool {
	if program.WaitsForStarted(start) {
		return true
	}
	fn := start.Parent()
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if d, ok := instr.(*ssa.Defer); ok {
				if row := program.Model(d); row != nil && row.Effect == kube.Block {
					return true
				}
				if closure, ok := d.Call.Value.(*ssa.MakeClosure); ok && waitsInside(closure.Fn.(*ssa.Function)) {
					return true
				}
			}
			if waitsFor(instr) && After(start, instr) {
				return true
			}
		}
	}
	return false
}

func waitsInside(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if waitsFor(instr) {
				return true
			}
		}
	}
	return false
}

func waitsFor(instr ssa.Instruction) bool {
	switch x := instr.(type) {
	case *ssa.UnOp:
		return x.Op == token.ARROW
	case *ssa.Select:
		return true
	case *ssa.Call:
		if row := program.Model(x); row != nil && row.Effect == kube.Block {
			return true
		}
		t := program.Target(x)
		return t != nil && (t.Name() == "Wait" || t.Name() == "Join")
	}
	return false
}

// Signals tells whether a function, or a closure that it defers, sends, closes a channel or says that it is done.
func Signals(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Send:
				return true
			case *ssa.Select:
				if offersSend(x) {
					return true
				}
			case ssa.CallInstruction:
				if builtin, ok := x.Common().Value.(*ssa.Builtin); ok && builtin.Name() == "close" {
					return true
				}
				if target := program.Target(x); target != nil && target.Name() == "Done" && !isDoneCall(x) {
					return true
				}
				if closure, ok := x.Common().Value.(*ssa.MakeClosure); ok && Signals(closure.Fn.(*ssa.Function)) {
					return true
				}
			}
		}
	}
	return false
}
