// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Take is a lock that a function may take while it runs, itself or in what it calls.
type Take struct {
	Lock Lock
	Mode Mode
	// Site is the operation that takes the lock.
	Site ssa.CallInstruction
	// Call is the call through which the function gets there, and Inner what the callee takes; nil for its own operations.
	Call  ssa.CallInstruction
	Inner *Take
	// Given are locks that were given up on the way: callers do not hold them while the lock is taken.
	Given []Place
}

// Path returns the calls from the function to the operation.
func (t *Take) Path() []ssa.CallInstruction {
	var out []ssa.CallInstruction
	for ; t.Inner != nil; t = t.Inner {
		out = append(out, t.Call)
	}
	return out
}

// summary is a bounded set of facts that callers of a function are told, in the order they were found.
type summary[T any] struct {
	list []T
	seen map[any]bool
}

func (s *summary[T]) add(key any, fact T, limit int) bool {
	if s.seen[key] || len(s.list) >= limit {
		return false
	}
	s.seen[key] = true
	s.list = append(s.list, fact)
	return true
}

func newSummary[T any]() *summary[T] { return &summary[T]{seen: make(map[any]bool)} }

// takeLimit and blockLimit bound what one function tells its callers: locks, and places to wait of one kind.
const (
	takeLimit  = 96
	blockLimit = 4
)

type takeKey struct {
	lock Lock
	mode Mode
}

// sumTakes collects what each function may take, own operations first, then handed up to the callers.
func (l *Locks) sumTakes() {
	l.takes = make(map[*ssa.Function]*summary[*Take])
	var queue []*ssa.Function
	for _, fn := range l.program.Funcs {
		if l.flows[fn] == nil {
			continue
		}
		s := newSummary[*Take]()
		for site := range program.Sites(fn) {
			op := l.opOf(site)
			if op.kind != opAcquire && op.kind != opTry || !op.lock.Place.Known() && op.lock.Ref.Root == nil {
				continue
			}
			given := l.givenBefore(site)
			if slices.Contains(given, op.lock.Place) {
				continue // given up before, and only taken back
			}
			if op.kind == opAcquire {
				s.add(takeKey{op.lock, op.mode}, &Take{Lock: op.lock, Mode: op.mode, Site: site, Given: given}, takeLimit)
			}
		}
		if len(s.list) > 0 {
			l.takes[fn] = s
			queue = append(queue, fn)
		}
	}
	l.spreadUp(queue, runsLater, func(fn *ssa.Function, e program.Edge) bool { return l.handTakes(fn, e) })
}

// givenBefore are the locks of callers that are given up on every path before an instruction.
func (l *Locks) givenBefore(instr ssa.Instruction) []Place {
	var out []Place
	for _, lock := range l.flows[instr.Parent()].At(instr).Dropped {
		out = append(out, lock.Place)
	}
	return out
}

// spreadUp hands facts of functions up to their callers until nothing changes. hand tells whether the caller learned
// something. What runs in another goroutine is not handed up.
func (l *Locks) spreadUp(queue []*ssa.Function, later func(program.Edge) bool, hand func(callee *ssa.Function, e program.Edge) bool) {
	waiting := make(map[*ssa.Function]bool, len(queue))
	for _, fn := range queue {
		waiting[fn] = true
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		waiting[fn] = false
		for _, by := range l.program.Callers(fn) {
			if later(by) {
				continue
			}
			for _, e := range l.upward(fn, by) {
				if !hand(fn, e) || waiting[e.Caller()] {
					continue
				}
				waiting[e.Caller()] = true
				queue = append(queue, e.Caller())
			}
		}
	}
}

func (l *Locks) handTakes(fn *ssa.Function, e program.Edge) bool {
	caller := e.Caller()
	s := l.takes[caller]
	if s == nil {
		s = newSummary[*Take]()
	}
	given := l.givenBefore(e.Site)
	learned := false
	for _, t := range l.takes[fn].list {
		if slices.Contains(given, t.Lock.Place) {
			continue
		}
		if len(s.list) >= takeLimit {
			break // it tells no more than it does
		}
		lock := l.hand(t.Lock, e)
		if s.seen[takeKey{lock, t.Mode}] {
			continue
		}
		up := &Take{Lock: lock, Mode: t.Mode, Site: t.Site, Call: e.Site, Inner: t, Given: join(t.Given, given)}
		learned = s.add(takeKey{lock, t.Mode}, up, takeLimit) || learned
	}
	if len(s.list) > 0 {
		l.takes[caller] = s
	}
	return learned
}

// hand renames a callee's lock for the caller; an instance that means nothing to the caller is forgotten.
func (l *Locks) hand(lock Lock, e program.Edge) Lock {
	lock = l.translate(lock, e)
	root, ok := lock.Ref.Root.(interface{ Parent() *ssa.Function })
	if !ok {
		return lock
	}
	if _, global := lock.Ref.Root.(*ssa.Global); global {
		return lock
	}
	if at := root.Parent(); at != e.Caller() && !encloses(at, e.Caller()) && !encloses(at, e.Callee) {
		lock.Ref = Ref{}
	}
	return lock
}

// encloses tells whether inner is a closure written inside of outer.
func encloses(outer, inner *ssa.Function) bool {
	for inner = inner.Parent(); inner != nil; inner = inner.Parent() {
		if inner == outer {
			return true
		}
	}
	return false
}

func join(a, b []Place) []Place {
	out := slices.Clone(a)
	for _, p := range b {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// Takes returns the locks that fn may take, itself or in what it calls, in the order they were found.
func (l *Locks) Takes(fn *ssa.Function) []*Take {
	if s := l.takes[fn]; s != nil {
		return s.list
	}
	return nil
}

// TakesAt returns the locks that a call may take, named as in the function it stands in.
func (l *Locks) TakesAt(site ssa.CallInstruction) []*Take {
	if op := l.opOf(site); op.kind != noOp {
		if op.kind == opAcquire {
			return []*Take{{Lock: op.lock, Mode: op.mode, Site: site}}
		}
		return nil
	}
	if _, deferred := site.(*ssa.Defer); deferred {
		return nil // it runs at the end, under other locks
	}
	var out []*Take
	for _, e := range l.calleesAt(site) {
		if runsLater(e) {
			continue
		}
		for _, t := range l.Takes(e.Callee) {
			out = append(out, &Take{Lock: l.translate(t.Lock, e), Mode: t.Mode, Site: t.Site, Call: site, Inner: t, Given: t.Given})
		}
	}
	return out
}
