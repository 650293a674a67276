// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// StoreWrite is an object that is put into the store of an informer, or taken out of it, by hand. The informer's own goroutine
// writes the store as the watch tells, and neither knows of the other.
type StoreWrite struct {
	Write ssa.CallInstruction
	// Verb is the method: Add, Update, Delete or Replace.
	Verb string
	// Object is what is written; nil for a list.
	Object ssa.Value
	// Dropped is the write to the API server before it whose answer nobody keeps, where the object is the one from before; nil
	// if there is none.
	Dropped *ssa.Call
}

// StoreWrites returns these writes of own code, in source order, where nothing compares versions before them.
func (e *Effects) StoreWrites() []StoreWrite {
	var out []StoreWrite
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			row := program.Model(site)
			if row == nil || row.Effect != kube.CacheWrite || !e.ofInformer(program.Receiver(site)) || comparesVersions(fn) {
				continue
			}
			w := StoreWrite{Write: site, Verb: program.Target(site).Name()}
			if w.Verb != "Replace" {
				w.Object = stripped(program.Argument(site, row.Object))
				w.Dropped = droppedAnswer(site, w.Object)
			}
			out = append(out, w)
		}
	}
	return out
}

// ofInformer tells whether a store is one that an informer fills.
func (e *Effects) ofInformer(store ssa.Value) bool {
	return store != nil && slices.ContainsFunc(e.Program.Sources(store).Values, func(src ssa.Value) bool {
		call, ok := src.(*ssa.Call)
		if !ok {
			return false
		}
		row := program.Model(call)
		return row != nil && row.Effect == kube.Provenance && strings.HasPrefix(program.Target(call).Name(), "Get")
	})
}

// comparesVersions tells whether a function asks for the version of an object.
func comparesVersions(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case ssa.CallInstruction:
				if t := program.Target(x); t != nil && t.Name() == "GetResourceVersion" {
					return true
				}
			case *ssa.FieldAddr:
				if name, _ := fieldOf(x.X.Type(), x.Field); name == "ResourceVersion" {
					return true
				}
			}
		}
	}
	return false
}

// droppedAnswer returns the write of the same kind before a call, whose answer, a newer version of the object, goes to nobody.
func droppedAnswer(site ssa.CallInstruction, object ssa.Value) *ssa.Call {
	if _, isParam := object.(*ssa.Parameter); !isParam {
		return nil // it may be the answer of something
	}
	for other := range program.Sites(site.Parent()) {
		call, ok := other.(*ssa.Call)
		if !ok || !MustPrecede(call, site) {
			continue
		}
		row, results := program.Model(call), call.Call.Signature().Results()
		if row == nil || !row.Effect.IsWrite() || row.Effect == kube.CacheWrite || results.Len() != 2 {
			continue
		}
		if program.Named(results.At(0).Type()) == program.Named(object.Type()) && dropsAnswer(call) {
			return call
		}
	}
	return nil
}

// dropsAnswer tells whether nobody uses the first result of a call.
func dropsAnswer(call *ssa.Call) bool {
	answer := tupleElement(call, 0)
	return answer == nil || len(refs(answer)) == 0
}
