// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// controllerOptions collects the controller options that a registration was given: an argument of it, or of a call on the
// same builder, in a chain or as a statement of its own.
func (p *Program) controllerOptions(site ssa.CallInstruction) []ssa.Value {
	b := &builders{p: p, calls: make(map[ssa.CallInstruction]bool), values: make(map[ssa.Value]bool)}
	b.call(site)
	return b.options
}

// buildersLimit bounds the values that are looked at for one registration; a long chain has two dozen.
const buildersLimit = 200

// builders walks from a registration back along the values that can be its builder.
type builders struct {
	p       *Program
	calls   map[ssa.CallInstruction]bool
	values  map[ssa.Value]bool
	options []ssa.Value
}

func (b *builders) call(site ssa.CallInstruction) {
	if b.calls[site] {
		return
	}
	b.calls[site] = true
	for _, arg := range site.Common().Args {
		switch named := Named(arg.Type()); {
		case named == nil:
		case isControllerOptions(named):
			b.options = append(b.options, arg)
		case isBuilder(named):
			b.builder(arg)
		}
	}
}

// builder follows a builder to the calls that it is a result of, and to those that are made on it for what they do to it.
func (b *builders) builder(v ssa.Value) {
	if b.values[v] || len(b.values) > buildersLimit {
		return
	}
	b.values[v] = true
	switch x := v.(type) {
	case *ssa.Call:
		b.call(x)
	case *ssa.Extract:
		if call, ok := x.Tuple.(*ssa.Call); ok {
			b.call(call)
		}
	case *ssa.Phi:
		for _, edge := range x.Edges {
			b.builder(edge)
		}
	case *ssa.UnOp:
		for _, stored := range b.p.StoredAt(x.X) {
			b.builder(stored)
		}
	case *ssa.Parameter:
		for _, e := range b.p.Callers(x.Parent()) {
			if arg := ArgumentFor(e, parameterIndex(x.Parent(), x)); arg != nil {
				b.builder(arg)
			}
		}
	}
	if v.Referrers() == nil {
		return
	}
	for _, ref := range *v.Referrers() {
		call, ok := ref.(*ssa.Call)
		if !ok || Receiver(call) != v {
			continue
		}
		if target := Target(call); target != nil && target.Name() == "WithOptions" {
			b.call(call)
		}
	}
}

// isBuilder tells whether a type is the builder of controllers.
func isBuilder(t *types.Named) bool {
	pkg := t.Obj().Pkg()
	return pkg != nil && pkg.Path() == "sigs.k8s.io/controller-runtime/pkg/builder" && (t.Obj().Name() == "Builder" || t.Obj().Name() == "TypedBuilder")
}
