// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/token"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// frame is a function that a helper was given: on the way back through the helper, only those count who gave it that
// function. All who call the helper would be far too many, for a helper that repeats what it is given serves everybody.
type frame struct {
	fn *ssa.Function
	// param is the parameter of the helper that holds it; nil if it was called by name.
	param *ssa.Parameter
}

// handed are the functions that the helpers on a way were given: the one to leave first, and the one around it. Ways
// through more helpers at once forget the outer ones.
type handed struct {
	frame
	outer frame
}

// maxFrames bounds how often the ways back from one function come to a caller with a function that is still to be found:
// beyond that, all who call the helper count.
const maxFrames = 16

// through takes a way back over an edge: into a helper, or out of one again. It tells whether the way exists.
func (p *Program) through(e Edge, h handed) (handed, bool) {
	if h.param == nil || e.Callee != h.param.Parent() {
		if f := p.handedTo(e); f.param != nil {
			return handed{f, h.frame}, true
		}
		return h, true
	}
	g := p.giverAt(e, h.param)
	if g.param != nil {
		h.param = g.param
		return h, true
	}
	return handed{frame: h.outer}, g.fns == nil || slices.Contains(g.fns, h.fn)
}

// handedTo returns the function that an edge leads to, if it came to its caller as a parameter.
func (p *Program) handedTo(e Edge) frame {
	if p.unfollowed[e] {
		return frame{}
	}
	common := e.Site.Common()
	called := common.Value
	if e.Arg >= 0 {
		called = common.Args[e.Arg]
	} else if common.IsInvoke() || common.StaticCallee() != nil {
		return frame{}
	}
	if param := p.ParameterBehind(called); param != nil {
		return frame{fn: e.Callee, param: param}
	}
	return frame{}
}

// ParameterBehind returns the parameter that a value is: of the function it stands in, of one around that captured it, or of
// the one that is all to store it in a field. It is nil for any other value.
func (p *Program) ParameterBehind(v ssa.Value) *ssa.Parameter {
	for range 4 {
		switch x := unwrapFunc(v).(type) {
		case *ssa.Parameter:
			return x
		case *ssa.UnOp:
			stored := p.StoredAt(x.X)
			if x.Op != token.MUL || len(stored) != 1 {
				return nil
			}
			v = stored[0]
		default:
			return nil
		}
	}
	return nil
}

// giver is a call of a helper: what it gives as one parameter.
type giver struct {
	fns []*ssa.Function // nil if that is not known
	// param is the parameter of the caller that is handed on; nil if it is none.
	param *ssa.Parameter
}

type giverKey struct {
	site  ssa.CallInstruction
	param *ssa.Parameter
}

func (p *Program) giverAt(e Edge, param *ssa.Parameter) giver {
	key := giverKey{e.Site, param}
	g, known := p.givers[key]
	if known {
		return g
	}
	if arg := ArgumentFor(e, slices.Index(param.Parent().Params, param)); arg != nil {
		if g.param = p.ParameterBehind(arg); g.param == nil {
			g.fns = p.FunctionsOf(arg)
		}
	}
	if p.givers == nil {
		p.givers = make(map[giverKey]giver)
	}
	p.givers[key] = g
	return g
}

// handover is a way from a function that gave another one away to that other one.
type handover struct {
	callee         *ssa.Function
	gated, spawned bool
}

// handovers returns, for each function that gives functions to helpers, what the helpers run for it.
func (p *Program) handovers() map[*ssa.Function][]handover {
	if p.handed != nil {
		return p.handed
	}
	out := make(map[*ssa.Function][]handover)
	unfollowed := make(map[Edge]bool)
	p.startedFor = make(map[Edge]bool)
	left := allSteps
	names := make(map[handed]int32)
	for _, fn := range p.Funcs {
		for _, e := range p.calls.from[fn] {
			f := p.handedTo(e)
			if f.param == nil {
				continue
			}
			found, steps := p.handOver(e, f, min(edgeSteps, left), names)
			if left -= steps; found == nil {
				unfollowed[e] = true
				continue
			}
			for by, ways := range found {
				for _, way := range ways {
					p.startedFor[e] = p.startedFor[e] || way.spawned
					if !slices.Contains(out[by], way) {
						out[by] = append(out[by], way)
					}
				}
			}
		}
	}
	p.handed, p.unfollowed = out, unfollowed
	return out
}

// runsForGiver tells whether a helper calls at e what it was given, in the goroutine that gave it.
func (p *Program) runsForGiver(e Edge) bool {
	p.handovers()
	return p.handedTo(e).param != nil && !p.startedFor[e]
}

// edgeSteps bounds how many callers are looked at to find who gave a helper one function, allSteps to find it for all: what
// is not found out by then is taken to come from everybody who calls the helper.
const (
	edgeSteps = 3000
	allSteps  = 5_000_000
)

// handOver finds who gave a helper the function that it calls at an edge, and how many steps that took; nil if that is too
// many. The numbers that stand for what helpers were given are kept in names from one edge to the next.
func (p *Program) handOver(e Edge, f frame, budget int, names map[handed]int32) (found map[*ssa.Function][]handover, steps int) {
	type at struct {
		fn             *ssa.Function
		h              handed
		gated, spawned bool
	}
	type key struct {
		fn             *ssa.Function
		h              int32
		gated, spawned bool
	}
	seen := make(map[key]struct{})
	isNew := func(a at) bool {
		h, known := names[a.h]
		if !known {
			h = int32(len(names))
			names[a.h] = h
		}
		before := len(seen)
		seen[key{a.fn, h, a.gated, a.spawned}] = struct{}{}
		return len(seen) > before
	}
	found = make(map[*ssa.Function][]handover)
	first := at{e.Caller(), handed{frame: f}, p.gateBefore(e.Site) != nil, p.spawns(e)}
	isNew(first)
	for queue := []at{first}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		if s.h.param == nil || p.entryAt[s.fn] != nil {
			way := handover{e.Callee, s.gated, s.spawned}
			if !slices.Contains(found[s.fn], way) {
				found[s.fn] = append(found[s.fn], way)
			}
			if s.h.param == nil || p.entryAt[s.fn].settles() {
				continue
			}
		}
		for _, by := range p.calls.to[s.fn] {
			if steps++; steps > budget {
				return nil, steps
			}
			next, exists := p.through(by, s.h)
			if !exists {
				continue
			}
			n := at{by.Caller(), next, s.gated || p.gateBefore(by.Site) != nil, s.spawned || p.spawns(by)}
			if isNew(n) {
				queue = append(queue, n)
			}
		}
	}
	return found, steps
}

// Backwards walks from fn over its callers, breadth-first, and calls visit for each edge on the way; where visit says so, it
// goes on to the callers of the caller. What a helper was given leads back to those who gave it.
func (p *Program) Backwards(fn *ssa.Function, visit func(Edge) bool) {
	type at struct {
		fn *ssa.Function
		h  handed
	}
	seen := map[at]bool{{fn: fn}: true}
	frames := make(map[*ssa.Function]int)
	for queue := []at{{fn: fn}}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		for _, e := range p.calls.to[s.fn] {
			h, exists := p.through(e, s.h)
			if !exists || !visit(e) {
				continue
			}
			if h.param != nil {
				if frames[e.Caller()]++; frames[e.Caller()] > maxFrames {
					h = handed{}
				}
			}
			if n := (at{e.Caller(), h}); !seen[n] {
				seen[n] = true
				queue = append(queue, n)
			}
		}
	}
}
