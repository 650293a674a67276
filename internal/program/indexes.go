// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

// Index is a function that computes the keys under which an informer's store keeps an object. The store calls it for each
// object that it is given, with its lock held.
type Index struct {
	Func *ssa.Function
	// At is where the store is told of the function.
	At ssa.Instruction
}

// Indexes lists the index functions of own code, in source order.
func (p *Program) Indexes() []Index {
	var out []Index
	add := func(v ssa.Value, at ssa.Instruction) {
		for _, fn := range p.FunctionsOf(v) {
			if p.Own(fn) && !slices.ContainsFunc(out, func(i Index) bool { return i.Func == fn }) {
				out = append(out, Index{fn, at})
			}
		}
	}
	for _, fn := range p.Funcs {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				switch x := instr.(type) {
				case *ssa.MapUpdate:
					if IsNamed(x.Map.Type(), "k8s.io/client-go/tools/cache", "Indexers") {
						add(x.Value, x)
					}
				case *ssa.Call:
					if row := Model(x); row != nil && row.Effect == kube.RegisterIndex {
						for _, arg := range x.Call.Args {
							add(arg, x)
						}
					}
				}
			}
		}
	}
	return out
}
