// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// DiscardedContext is a derived context that nobody uses: what it was derived for is not in force.
type DiscardedContext struct {
	Made *ssa.Call
	// Deadline is set where it has one, and not only a value.
	Deadline bool
}

// DiscardedContexts returns the contexts that a function derives and throws away: those with a deadline, and those that are
// all that a library's function returns, such as the ones that carry a logger.
func (e *Effects) DiscardedContexts(fn *ssa.Function) []DiscardedContext {
	var out []DiscardedContext
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok || ContextArgument(call) == nil {
			continue
		}
		deadline := derives(call) && setsDeadline(call)
		if !deadline && !e.onlyDerives(call) {
			continue
		}
		if !isUsed(tupleElement(call, 0)) {
			out = append(out, DiscardedContext{call, deadline})
		}
	}
	return out
}

// onlyDerives tells whether a call of a library's function has no other purpose than the context that it returns: by its
// name it puts something into one, and it returns nothing else.
func (e *Effects) onlyDerives(call *ssa.Call) bool {
	pkg, name := calledFunction(call)
	results := call.Call.Signature().Results()
	return pkg != nil && !e.Program.OwnPackage(pkg) && results.Len() == 1 && isContextType(results.At(0).Type()) && putsInto(name)
}

// calledFunction returns the package and the name of the function that a call names, or of the package's variable that holds
// it; nil for methods and for other values.
func calledFunction(call *ssa.Call) (*types.Package, string) {
	if target := program.Target(call); target != nil && target.Signature().Recv() == nil {
		return target.Pkg(), target.Name()
	}
	if load, ok := call.Call.Value.(*ssa.UnOp); ok {
		if variable, ok := load.X.(*ssa.Global); ok && variable.Pkg != nil {
			return variable.Pkg.Pkg, variable.Name()
		}
	}
	return nil, ""
}

// putsInto tells by its name whether a function puts a value into a context.
func putsInto(name string) bool {
	for _, suffix := range []string{"Into", "IntoContext", "NewContext", "OutgoingContext"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return strings.HasPrefix(name, "With") || strings.HasPrefix(name, "ContextWith")
}
