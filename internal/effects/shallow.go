// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// sharedPart answers for a slice, map or pointer in a variable that holds a struct by value, a part of an object: it is still
// the one of the original. It is nil where the variable is the original, or where its field is set to something else.
func (pl *placer) sharedPart(field *ssa.FieldAddr) []Place {
	cell, ok := field.X.(*ssa.Alloc)
	if !ok || !holdsPointer(field.Type()) || pl.e.isObject(cell.Type()) {
		return nil
	}
	var original ssa.Value
	for _, ref := range *cell.Referrers() {
		switch ref := ref.(type) {
		case *ssa.Store:
			if ref.Addr != cell || original != nil {
				return nil
			}
			original = ref.Val
		case *ssa.FieldAddr:
			if ref.Field == field.Field && storedTo(ref) {
				return nil
			}
		case *ssa.UnOp, *ssa.DebugRef:
		default:
			return nil // somebody else may set it
		}
	}
	if original == nil {
		return nil
	}
	if _, isStruct := original.Type().Underlying().(*types.Struct); !isStruct {
		return nil
	}
	name, _ := fieldOf(cell.Type(), field.Field)
	return extend(pl.of(original), name)
}

// storedTo tells whether a value is stored at an address itself.
func storedTo(addr *ssa.FieldAddr) bool {
	for _, ref := range *addr.Referrers() {
		if st, ok := ref.(*ssa.Store); ok && st.Addr == addr {
			return true
		}
	}
	return false
}
