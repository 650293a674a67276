// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"go/token"
	"iter"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// Root is where a goroutine of the program begins: an entry point, or a function that own code starts as a goroutine.
type Root struct {
	Func *ssa.Function
	// Entry is the entry point, nil for goroutines that own code starts and for functions nobody in own code calls.
	Entry *Entry
	// Sites start the goroutine, in source order.
	Sites []ssa.CallInstruction
	// Parallel is set when two of them run at the same time in one process, Again when one is begun after another.
	Parallel, Again bool
	// Because is the reason for Parallel, in one clause.
	Because string

	// contract is set when a library promises that many goroutines call the function.
	contract *contract
	// joined is set when whoever starts the goroutine waits for its end.
	joined bool
	// index is the place among all roots, started that among those that own code starts.
	index, started int
}

// Known tells whether the code shows that the root runs: it is no exported function out of whose callers none is seen.
func (r *Root) Known() bool { return r.Entry != nil || r.contract != nil || len(r.Sites) > 0 }

// ByContract tells whether a library calls the root from many goroutines, each of which may have an object of its own.
func (r *Root) ByContract() bool { return r.contract != nil }

// String names the root for a sentence: goroutine (*T).run, HTTP handler (*API).Ping.
func (r *Root) String() string {
	switch {
	case r.Entry != nil:
		return r.Entry.String()
	case r.contract != nil:
		return r.contract.kind + " " + Name(r.Func)
	case len(r.Sites) > 0:
		return "goroutine " + Name(r.Func)
	}
	return "caller of " + Name(r.Func)
}

// once tells whether the root is the one sequential start of the process.
func (r *Root) once() bool {
	return r.Entry != nil && (r.Entry.Kind == EntryMain || r.Entry.Kind == EntryTest)
}

// Concurrency answers which code can run at the same time.
type Concurrency struct {
	p     *Program
	Roots []*Root

	at      map[*ssa.Function]*Root
	runs    runs
	started starts
	spawns  map[*ssa.Function]bool
	leaves  map[*ssa.Function]bool
	late    map[*ssa.Function]*lateness
	cycles  map[*ssa.BasicBlock]bool
	// bringers are the functions that bring a root about, as BroughtAbout leads to them.
	bringers map[*Root]bitset
	// waiters, pairs, first, orders, setUp and once are answers given before.
	waiters map[*ssa.Function]bool
	pairs   map[funcPair][]Meeting
	first   map[*ssa.Function][]*Root
	orders  map[lateKey]order
	setUp   map[lateKey]bool
	once    map[*ssa.Function]bool
	// commands are the commands that bring a root about, as far as they were asked for.
	commands map[*Root][]*Root
	// again are the functions that run again and again, found when first asked for.
	again map[*ssa.Function]bool
}

// Concurrency finds the roots of the program and what each of them runs.
func (p *Program) Concurrency() *Concurrency {
	if p.concurrency != nil {
		return p.concurrency
	}
	c := &Concurrency{
		p:        p,
		at:       make(map[*ssa.Function]*Root),
		spawns:   make(map[*ssa.Function]bool),
		leaves:   make(map[*ssa.Function]bool),
		late:     make(map[*ssa.Function]*lateness),
		cycles:   make(map[*ssa.BasicBlock]bool),
		bringers: make(map[*Root]bitset),
		waiters:  make(map[*ssa.Function]bool),
		pairs:    make(map[funcPair][]Meeting),
		first:    make(map[*ssa.Function][]*Root),
		orders:   make(map[lateKey]order),
		setUp:    make(map[lateKey]bool),
		once:     make(map[*ssa.Function]bool),
		commands: make(map[*Root][]*Root),
	}
	p.concurrency = c
	c.findRoots()
	c.findCircles()
	c.numberFuncs()
	c.findStarts()
	c.findRuns()
	c.findSpawners()
	c.findLeaves()
	c.findLate()
	c.findParallel()
	return c
}

// findSpawners finds the functions that start goroutines, themselves or through calls.
func (c *Concurrency) findSpawners() {
	var queue []*ssa.Function
	add := func(fn *ssa.Function) {
		if !c.spawns[fn] {
			c.spawns[fn] = true
			queue = append(queue, fn)
		}
	}
	for _, fn := range c.p.Funcs {
		for site := range Sites(fn) {
			if c.starts(site) {
				add(fn)
			}
		}
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		for _, e := range c.p.Callers(fn) {
			if e.How != Starts {
				add(e.Caller())
			}
		}
	}
}

