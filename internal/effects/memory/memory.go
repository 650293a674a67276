// SPDX-License-Identifier: Apache-2.0

// Package memory says what happens to memory that goroutines of one process share: which locks are held where, which
// fields and variables are read and written under which of them, and which of these can happen at the same time.
//
// Locks and memory are named by type and field, as readers do ("Cache.mu guards Cache.entries"); where it matters
// whether two names are one instance, refs answer. It gathers facts and never reports.
package memory

import (
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Memory are the facts about one program.
type Memory struct {
	Program *program.Program
	Locks   *Locks

	places      []Place // that are accessed, in the order they were found
	accesses    map[Place][]*Access
	ownedParams map[*ssa.Parameter]bool
	told        map[ssa.Value][]ssa.Instruction // answers of tells
	unguarded   []*Unguarded                    // made when first asked for
	kept        map[*types.Named]bool           // made when first asked for
	madeAt      map[*types.Named][]*ssa.Alloc   // made when first asked for
	mapUses     map[*ssa.Function][]*Access     // made when first asked for
	uses        map[*ssa.Parameter]mapUse       // answers of useOf
	names       map[identityKey][]identity      // answers of identities
	born        map[identityKey]births          // answers of births
	replaced    map[*types.Named]bool           // made when first asked for
	few         map[*ssa.Alloc]bool             // answers of madeFewTimes
	escaped     map[*ssa.Parameter]bool         // answers of escapes
	once        map[Place]bool                  // answers of setOnce
	stores      map[Place][]*ssa.Call           // made when first asked for
	waiting     []*ssa.Function                 // made when first asked for
	outers      map[Place][]*types.Named        // answers of outer
}

// Build gathers the facts about a program.
func Build(p *program.Program) *Memory {
	m := &Memory{Program: p, Locks: newLocks(p), escaped: make(map[*ssa.Parameter]bool), once: make(map[Place]bool), outers: make(map[Place][]*types.Named),
		ownedParams: make(map[*ssa.Parameter]bool), told: make(map[ssa.Value][]ssa.Instruction),
		names: make(map[identityKey][]identity), born: make(map[identityKey]births), few: make(map[*ssa.Alloc]bool), uses: make(map[*ssa.Parameter]mapUse)}
	m.Locks.gather(m.builds)
	m.gatherAccesses()
	return m
}

// Places lists the memory that own code accesses, in the order of the code.
func (m *Memory) Places() []Place { return m.places }

// Accesses returns the accesses to a place, in the order of the code; what a function does to an object that it has just
// made is left out.
func (m *Memory) Accesses(place Place) []*Access { return m.accesses[place] }
