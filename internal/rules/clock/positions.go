// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// fieldName renders the field that an address names as Type.Field.
func fieldName(f *ssa.FieldAddr) string {
	named := program.Named(f.X.Type())
	if s, ok := named.Underlying().(*types.Struct); ok {
		return named.Obj().Name() + "." + s.Field(f.Field).Name()
	}
	return named.Obj().Name()
}

// storePos is where a store is written in the code.
func storePos(st *ssa.Store) token.Pos {
	for _, pos := range []token.Pos{st.Pos(), st.Val.Pos(), st.Addr.Pos()} {
		if pos.IsValid() {
			return pos
		}
	}
	return st.Parent().Pos()
}
