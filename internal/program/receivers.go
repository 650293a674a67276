// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// Arguments returns the values that the call of an edge can give to the callee's parameter at index (the receiver counted):
// that of ArgumentFor, or what method values were made with. There is none where the library that runs the callee makes it.
func (p *Program) Arguments(e Edge, index int) []ssa.Value {
	if arg := ArgumentFor(e, index); arg != nil {
		return []ssa.Value{arg}
	}
	if index == 0 {
		return p.receivers(e)
	}
	return nil
}

// receivers returns what a method is called on by a call of a function value that holds it: c.sync(key), where c.sync was set
// to c.syncPod before. It is nil for other calls.
func (p *Program) receivers(e Edge) []ssa.Value {
	common := e.Site.Common()
	called := common.Value
	switch {
	case e.Callee.Signature.Recv() == nil || common.IsInvoke():
		return nil
	case e.Arg >= 0:
		called = common.Args[e.Arg]
	case common.StaticCallee() != nil:
		return nil
	}
	var out []ssa.Value
	for _, recv := range p.boundTo(called) {
		if recv.in == e.Callee && types.Identical(recv.value.Type(), e.Callee.Params[0].Type()) {
			out = append(out, recv.value)
		}
	}
	return out
}

// bound is a method value: the method, and the receiver that was put into it.
type bound struct {
	in    *ssa.Function
	value ssa.Value
}

// boundTo lists the method values that a function value can be.
func (p *Program) boundTo(called ssa.Value) []bound {
	if known, ok := p.methodValues[called]; ok {
		return known
	}
	p.methodValues[called] = nil // asked again while answering: a circle adds no other values
	var out []bound
	for _, src := range p.Sources(called).Values {
		closure, ok := src.(*ssa.MakeClosure)
		if !ok || len(closure.Bindings) != 1 || !isWrapper(closure.Fn.(*ssa.Function)) {
			continue
		}
		for _, fn := range p.throughWrappers([]*ssa.Function{closure.Fn.(*ssa.Function)}) {
			if b := (bound{fn, closure.Bindings[0]}); !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	p.methodValues[called] = out
	return out
}
