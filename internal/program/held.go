// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// HeldTypes returns the types of the values that own code makes an interface value of; whole is false where some of them
// come from elsewhere.
func (p *Program) HeldTypes(v ssa.Value) (held []types.Type, whole bool) {
	if v == nil {
		return nil, false
	}
	for _, src := range p.boxed(v) {
		switch src := src.(type) {
		case *ssa.MakeInterface:
			held = append(held, src.X.Type())
		case *ssa.Const: // nil
		default:
			return held, false
		}
	}
	return held, len(held) > 0
}
