// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Repeats tells whether a call is of a helper that calls the function it is given again and again: those of
// k8s.io/apimachinery/pkg/util/wait that go on until they are stopped.
func Repeats(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "k8s.io/apimachinery/pkg/util/wait" {
		return false
	}
	return target.Name() == "Forever" || strings.Contains(target.Name(), "Until") && !strings.HasPrefix(target.Name(), "Poll")
}

// OnEventOnly tells whether all that decides if an instruction runs is what its function was given, and what the function
// captured without a call: nothing is asked that could have changed since an earlier call.
func OnEventOnly(at ssa.Instruction) bool {
	for _, branch := range Conditions(at.Block()) {
		if !fromParameters(branch.Cond, 0) {
			return false
		}
	}
	return true
}

// fromParameters tells whether a value is computed from parameters, constants and captured values alone.
func fromParameters(v ssa.Value, depth int) bool {
	if depth > 12 {
		return false
	}
	switch x := v.(type) {
	case *ssa.Parameter, *ssa.Const, *ssa.Global, *ssa.FreeVar, *ssa.Function:
		return true
	case *ssa.BinOp:
		return fromParameters(x.X, depth+1) && fromParameters(x.Y, depth+1)
	case *ssa.UnOp:
		return fromParameters(x.X, depth+1)
	case *ssa.FieldAddr:
		return fromParameters(x.X, depth+1)
	case *ssa.Field:
		return fromParameters(x.X, depth+1)
	case *ssa.TypeAssert:
		return fromParameters(x.X, depth+1)
	case *ssa.Extract:
		return fromParameters(x.Tuple, depth+1)
	case *ssa.Phi:
		for _, edge := range x.Edges {
			if _, constant := edge.(*ssa.Const); constant || !fromParameters(edge, depth+1) {
				return false // a flag that some branch sets
			}
		}
		return true
	case *ssa.Lookup: // a map of the object, not one that is kept
		return ofParameter(x.X, depth+1)
	case *ssa.Call:
		recv := program.Receiver(x)
		return recv != nil && len(x.Call.Args) <= 1 && ofParameter(recv, depth+1)
	}
	return false
}

// ofParameter tells whether a value is part of a parameter.
func ofParameter(v ssa.Value, depth int) bool {
	if depth > 12 {
		return false
	}
	switch x := v.(type) {
	case *ssa.Parameter:
		return true
	case *ssa.UnOp:
		return ofParameter(x.X, depth+1)
	case *ssa.FieldAddr:
		return ofParameter(x.X, depth+1)
	case *ssa.TypeAssert:
		return ofParameter(x.X, depth+1)
	case *ssa.Extract:
		return ofParameter(x.Tuple, depth+1)
	case *ssa.MakeInterface:
		return ofParameter(x.X, depth+1)
	}
	return false
}
