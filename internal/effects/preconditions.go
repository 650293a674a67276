// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"github.com/replicavet/replicavet/internal/kube"
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

// DryRun tells whether a write is only tried: client.DryRunAll is among its options, or DryRun set in its metav1 options.
func (e *Effects) DryRun(site ssa.CallInstruction, row *kube.Call) bool {
	for _, arg := range site.Common().Args {
		if t := program.Named(arg.Type()); t != nil && t.Obj().Pkg() != nil && t.Obj().Pkg().Path() == metaPath {
			if values, _ := e.Program.FieldOf(arg, "DryRun"); len(values) > 0 {
				return true
			}
		}
	}
	options, _ := program.Variadic(site, row.Options)
	for _, o := range options {
		load, ok := stripped(o).(*ssa.UnOp)
		if !ok {
			continue
		}
		if g, ok := load.X.(*ssa.Global); ok && g.Name() == "DryRunAll" {
			return true
		}
	}
	return false
}
