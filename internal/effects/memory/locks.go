// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Locks are the facts about all locks of a program: which are held where, which a call may take, what blocks.
//
// Each function that handles locks is walked once along its paths, apart from how often loops run. What its callers
// must know (locks it leaves held or gives up, takes on the way, where it blocks) is handed up as a summary, to any
// depth. Locks that all callers hold are handed down.
type Locks struct {
	program   *program.Program
	place     *placer
	ops       map[ssa.CallInstruction]lockOp
	flows     map[*ssa.Function]*Flow
	nets      map[*ssa.Function]*net
	takes     map[*ssa.Function]*summary[*Take]
	blocks    map[*ssa.Function]*summary[*Block]
	entry     map[*ssa.Function]*entryHeld
	acquirers map[Place][]ssa.CallInstruction // made when first asked for
	dones     map[Place][]ssa.CallInstruction // likewise
	flags     map[*ssa.Function][]*ssa.Parameter
	handed    map[ssa.CallInstruction][]program.Edge  // functions that a call gives to a helper which calls them
	asking    map[*ssa.Function]bool                  // functions whose callers are being asked what they hold
	waits     map[ssa.CallInstruction]ssa.Instruction // answers of awaited
}

// Holding is a lock that is held, and since where.
type Holding struct {
	Lock Lock
	Mode Mode
	// Site took the lock: the operation itself, or a call that returns with the lock. It is nil for locks of callers.
	Site ssa.CallInstruction
}

// Flow is what a walk along a function's paths found out.
type Flow struct {
	Func *ssa.Function
	// Points are the states before instructions, for those that can hold a lock of this function.
	points map[ssa.Instruction]*Point
	// Exits are the returns that may leave with a lock taken here.
	Exits []Exit
	// Twice are the locks that a path releases again after it has released them.
	Twice []Twice
	// cut is set when the function has too many paths to follow them all.
	cut bool
}

// Point is the state of locks before an instruction.
type Point struct {
	// Must are the locks held on every path, May those held on some path.
	Must, May []Holding
	// Dropped are locks of callers that were given up on every path before.
	Dropped []Lock
	visited bool
}

// Exit is a return with the locks held there, deferred unlocks done.
type Exit struct {
	Return *ssa.Return
	Held   []Holding
}

// newLocks returns the facts about the locks of a program that are there before they are gathered: what a lock is.
func newLocks(p *program.Program) *Locks {
	return &Locks{
		program: p,
		place:   newPlacer(p),
		ops:     make(map[ssa.CallInstruction]lockOp),
		flows:   make(map[*ssa.Function]*Flow),
		nets:    make(map[*ssa.Function]*net),
		asking:  make(map[*ssa.Function]bool),
		handed:  make(map[ssa.CallInstruction][]program.Edge),
		waits:   make(map[ssa.CallInstruction]ssa.Instruction),
	}
}

// gather finds out about the locks of the program. builds tells of a call whether it is made on an object that nobody else has
// yet: what its caller holds says nothing about the callers that share one.
func (l *Locks) gather(builds func(program.Edge) bool) {
	l.findFlags()
	l.walkAll()
	l.sumTakes()
	l.sumBlocks()
	l.spreadHeld(builds)
}

// walkAll walks every function that operates on locks, and again the callers of those that return with other locks than
// they were called with, until nothing changes.
func (l *Locks) walkAll() {
	var queue []*ssa.Function
	for _, fn := range l.program.Funcs {
		for site := range program.Sites(fn) {
			if l.opOf(site).kind != noOp {
				queue = append(queue, fn)
				break
			}
		}
	}
	waiting := make(map[*ssa.Function]bool, len(queue))
	for _, fn := range queue {
		waiting[fn] = true
	}
	rounds := make(map[*ssa.Function]int)
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		waiting[fn] = false
		if rounds[fn]++; rounds[fn] > 4 {
			continue // lock helpers that call each other in a circle
		}
		flow, net := l.walk(fn)
		l.flows[fn] = flow
		changed := !net.equal(l.nets[fn])
		l.nets[fn] = net
		if !changed {
			continue
		}
		for _, e := range l.program.Callers(fn) {
			if e.How == program.Calls && e.Arg < 0 && !waiting[e.Caller()] {
				waiting[e.Caller()] = true
				queue = append(queue, e.Caller())
			}
		}
	}
}

// Flow returns what is known of the locks that fn itself handles, or nil if it handles none.
func (l *Locks) Flow(fn *ssa.Function) *Flow { return l.flows[fn] }

// At returns the state of the function's own locks before instr; the zero Point if the function handles none.
func (f *Flow) At(instr ssa.Instruction) Point {
	if f == nil {
		return Point{}
	}
	if p := f.points[instr]; p != nil {
		return *p
	}
	return Point{}
}

// Held returns the locks that are held on every path to instr: the function's own, and those that all its callers hold.
func (l *Locks) Held(instr ssa.Instruction) []Holding {
	at := l.flows[instr.Parent()].At(instr)
	out := slices.Clone(at.Must)
	for _, h := range l.entryAt(instr) {
		if !slices.ContainsFunc(at.Dropped, func(d Lock) bool { return d.Place == h.Lock.Place }) {
			out = append(out, h)
		}
	}
	return out
}

// PlaceOf returns the place that an address, or the pointer, map or slice kept at a place, stands for.
func (l *Locks) PlaceOf(v ssa.Value) Place { return l.place.placeOf(v) }
