// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"cmp"
	"go/token"

	"github.com/replicavet/replicavet/internal/effects"
	"golang.org/x/tools/go/ssa"
)

// Holder is the object that a change is made to, as the code names it; "obj" where it has no name.
func (p *Pass) Holder(ev *effects.Event) string {
	spelled := ""
	if ev.Path != "" {
		spelled = p.Words(ev.Origin).Holder(ev.Path)
	}
	return cmp.Or(spelled, p.Name(ev.Root), "obj")
}

// Name is the variable that a value is kept in, or "".
func (p *Pass) Name(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.Parameter:
		return v.Name()
	case *ssa.FreeVar:
		return v.Name()
	case *ssa.Global:
		return v.Name()
	case *ssa.Alloc:
		return identifier(v.Comment)
	case *ssa.Phi:
		return identifier(v.Comment)
	case *ssa.UnOp:
		return p.Name(v.X)
	case *ssa.TypeAssert:
		return cmp.Or(p.Words(v).Defined(), p.Name(v.X))
	case *ssa.ChangeType:
		return p.Name(v.X)
	case *ssa.ChangeInterface:
		return p.Name(v.X)
	case *ssa.MakeInterface:
		return p.Name(v.X)
	case *ssa.Extract:
		return p.Name(v.Tuple)
	case *ssa.Call:
		return p.Words(v).Defined()
	}
	return ""
}

// identifier returns a comment of SSA that is a variable's name; "" for those that describe what it made up.
func identifier(comment string) string {
	if token.IsIdentifier(comment) && comment != "complit" && comment != "varargs" && comment != "new" {
		return comment
	}
	return ""
}
