// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/constant"
	"go/token"
	"maps"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// stepBudget bounds the blocks visited in one function; real functions need fewer than a thousand.
const stepBudget = 4000

// path is the state on one path through a function.
type path struct {
	held    []Holding
	dropped []Lock
	defers  []*ssa.Defer
	freed   []freed
	// known are the tests whose outcome the path decided, and flags it set.
	known map[ssa.Value]bool
}

func (s *path) clone() *path {
	return &path{slices.Clone(s.held), slices.Clone(s.dropped), slices.Clone(s.defers), slices.Clone(s.freed), maps.Clone(s.known)}
}

// walker follows the paths of one function.
type walker struct {
	l       *Locks
	fn      *ssa.Function
	flow    *Flow
	net     *net
	tracked map[ssa.Value]bool
	often   map[Place]bool // locks that the function releases in several places
	each    map[*ssa.BasicBlock]eachOp
	seen    map[string]bool
	ids     map[any]int
	steps   int
}

// walk follows all paths of a function. Where there are too many to remember which tests each has passed, it forgets the tests:
// then a path is only where it is and what it holds.
func (l *Locks) walk(fn *ssa.Function) (*Flow, *net) {
	flow, net := l.walkWith(fn, trackedTests(fn))
	if flow.cut {
		return l.walkWith(fn, nil)
	}
	return flow, net
}

func (l *Locks) walkWith(fn *ssa.Function, tracked map[ssa.Value]bool) (*Flow, *net) {
	w := &walker{
		l: l, fn: fn,
		flow:    &Flow{Func: fn, points: make(map[ssa.Instruction]*Point)},
		net:     new(net),
		tracked: tracked,
		often:   l.releasedOften(fn),
		each:    l.eachOps(fn),
		seen:    make(map[string]bool),
		ids:     make(map[any]int),
	}
	w.block(fn.Blocks[0], nil, &path{known: make(map[ssa.Value]bool)})
	w.net.finish()
	return w.flow, w.net
}

// trackedTests are the values worth remembering along a path: tests made twice, and flags set to constants.
func trackedTests(fn *ssa.Function) map[ssa.Value]bool {
	uses := make(map[ssa.Value]int)
	for _, b := range fn.Blocks {
		if branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If); ok {
			cond, _ := plainTest(branch.Cond)
			uses[cond]++
			if phi, ok := cond.(*ssa.Phi); ok {
				for _, e := range phi.Edges {
					if _, isConst := e.(*ssa.Const); isConst {
						uses[cond]++
					}
				}
			}
		}
	}
	out := make(map[ssa.Value]bool)
	for v, n := range uses {
		if n > 1 {
			out[v] = true
		}
	}
	return out
}

// plainTest removes negations from a condition.
func plainTest(v ssa.Value) (test ssa.Value, negated bool) {
	for {
		not, ok := v.(*ssa.UnOp)
		if !ok || not.Op != token.NOT {
			return v, negated
		}
		v, negated = not.X, !negated
	}
}

func (w *walker) block(b, from *ssa.BasicBlock, s *path) {
	w.enter(b, from, s)
	key := w.key(b, s)
	if w.seen[key] {
		return
	}
	w.seen[key] = true
	if w.steps++; w.steps > stepBudget {
		w.flow.cut = true
		return
	}
	for _, instr := range b.Instrs {
		w.record(instr, s)
		if !w.instr(instr, s) {
			return
		}
	}
	if branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If); ok {
		w.branch(branch, s)
		return
	}
	for _, succ := range b.Succs {
		w.block(succ, b, s.clone())
	}
}

