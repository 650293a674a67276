// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// escapeDepth bounds the calls through which an object is followed to see whether it gets to others.
const escapeDepth = 4

// keepsForItself tells whether a call of own code only uses the object that it is given while it runs: it reads and sets fields,
// and neither keeps the object anywhere nor gives it to a goroutine or to code out of sight.
func (m *Memory) keepsForItself(site ssa.CallInstruction, v ssa.Value, depth int) bool {
	call, ok := site.(*ssa.Call)
	if !ok {
		return false
	}
	callee := call.Call.StaticCallee()
	if callee == nil || !m.Program.Own(callee) {
		return false
	}
	for i, arg := range call.Call.Args {
		if arg == v && (i >= len(callee.Params) || m.escapes(callee.Params[i], depth)) {
			return false
		}
	}
	return true
}

// escapes tells whether a function lets others have what it gets as a parameter.
func (m *Memory) escapes(param *ssa.Parameter, depth int) bool {
	if known, ok := m.escaped[param]; ok {
		return known
	}
	if depth > escapeDepth {
		return true
	}
	m.escaped[param] = false // asked again while answering: a circle does nothing else with it
	m.escaped[param] = m.letsGo(param, depth, make(map[ssa.Value]bool))
	return m.escaped[param]
}

// letsGo tells whether some use of a value gets it to others.
func (m *Memory) letsGo(v ssa.Value, depth int, seen map[ssa.Value]bool) bool {
	if seen[v] || v.Referrers() == nil {
		return false
	}
	seen[v] = true
	return slices.ContainsFunc(*v.Referrers(), func(ref ssa.Instruction) bool {
		switch x := ref.(type) {
		case *ssa.FieldAddr, *ssa.Field, *ssa.DebugRef, *ssa.BinOp, *ssa.If:
			return false // what is in the object is not the object
		case *ssa.UnOp:
			_, cell := v.(*ssa.Alloc)
			return cell && m.letsGo(x, depth, seen)
		case *ssa.Store:
			if x.Val != v {
				return false
			}
			local, ok := x.Addr.(*ssa.Alloc)
			return !ok || m.letsGo(local, depth, seen)
		case *ssa.Phi:
			return m.letsGo(x, depth, seen)
		case ssa.CallInstruction:
			return !m.keepsForItself(x, v, depth+1)
		}
		return true
	})
}

// builds tells whether a call is made on an object that nobody else knows yet, as constructors make it: the locks that guard
// the object need not be held.
func (m *Memory) builds(e program.Edge) bool {
	if e.How != program.Calls || e.Callee.Signature.Recv() == nil || len(e.Callee.Params) == 0 {
		return false
	}
	recv := program.ArgumentFor(e, 0)
	return recv != nil && m.owned(m.Locks.place.refOf(recv).Root, e.Site)
}