// starts tells whether a call itself begins a goroutine that runs own code.
func (c *Concurrency) starts(site ssa.CallInstruction) bool {
	for _, e := range c.p.Callees(site) {
		if e.How == Starts {
			return true
		}
	}
	return false
}

// InLoop tells whether an instruction can run more than once in one call of its function.
func (c *Concurrency) InLoop(instr ssa.Instruction) bool {
	b := instr.Block()
	known, ok := c.cycles[b]
	if ok {
		return known
	}
	in := slices.ContainsFunc(b.Succs, func(s *ssa.BasicBlock) bool { return blockReaches(s, b) })
	c.cycles[b] = in
	return in
}

// findParallel decides which roots can meet themselves.
func (c *Concurrency) findParallel() {
	for _, r := range c.Roots {
		if r.Entry != nil {
			r.Parallel, r.Because = c.entryParallel(r.Entry)
			r.Again = !r.once() && r.Entry.Kind != EntryRunnable && r.Entry.Kind != EntryElected
		}
		if r.contract != nil {
			r.Parallel, r.Again, r.Because = true, true, r.contract.because
		}
		r.joined = len(r.Sites) > 0 && !slices.ContainsFunc(r.Sites, func(s ssa.CallInstruction) bool { return !c.joins(s) })
	}
	// A goroutine is started again by what runs again; that may be a goroutine itself.
	for range 4 {
		for _, r := range c.Roots {
			for _, site := range r.Sites {
				c.startedBy(r, site)
			}
		}
	}
}

func (c *Concurrency) startedBy(r *Root, site ssa.CallInstruction) {
	if WaitsForStarted(site) {
		r.Parallel, r.Again, r.Because = true, true, "its pieces run in several workers"
		return
	}
	if c.InLoop(site) && !c.oneOfEach(site) {
		r.Again = true
		if !r.Parallel && !c.joinedInLoop(site) && !c.oneKey(r) {
			r.Parallel, r.Because = true, fmt.Sprintf("%s starts it in a loop at %s", Name(site.Parent()), c.p.At(site.Pos()))
		}
		return
	}
	joins := c.joins(site)
	for by := range c.Of(site.Parent()) {
		if r.Again && r.Parallel {
			return // no more to be found out
		}
		if by.Parallel || !joins && (by.Again || c.loopsTo(by, site.Parent())) {
			r.Again = true
			if !r.Parallel {
				r.Parallel, r.Because = true, fmt.Sprintf("%s starts one each time", by)
			}
		}
	}
}

// Again tells whether a goroutine can come to an instruction more than once.
func (c *Concurrency) Again(instr ssa.Instruction) bool {
	if c.InLoop(instr) {
		return true
	}
	return c.Some(instr.Parent(), func(r *Root) bool { return r.Again || c.loopsTo(r, instr.Parent()) })
}

// loopsTo tells whether a goroutine calls a function again and again, itself or through others: one that takes work from a
// queue, say.
func (c *Concurrency) loopsTo(r *Root, fn *ssa.Function) bool {
	if r.Entry != nil {
		return false // the start of a program goes through lists, of which each member is something else
	}
	seen := map[*ssa.Function]bool{fn: true}
	for queue := []*ssa.Function{fn}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == r.Func {
			continue
		}
		for _, e := range c.p.Callers(queue[0]) {
			caller := e.Caller()
			if e.How != Calls || !c.Runs(r, caller) {
				continue
			}
			if c.InLoop(e.Site) && e.Site.Common().StaticCallee() != nil {
				return true
			}
			if !seen[caller] {
				seen[caller] = true
				queue = append(queue, caller)
			}
		}
	}
	return false
}

// oneOfEach tells whether a loop starts the members of a list that are of several types, such as runnables, or several
// functions, such as constructors: each of them is started once.
func (c *Concurrency) oneOfEach(site ssa.CallInstruction) bool {
	if len(c.p.Callees(site)) < 2 {
		return false
	}
	return site.Common().IsInvoke() || site.Common().StaticCallee() == nil && isMember(site.Common().Value)
}

// isMember tells whether a value is what a loop finds in a list or a map, or a field of that.
func isMember(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.UnOp:
		return x.Op == token.MUL && isMember(x.X)
	case *ssa.FieldAddr:
		return isMember(x.X)
	case *ssa.Field:
		return isMember(x.X)
	case *ssa.IndexAddr, *ssa.Index:
		return true
	case *ssa.Extract:
		_, ok := x.Tuple.(*ssa.Next)
		return ok
	}
	return false
}