// enter evaluates the flags that the block joins.
func (w *walker) enter(b, from *ssa.BasicBlock, s *path) {
	for _, instr := range b.Instrs {
		phi, ok := instr.(*ssa.Phi)
		if !ok {
			break
		}
		if !w.tracked[phi] {
			continue
		}
		delete(s.known, phi)
		edge := phi.Edges[slices.Index(b.Preds, from)]
		if c, ok := edge.(*ssa.Const); ok && c.Value != nil && c.Value.Kind() == constant.Bool {
			s.known[phi] = constant.BoolVal(c.Value)
		} else if v, ok := s.known[edge]; ok {
			s.known[phi] = v
		}
	}
	// A test made in this block is made anew.
	for _, instr := range b.Instrs {
		if v, ok := instr.(ssa.Value); ok && w.tracked[v] {
			if _, isPhi := v.(*ssa.Phi); !isPhi {
				delete(s.known, v)
			}
		}
	}
}

func (w *walker) branch(branch *ssa.If, s *path) {
	b := branch.Block()
	test, negated := plainTest(branch.Cond)
	for i, succ := range b.Succs {
		outcome := (i == 0) != negated
		if known, ok := s.known[test]; ok && known != outcome {
			continue
		}
		next := s.clone()
		if w.tracked[test] {
			next.known[test] = outcome
		}
		if try, ok := test.(*ssa.Call); ok && outcome {
			if op := w.l.opOf(try); op.kind == opTry {
				next.held = append(next.held, Holding{op.lock, op.mode, try})
			}
		}
		w.passEach(b, succ, next)
		w.block(succ, b, next)
	}
}

// key names the state at the start of a block.
func (w *walker) key(b *ssa.BasicBlock, s *path) string {
	key := make([]byte, 0, 32)
	put := func(n int) { key = append(key, byte(n), byte(n>>8), ',') }
	put(b.Index)
	for _, h := range s.held {
		put(w.id(h))
	}
	key = append(key, '|')
	for _, d := range s.dropped {
		put(w.id(d))
	}
	key = append(key, '|')
	for _, d := range s.defers {
		put(w.id(d))
	}
	for _, f := range s.freed {
		put(w.id(f))
	}
	key = append(key, '|')
	var known []int
	for v, outcome := range s.known {
		n := w.id(v) * 2
		if outcome {
			n++
		}
		known = append(known, n)
	}
	slices.Sort(known)
	for _, n := range known {
		put(n)
	}
	return string(key)
}

func (w *walker) id(v any) int {
	n, ok := w.ids[v]
	if !ok {
		n = len(w.ids) + 1
		w.ids[v] = n
	}
	return n
}

// record keeps the state before an instruction.
func (w *walker) record(instr ssa.Instruction, s *path) {
	p := w.flow.points[instr]
	if p == nil {
		p = &Point{}
		w.flow.points[instr] = p
	}
	if !p.visited {
		p.visited = true
		p.Must = slices.Clone(s.held)
		p.Dropped = slices.Clone(s.dropped)
	} else {
		p.Must = commonHoldings(p.Must, s.held)
		p.Dropped = slices.DeleteFunc(p.Dropped, func(d Lock) bool { return !slices.Contains(s.dropped, d) })
	}
	for _, h := range s.held {
		if !slices.Contains(p.May, h) {
			p.May = append(p.May, h)
		}
	}
}

// commonHoldings keeps the locks held in both states, in the weaker mode.
func commonHoldings(a, b []Holding) []Holding {
	out := a[:0]
	for _, x := range a {
		for _, y := range b {
			if x.Lock == y.Lock {
				x.Mode = min(x.Mode, y.Mode)
				out = append(out, x)
				break
			}
		}
	}
	return out
}

// instr applies an instruction to the state; false ends the path.
func (w *walker) instr(instr ssa.Instruction, s *path) bool {
	switch x := instr.(type) {
	case *ssa.Defer:
		if !slices.Contains(s.defers, x) {
			s.defers = append(s.defers, x)
		}
	case *ssa.Call:
		return w.call(x, s)
	case *ssa.RunDefers:
		for _, d := range slices.Backward(s.defers) {
			w.call(d, s)
		}
		s.defers = nil
	case *ssa.Return:
		w.exit(x, s)
		return false
	}
	return true
}

