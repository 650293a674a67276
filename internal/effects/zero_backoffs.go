// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ZeroBackoff is a back-off of which the field that makes it one is left out where it is written down.
type ZeroBackoff struct {
	// Literal is where it is written, Use the call that it is given to.
	Literal *ssa.Alloc
	Use     ssa.CallInstruction
	// Type and Field say what is left out: Backoff of a ConnectParams, Steps or Duration of a Backoff.
	Type, Field string
}

const retryPath = "k8s.io/client-go/util/retry"

// ZeroBackoffs returns these of own code, in source order.
func (e *Effects) ZeroBackoffs() []ZeroBackoff {
	var out []ZeroBackoff
	for fn := range e.reviewed() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if literal, ok := instr.(*ssa.Alloc); ok {
					if z, zero := zeroBackoff(literal); zero {
						out = append(out, z)
					}
				}
			}
		}
	}
	return out
}

// zeroBackoff looks at a variable of which single fields are set and that is given to nobody but a call by value.
func zeroBackoff(v *ssa.Alloc) (ZeroBackoff, bool) {
	elem := v.Type().Underlying().(*types.Pointer).Elem()
	var needed []string
	switch {
	case program.IsNamed(elem, "google.golang.org/grpc", "ConnectParams"):
		needed = []string{"Backoff"}
	case program.IsNamed(elem, waitPath, "Backoff"):
		needed = []string{"Steps", "Duration"}
	default:
		return ZeroBackoff{}, false
	}
	set, use := fieldsAndUse(v)
	if len(set) == 0 || use == nil {
		return ZeroBackoff{}, false
	}
	for _, field := range needed {
		if !slices.Contains(set, field) {
			return ZeroBackoff{Literal: v, Use: use, Type: program.Named(elem).Obj().Name(), Field: field}, true
		}
	}
	return ZeroBackoff{}, false
}

// fieldsAndUse returns the fields that are set one by one and the call that the whole is given to; no use where it is set as a whole, its
// address goes away, or it is given to anything that does not take it for its back-off.
func fieldsAndUse(v *ssa.Alloc) (set []string, use ssa.CallInstruction) {
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.DebugRef:
		case *ssa.FieldAddr:
			name, _ := fieldOf(x.X.Type(), x.Field)
			set = append(set, name)
		case *ssa.UnOp:
			for _, given := range refs(x) {
				site, ok := given.(ssa.CallInstruction)
				if !ok || !takesBackoff(site) || use != nil {
					return nil, nil
				}
				use = site
			}
		default:
			return nil, nil
		}
	}
	return set, use
}

// takesBackoff knows the calls that try again as a back-off says: those of package retry and the exponential ones of package wait, and
// the option of gRPC's connections.
// Source: k8s.io/apimachinery, wait.ExponentialBackoff; google.golang.org/grpc, WithConnectParams.
func takesBackoff(site ssa.CallInstruction) bool {
	t := program.Target(site)
	if t == nil || t.Pkg() == nil {
		return false
	}
	switch t.Pkg().Path() {
	case retryPath:
		return true
	case waitPath:
		return slices.Contains([]string{"ExponentialBackoff", "ExponentialBackoffWithContext"}, t.Name())
	case "google.golang.org/grpc":
		return t.Name() == "WithConnectParams"
	}
	return false
}
