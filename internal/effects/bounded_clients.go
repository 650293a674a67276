// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// clientTimesOut tells whether a client of the API server is made from a configuration with a Timeout in all cases: each of
// its requests ends then, whatever its context. https://pkg.go.dev/k8s.io/client-go/rest#Config
func (e *Effects) clientTimesOut(client ssa.Value) bool {
	client = clientBehind(client)
	return client != nil && e.madeWithTimeout(client, 0)
}

// madeWithTimeout follows a client to the calls that make it, through the maps that it is kept in.
func (e *Effects) madeWithTimeout(client ssa.Value, depth int) bool {
	made := false
	for _, src := range e.Program.Sources(client).Values {
		if fn := src.Parent(); program.IsNil(src) || fn != nil && e.Program.InTest(fn) {
			continue
		}
		if pair, ok := src.(*ssa.Extract); ok {
			src = pair.Tuple
		}
		switch src := src.(type) {
		case *ssa.Call:
			if !e.constructsWithTimeout(src) {
				return false
			}
		case *ssa.Lookup:
			if depth == 2 || !e.keptWithTimeout(src.X, depth) {
				return false
			}
		case *ssa.Next:
			if depth == 2 || !e.keptWithTimeout(src.Iter.(*ssa.Range).X, depth) {
				return false
			}
		default:
			return false
		}
		made = true
	}
	return made
}

// constructsWithTimeout tells whether a call makes a client from configurations that have a Timeout.
func (e *Effects) constructsWithTimeout(call *ssa.Call) bool {
	if row := program.Model(call); row == nil || row.Effect != kube.ClientConstructor {
		return false
	}
	for _, arg := range call.Call.Args {
		if !program.IsNamed(arg.Type(), "k8s.io/client-go/rest", "Config") {
			continue
		}
		for _, src := range e.Program.Sources(arg).Values {
			places := []ssa.Value{src}
			if alloc, ok := src.(*ssa.Alloc); ok {
				places, _ = placesOf(alloc)
			}
			if !setsTimeout(places) {
				return false
			}
		}
		return len(e.Program.Sources(arg).Values) > 0
	}
	return false
}

// setsTimeout tells whether a configuration is given a Timeout, and not 0, which is none.
func setsTimeout(places []ssa.Value) bool {
	stores := storesOfField("Timeout", places)
	return len(stores) > 0 && !slices.ContainsFunc(stores, func(store *ssa.Store) bool { return isInt(store.Val, 0) })
}

// keptWithTimeout tells whether all clients that own code puts into a map of a struct have a timeout.
func (e *Effects) keptWithTimeout(container ssa.Value, depth int) bool {
	field, ok := fieldRead(container)
	if !ok {
		return false
	}
	puts := e.mapPuts()[field]
	for _, put := range puts {
		if !e.madeWithTimeout(put.Value, depth+1) {
			return false
		}
	}
	return len(puts) > 0
}

// mapPuts are the statements that put something into a map of a struct, tests aside, by the field.
func (e *Effects) mapPuts() map[program.FieldKey][]*ssa.MapUpdate {
	if e.puts != nil {
		return e.puts
	}
	e.puts = make(map[program.FieldKey][]*ssa.MapUpdate)
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if update, ok := instr.(*ssa.MapUpdate); ok {
					if field, ok := fieldRead(update.Map); ok {
						e.puts[field] = append(e.puts[field], update)
					}
				}
			}
		}
	}
	return e.puts
}