func (w *walker) call(site ssa.CallInstruction, s *path) bool {
	op := w.l.opOf(site)
	switch op.kind {
	case opAcquire:
		w.acquire(Holding{op.lock, op.mode, site}, s)
	case opRelease:
		w.releaseAt(site, op, s)
	case noOp:
		if neverReturns(site) {
			return false
		}
		w.callee(site, s)
	}
	return true
}

func (w *walker) acquire(h Holding, s *path) {
	s.freed = slices.DeleteFunc(s.freed, func(f freed) bool { return f.lock.Place == h.Lock.Place })
	if i := slices.IndexFunc(s.dropped, func(d Lock) bool { return d == h.Lock || d.Place == h.Lock.Place }); i >= 0 {
		// A lock of the caller that was given up for a while: the caller has it again.
		s.dropped = slices.Delete(s.dropped, i, i+1)
		w.net.retakes(h.Lock)
		return
	}
	if !slices.ContainsFunc(s.held, func(o Holding) bool { return o.Lock == h.Lock && o.Site == h.Site }) {
		s.held = append(s.held, h)
	}
}

// release gives up a lock: one that is held here, or one of the caller.
func (w *walker) release(lock Lock, s *path) {
	if s.free(lock) {
		return
	}
	if !slices.Contains(s.dropped, lock) {
		s.dropped = append(s.dropped, lock)
	}
	w.net.gives(lock)
}

// free takes a lock off those that are held; false when it is not among them.
func (s *path) free(lock Lock) bool {
	match := func(same func(Holding) bool) bool {
		for i := len(s.held) - 1; i >= 0; i-- {
			if same(s.held[i]) {
				s.held = slices.Delete(s.held, i, i+1)
				return true
			}
		}
		return false
	}
	return match(func(h Holding) bool { return h.Lock == lock }) ||
		match(func(h Holding) bool { return h.Lock.Place == lock.Place })
}

// callee applies what a call leaves behind: locks taken for the caller, or given up for it.
func (w *walker) callee(site ssa.CallInstruction, s *path) {
	edges := w.l.program.Callees(site)
	for _, e := range edges {
		n := w.l.nets[e.Callee]
		if e.How != program.Calls || e.Arg >= 0 || n == nil {
			continue
		}
		for _, lock := range n.released {
			if w.l.allRelease(edges, lock.Place) {
				w.release(w.l.translate(lock, e), s)
			}
		}
		if len(edges) > 1 {
			continue // which of several implementations runs is not known: nothing is surely taken
		}
		for _, h := range n.taken {
			w.acquire(Holding{w.l.translate(h.Lock, e), h.Mode, site}, s)
		}
	}
}

func (w *walker) exit(ret *ssa.Return, s *path) {
	w.net.exit(s)
	if len(s.held) > 0 {
		w.flow.Exits = append(w.flow.Exits, Exit{ret, slices.Clone(s.held)})
	}
}

// neverReturns tells whether a call ends the process or the goroutine.
func neverReturns(site ssa.CallInstruction) bool {
	if row := program.Model(site); row != nil && row.Effect == kube.ProcessExit {
		return true
	}
	target := program.Target(site)
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch target.Pkg().Path() {
	case "testing":
		switch target.Name() {
		case "Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow":
			return true
		}
	case "runtime":
		return target.Name() == "Goexit"
	}
	return false
}

// allRelease tells whether each function that a call can run gives up the lock at a place. Where one of many does, which types
// alone put together, it is hardly the one that runs.
func (l *Locks) allRelease(edges []program.Edge, place Place) bool {
	return !slices.ContainsFunc(edges, func(e program.Edge) bool {
		n := l.nets[e.Callee]
		return n == nil || !slices.ContainsFunc(n.released, func(r Lock) bool { return r.Place == place })
	})
}
