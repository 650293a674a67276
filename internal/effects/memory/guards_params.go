// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// paramUse is what a function does to the entries of a map that it is given.
type paramUse int

const (
	unused paramUse = iota
	readOnly
	written
)

// mapUse is what a function does to the entries of a map that it is given, and where.
type mapUse struct {
	use paramUse
	at  ssa.Instruction
}

// more returns the graver of two uses.
func (u mapUse) more(other mapUse) mapUse {
	if other.use > u.use {
		return other
	}
	return u
}

// paramDepth bounds the calls through which a map is handed on.
const paramDepth = 3

// givenAccess lists the accesses to maps of variables that a call of own code makes by handing them on: to a helper, or to a
// method of the map's own type. They happen under the locks that are held at the call and in the helper.
func (m *Memory) givenAccess(call *ssa.Call) []*Access {
	var out []*Access
	callees := m.Program.Static(call)
	if len(callees) != 1 || call.Call.StaticCallee() != callees[0] {
		return nil // who is called depends on the caller
	}
	for i, arg := range call.Call.Args {
		if _, isMap := arg.Type().Underlying().(*types.Map); !isMap || i >= len(callees[0].Params) {
			continue
		}
		u := m.useOf(callees[0].Params[i], 0)
		if u.use == unused {
			continue
		}
		for _, a := range m.entries(unboxed(arg), call, u.use == written) {
			a.Inner = u.at
			out = append(out, a)
		}
	}
	return out
}

// useOf tells what a function, and what it hands the map on to, does to the entries of a parameter. Goroutines that it starts
// do not count: they run under other locks.
func (m *Memory) useOf(param *ssa.Parameter, depth int) mapUse {
	if known, ok := m.uses[param]; ok {
		return known
	}
	if depth > paramDepth {
		return mapUse{}
	}
	m.uses[param] = mapUse{} // asked again while answering: a circle does nothing else
	var out mapUse
	for _, ref := range *param.Referrers() {
		out = out.more(m.useAt(ref, param, depth))
	}
	m.uses[param] = out
	return out
}

func (m *Memory) useAt(ref ssa.Instruction, param *ssa.Parameter, depth int) mapUse {
	switch x := ref.(type) {
	case *ssa.MapUpdate:
		if x.Map == param {
			return mapUse{written, x}
		}
	case *ssa.Lookup, *ssa.Range:
		return mapUse{readOnly, x}
	case *ssa.Call:
		return m.useByCall(x, param, depth)
	}
	return mapUse{}
}

func (m *Memory) useByCall(call *ssa.Call, param *ssa.Parameter, depth int) mapUse {
	if b, ok := call.Call.Value.(*ssa.Builtin); ok {
		switch b.Name() {
		case "delete", "clear":
			return mapUse{written, call}
		case "len":
			return mapUse{readOnly, call}
		}
		return mapUse{}
	}
	index := slices.Index(call.Call.Args, ssa.Value(param))
	target := program.Target(call)
	if target != nil && target.Pkg() != nil {
		if changes, ok := containerChanges[target.Pkg().Path()]; ok {
			if index == 0 && slices.Contains(changes, target.Name()) {
				return mapUse{written, call}
			}
			return mapUse{readOnly, call}
		}
	}
	if callee := call.Call.StaticCallee(); callee != nil && index >= 0 && index < len(callee.Params) && m.Program.Own(callee) {
		return m.useOf(callee.Params[index], depth+1)
	}
	return mapUse{}
}
