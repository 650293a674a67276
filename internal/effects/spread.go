// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"golang.org/x/tools/go/ssa"
)

// spread is how far values reach inside one function: what is computed from them, what is stored next to what is, and
// what is chosen by a test of it.
type spread struct {
	fn       *ssa.Function
	reached  map[ssa.Value]bool
	queue    []ssa.Value
	deciding map[*ssa.If]bool
	// returned is set when a result of the function is reached.
	returned bool
}

// spreadOf follows the seeds through fn.
func spreadOf(fn *ssa.Function, seeds ...ssa.Value) *spread {
	s := &spread{fn: fn, reached: make(map[ssa.Value]bool), deciding: make(map[*ssa.If]bool)}
	for _, v := range seeds {
		s.add(v)
	}
	for {
		for len(s.queue) > 0 {
			v := s.queue[0]
			s.queue = s.queue[1:]
			for _, ref := range *v.Referrers() {
				s.step(ref, v)
			}
		}
		if !s.chosen() {
			return s
		}
	}
}

func (s *spread) add(v ssa.Value) {
	if v == nil || s.reached[v] || v.Referrers() == nil || isErrorType(v.Type()) || isContextType(v.Type()) {
		return
	}
	s.reached[v] = true
	s.queue = append(s.queue, v)
}

func (s *spread) step(ref ssa.Instruction, v ssa.Value) {
	switch x := ref.(type) {
	case *ssa.If:
		s.deciding[x] = true
	case *ssa.Return:
		s.returned = true
	case *ssa.Store:
		if x.Val == v {
			s.place(x.Addr)
		}
	case *ssa.MapUpdate:
		s.place(x.Map)
	case *ssa.Call:
		s.call(x, v)
	case ssa.Value:
		s.add(x)
	}
}

// call reaches the result, and the receiver where a setter keeps the value in it.
func (s *spread) call(x *ssa.Call, v ssa.Value) {
	s.add(x)
	if _, builtin := x.Call.Value.(*ssa.Builtin); builtin {
		return
	}
	args := x.Call.Args
	switch {
	case x.Call.IsInvoke() && x.Call.Value != v:
		s.keeps(x.Call.Value, x)
	case !x.Call.IsInvoke() && x.Call.Signature().Recv() != nil && len(args) > 0 && args[0] != v:
		s.keeps(args[0], x)
	}
}

// keeps reaches the receiver of a call that gives nothing back: a setter.
func (s *spread) keeps(recv ssa.Value, x *ssa.Call) {
	if x.Call.Signature().Results().Len() == 0 {
		s.place(recv)
	}
}

// place reaches the variable that an address lies in.
func (s *spread) place(addr ssa.Value) {
	for {
		s.add(addr)
		switch x := addr.(type) {
		case *ssa.FieldAddr:
			addr = x.X
		case *ssa.IndexAddr:
			addr = x.X
		case *ssa.UnOp:
			addr = x.X
		case *ssa.MakeInterface:
			addr = x.X
		case *ssa.Parameter, *ssa.FreeVar, *ssa.Global:
			return
		default:
			return
		}
	}
}

// chosen reaches the variables that take one value or another by a test of what is reached; it tells whether there were
// more.
func (s *spread) chosen() bool {
	before := len(s.reached)
	for _, b := range s.fn.Blocks {
		for _, instr := range b.Instrs {
			phi, ok := instr.(*ssa.Phi)
			if !ok {
				break
			}
			if !s.reached[phi] && s.choosing(phi) {
				s.add(phi)
			}
		}
	}
	return len(s.reached) > before
}

func (s *spread) choosing(phi *ssa.Phi) bool {
	above := make(map[*ssa.If]bool)
	for _, branch := range Conditions(phi.Block()) {
		above[branch] = true
	}
	for i, pred := range phi.Block().Preds {
		if phi.Edges[i] == ssa.Value(phi) {
			continue
		}
		for _, branch := range Conditions(pred) {
			if s.deciding[branch] && !above[branch] {
				return true
			}
		}
	}
	return false
}

// guards tells whether what is reached decides whether instr runs.
func (s *spread) guards(instr ssa.Instruction) bool {
	for _, branch := range Conditions(instr.Block()) {
		if s.deciding[branch] {
			return true
		}
	}
	return false
}

// given tells whether a call gets what is reached.
func (s *spread) given(site ssa.CallInstruction) bool {
	common := site.Common()
	if common.IsInvoke() && s.reached[common.Value] {
		return true
	}
	for _, arg := range common.Args {
		if s.reached[arg] {
			return true
		}
	}
	return false
}