// entryParallel tells whether two calls of an entry run at the same time, and why.
func (c *Concurrency) entryParallel(e *Entry) (bool, string) {
	switch e.Kind {
	case EntryReconcile:
		if several, why := c.p.severalWorkers(e); several {
			return true, why
		}
		return c.severalControllers(e)
	case EntryWebhook, EntryHTTP, EntryGRPC, EntryProbe:
		return true, string(e.Kind) + "s run at the same time, one goroutine a request"
	case EntryDeclared:
		return e.parallel, "the project says that several calls run at the same time"
	case EntryMetrics:
		return true, "each scrape collects the metrics in a goroutine of its own"
	}
	return false, ""
}

// Meeting is how two instructions can run at the same time.
type Meeting struct {
	A, B *Root
}

// Sure tells whether the code shows that both sides run.
func (m Meeting) Sure() bool { return m.A != nil && m.B != nil && m.A.Known() && m.B.Known() }

// Meet tells whether two instructions can run at the same time in one process, and in which goroutines. Meetings of
// known roots are preferred.
func (c *Concurrency) Meet(a, b ssa.Instruction) (Meeting, bool) {
	for m := range c.Meetings(a, b) {
		return m, true
	}
	return Meeting{}, false
}

// Meetings iterates over the goroutines in which two instructions can run at the same time, known roots first.
func (c *Concurrency) Meetings(a, b ssa.Instruction) iter.Seq[Meeting] {
	return func(yield func(Meeting) bool) {
		for _, m := range c.candidates(a.Parent(), b.Parent()) {
			if (m.A == m.B || c.beside(m.A, m.B, a) && c.beside(m.B, m.A, b)) && !yield(m) {
				return
			}
		}
	}
}

// rootLimit bounds the roots of one function that are looked at; the parallel ones come first.
const rootLimit = 16

type funcPair struct{ a, b *ssa.Function }

// candidates lists the goroutines in which two functions can run at the same time, wherever in them, known ones first.
func (c *Concurrency) candidates(a, b *ssa.Function) []Meeting {
	key := funcPair{a, b}
	if known, ok := c.pairs[key]; ok {
		return known
	}
	var sure, unsure []Meeting
	for _, x := range c.likely(a) {
		for _, y := range c.likely(b) {
			if !canMeet(x, y) || c.p.Apart(x.Func, y.Func) || c.otherProcess(x, y) {
				continue
			}
			if m := (Meeting{x, y}); m.Sure() {
				sure = append(sure, m)
			} else {
				unsure = append(unsure, m)
			}
		}
	}
	c.pairs[key] = append(sure, unsure...)
	return c.pairs[key]
}

// likely returns the roots of a function, those first that meet most others.
func (c *Concurrency) likely(fn *ssa.Function) []*Root {
	if known, ok := c.first[fn]; ok {
		return known
	}
	rank := func(r *Root) int {
		switch {
		case r.Known() && r.Parallel:
			return 0
		case r.Known() && !r.once():
			return 1
		case r.Known():
			return 2
		}
		return 3
	}
	var ranked [4][]*Root
	inTest := c.p.ForTests(fn)
	for r := range c.Of(fn) {
		// What tests and their helpers start is no part of the program.
		if at := rank(r); len(ranked[at]) < rootLimit && (inTest || !c.forTests(r) && !c.p.Apart(fn, r.Func)) {
			ranked[at] = append(ranked[at], r)
		}
	}
	roots := slices.Concat(ranked[:]...)
	c.first[fn] = roots[:min(len(roots), rootLimit)]
	return c.first[fn]
}

// forTests tells whether a root begins in code that is there for tests, or is started by nothing else.
func (c *Concurrency) forTests(r *Root) bool {
	return c.p.ForTests(r.Func) || len(r.Sites) > 0 && !slices.ContainsFunc(r.Sites, func(site ssa.CallInstruction) bool {
		return !c.p.ForTests(outermost(site.Parent()))
	})
}

// canMeet tells whether two roots can run at the same time at all.
func canMeet(x, y *Root) bool {
	switch {
	case x == y && x.once():
		return false
	case x == y:
		return x.Parallel || !x.Known()
	case x.once() && y.once():
		return false
	case x.Entry != nil && y.Entry != nil && sameLoop(x.Entry, y.Entry):
		return false
	}
	return true
}

// sameLoop tells whether two entries are callbacks that one goroutine calls in turn: the handlers of one informer.
func sameLoop(a, b *Entry) bool {
	if a.Kind != EntryInformer || b.Kind != EntryInformer {
		return false
	}
	if a.Group != nil && b.Group != nil {
		return a.Group == b.Group
	}
	x, y := a.Func.Signature.Recv(), b.Func.Signature.Recv()
	return x != nil && y != nil && Named(x.Type()) == Named(y.Type())
}
