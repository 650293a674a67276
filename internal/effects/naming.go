// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Naming is how a created object gets its name. A fixed name is a lock: the second create of it answers AlreadyExists.
type Naming int

// The ways to get a name.
const (
	// NameUnknown: the code does not show where the name comes from.
	NameUnknown Naming = iota
	// NameFixed: the same name for the same input.
	NameFixed
	// NameGenerated: the server makes one up (metadata.generateName).
	NameGenerated
	// NameRandom: chance or the clock take part in it.
	NameRandom
)

// Naming says how the object of a create gets its name, and where that is decided.
func (s *Story) Naming() (Naming, ssa.Instruction) {
	n := naming{e: s.e}
	for _, ch := range s.Changes() {
		n.change(ch)
	}
	switch {
	case n.unknown && n.generated == nil:
		return NameUnknown, nil
	case n.fixed:
		return NameFixed, nil
	case n.random != nil:
		return NameRandom, n.random
	case n.generated != nil && (!n.unknown || n.nameless):
		return NameGenerated, n.generated
	}
	return NameUnknown, nil
}

type naming struct {
	e                 *Effects
	fixed, unknown    bool
	random, generated ssa.Instruction
	// nameless is set when the server is asked for a name where the object turned out to have none.
	nameless bool
}

// change looks at one change of the object for a name in it.
func (n *naming) change(ch *Event) {
	switch ch.Path {
	case "Name":
		if ch.Call != nil {
			n.setter(ch)
			return
		}
		n.name(ch.Deps(), ch.Origin)
	case "GenerateName":
		n.generated = ch.Origin
		n.nameless = n.nameless || n.withoutName(ch.Origin)
	case "":
		if st, ok := ch.Origin.(*ssa.Store); ok {
			n.metadata(st)
		}
	}
}

// withoutName tells whether an instruction runs only when the name of an object is empty.
func (n *naming) withoutName(at ssa.Instruction) bool {
	for _, branch := range Conditions(at.Block()) {
		test, ok := branch.Cond.(*ssa.BinOp)
		if !ok || test.Op != token.EQL || !isEmptyString(test.Y) || !onlyWay(branch.Block().Succs[0], at.Block()) {
			continue
		}
		for _, p := range n.e.Places(at.Parent(), test.X) {
			if p.Path == "Name" {
				return true
			}
		}
	}
	return false
}

// onlyWay tells whether a block is the only way to another.
func onlyWay(from, to *ssa.BasicBlock) bool {
	return len(from.Preds) == 1 && (from == to || from.Dominates(to))
}

// setter reads SetName and SetGenerateName.
func (n *naming) setter(ch *Event) {
	site, ok := ch.Origin.(ssa.CallInstruction)
	if !ok {
		return
	}
	if target := program.Target(site); target != nil && target.Name() == "SetGenerateName" {
		n.generated = ch.Origin
		return
	}
	n.name(ch.Deps(), ch.Origin)
}

// metadata reads the names in an ObjectMeta that is assigned as a whole.
func (n *naming) metadata(st *ssa.Store) {
	names, whole := n.e.Program.FieldOf(st.Val, "Name")
	generated, _ := n.e.Program.FieldOf(st.Val, "GenerateName")
	for _, v := range names {
		if !isEmptyString(v) {
			n.name(n.e.DepsOf(parentOf(v, st.Parent()), v), st)
		}
	}
	for _, v := range generated {
		if !isEmptyString(v) {
			n.generated = st
		}
	}
	n.unknown = n.unknown || !whole
}

func (n *naming) name(d Deps, at ssa.Instruction) {
	if d.Random || d.Now {
		n.random = at
		return
	}
	n.fixed = true
}

func isEmptyString(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && (c.Value == nil || c.Value.Kind() == constant.String && constant.StringVal(c.Value) == "")
}

// parentOf returns the function that a value belongs to; fallback for constants and globals.
func parentOf(v ssa.Value, fallback *ssa.Function) *ssa.Function {
	if fn := v.Parent(); fn != nil {
		return fn
	}
	return fallback
}
