// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/token"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// Harmless tells whether a race over a variable that nobody has a lock for makes no difference: it is a flag that is only ever
// set, so that who reads it too early finds it set the next time; or a package variable that is only counted on or appended to.
func (m *Memory) Harmless(place Place) bool {
	all := m.accesses[place]
	if len(all) == 0 || place.Local != nil {
		return false
	}
	return isBool(all[0].Type) && m.staysSet(place) || place.Global != nil && !place.Foreign && m.onlyGrows(all)
}

// onlyGrows tells whether all reads of a variable go nowhere but into its next value.
func (m *Memory) onlyGrows(all []*Access) bool {
	reads := slices.DeleteFunc(slices.Clone(all), func(a *Access) bool { return a.Write })
	return len(reads) > 0 && !slices.ContainsFunc(reads, func(a *Access) bool { return !m.onlyKept(a) })
}

// onlyKept tells whether what an access reads goes nowhere but into a new value of the same variable: it is counted on, or
// appended to.
func (m *Memory) onlyKept(a *Access) bool {
	load, ok := a.At.(*ssa.UnOp)
	return ok && load.Op == token.MUL && m.goesTo(load, a.Place)
}

// goesTo tells whether a value is used for nothing but to make the next value of a variable.
func (m *Memory) goesTo(v ssa.Value, place Place) bool {
	refs := *v.Referrers()
	return len(refs) > 0 && !slices.ContainsFunc(refs, func(ref ssa.Instruction) bool {
		switch x := ref.(type) {
		case *ssa.DebugRef:
			return false
		case *ssa.Store:
			to, _ := m.variable(x.Addr)
			return x.Val != v || to != place
		case *ssa.BinOp:
			return !m.goesTo(x, place)
		case *ssa.Call:
			b, ok := x.Call.Value.(*ssa.Builtin)
			return !ok || b.Name() != "append" || x.Call.Args[0] != v || !m.goesTo(x, place)
		}
		return true
	})
}
