// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Preconditions tells whether a delete names the object or the version that it means, so that the server refuses
// another: client.Preconditions among its options, or Preconditions set in its metav1.DeleteOptions. known is false when
// the options come from where the code does not show.
func (e *Effects) Preconditions(del *Event) (given, known bool) {
	site, ok := del.Origin.(ssa.CallInstruction)
	if !ok {
		return false, false
	}
	known = true
	for _, arg := range site.Common().Args {
		if program.IsNamed(arg.Type(), "k8s.io/apimachinery/pkg/apis/meta/v1", "DeleteOptions") {
			values, whole := e.Program.FieldOf(arg, "Preconditions")
			return len(values) > 0, whole
		}
	}
	options, listed := program.Variadic(site, del.Call.Options)
	if !listed {
		known = false
	}
	for _, o := range options {
		for _, v := range append(e.Program.Sources(o).Values, stripped(o)) {
			switch t := program.Named(v.Type()); {
			case t == nil:
				known = false
			case t.Obj().Name() == "Preconditions":
				return true, true
			case t.Obj().Name() == "DeleteOptions":
				if values, whole := e.Program.FieldOf(v, "Preconditions"); len(values) > 0 {
					return true, true
				} else if !whole {
					known = false
				}
			}
		}
	}
	return false, known
}
