// SPDX-License-Identifier: Apache-2.0

// Package effects says what each function does to state that others share, in order: reads and writes of API objects
// and the changes between them, seen through helpers, closures and wrappers. It is built once and shared by all rules.
// It gathers facts and never reports.
package effects

import (
	"go/types"
	"iter"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Effects are the facts about one program.
type Effects struct {
	Program *program.Program

	// told is set once the events of all functions, the stories and the ledger are found, or being found: when one of them
	// is first asked for.
	told    bool
	stories []*Story
	ledger  []*Entry

	events map[*ssa.Function][]*Event
	guards map[*ssa.BasicBlock]Deps
	deps   map[depKey]Deps
	// answers are what results of functions are computed from, places what values name, handed which parameter a function
	// hands back, returned the objects that it returns, shared those that it got without a copy: answers given before.
	answers  map[answerKey]Deps
	places   map[depKey][]Place
	handed   map[resultKey]int
	returned map[*ssa.Function][]returnedObject
	shared   map[*ssa.Function][]Shared
	objects  map[types.Type]bool
	// apiParts remembers which types API objects are made of.
	apiParts map[*types.Named]bool
	// apiPackages remembers which packages declare API objects.
	apiPackages map[*types.Package]bool
	// finalizers are the functions that change those of a kind; found when first asked for.
	finalizers map[kube.Kind][]*ssa.Function
	// lifted are the events that some caller was told of: their story goes on there.
	lifted map[*Event]bool

	contexts *Contexts               // made when first asked for
	stays    map[*program.Entry]bool // entry points of what stays; found when first asked for
	work     *Work                   // made when first asked for
	retries  []*Retry                // found when first asked for
	// oldMachinery is set when the API machinery does not look into errors; found when first asked for.
	oldMachinery *bool
	goroutines   *Goroutines                      // made when first asked for
	claims       []*Claim                         // made when first asked for
	loads        map[program.FieldKey][]ssa.Value // made when first asked for
	textOrder    *textOrder                       // made when first asked for
	indexed      map[*ssa.Function]bool           // index functions; found when first asked for
	parsed       map[string]bool                  // layouts by which own code reads times; found when first asked for
	conc         concurrency                      // gathered when first asked for
	memory       *memory.Memory                   // made when first asked for
	// fieldsSet are the fields that code does more with than read them, found when first asked for.
	fieldsSet  map[program.FieldKey]bool
	residences []*Residence   // gathered when first asked for
	roots      []*ContextRoot // found when first asked for
	// senders are the calls that send an HTTP request, for each call that makes one; found when first asked for.
	senders map[ssa.CallInstruction][]ssa.CallInstruction
	// mains are the packages of those that run an election and return with it; nil until asked for.
	mains map[*ssa.Package]bool
	// puts are the statements that put something into a map of a struct, by the field; found when first asked for.
	puts map[program.FieldKey][]*ssa.MapUpdate
}

// Build prepares the effects of a program; they are gathered when first asked for.
func Build(p *program.Program) *Effects {
	return &Effects{
		Program:  p,
		events:   make(map[*ssa.Function][]*Event),
		guards:   make(map[*ssa.BasicBlock]Deps),
		deps:     make(map[depKey]Deps),
		answers:  make(map[answerKey]Deps),
		places:   make(map[depKey][]Place),
		handed:   make(map[resultKey]int),
		returned: make(map[*ssa.Function][]returnedObject),
		shared:   make(map[*ssa.Function][]Shared),
		objects:  make(map[types.Type]bool),
		apiParts: make(map[*types.Named]bool),
		lifted:   make(map[*Event]bool),

		apiPackages: make(map[*types.Package]bool),
	}
}

// Stories are the lives of the objects that own code writes, in source order of the writes.
func (e *Effects) Stories() []*Story {
	e.tellStories()
	return e.stories
}

// Ledger has a row for every write to the API, in source order.
func (e *Effects) Ledger() []*Entry {
	e.tellStories()
	return e.ledger
}

// tellStories finds the events of all functions, in source order, and then the stories and the ledger.
func (e *Effects) tellStories() {
	if e.told {
		return
	}
	e.told = true
	for _, fn := range e.Program.Funcs {
		e.gather(fn)
	}
	e.findStories()
	e.keepLedger()
}

// reviewed iterates over the functions in which mistakes about API objects and times are looked for, in source order: tests,
// what helps them and generated code are left out.
func (e *Effects) reviewed() iter.Seq[*ssa.Function] {
	return func(yield func(*ssa.Function) bool) {
		for _, fn := range e.Program.Funcs {
			if !e.Program.InTest(fn) && !e.Program.Generated(fn) && !e.Program.TestSupport(fn) && !yield(fn) {
				return
			}
		}
	}
}

// Memory returns the facts about locks and shared memory.
func (e *Effects) Memory() *memory.Memory {
	if e.memory == nil {
		e.memory = memory.Build(e.Program)
	}
	return e.memory
}

// ShareMemory lets e answer from what other knows about locks and shared memory. Nobody may ask one of them while the other
// is being asked.
func (e *Effects) ShareMemory(other *Effects) { e.memory = other.Memory() }
