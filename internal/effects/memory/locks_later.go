// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
)

// optionTypes are the types of options that libraries keep functions in, by package.
var optionTypes = map[string][]string{
	"google.golang.org/grpc": {"ServerOption", "DialOption"},
}

// runsLater tells whether a call does not run what it is given before it returns: a goroutine does, or the function that
// is returned, or it is an option.
func runsLater(e program.Edge) bool {
	if e.How != program.PassesTo {
		return e.How == program.Starts
	}
	if target := program.Target(e.Site); target != nil && target.Name() == "AfterFunc" {
		return true // of a clock: a timer runs it, in a goroutine
	}
	results := e.Site.Common().Signature().Results()
	if results.Len() != 1 {
		return false
	}
	if _, wraps := results.At(0).Type().Underlying().(*types.Signature); wraps {
		return true
	}
	named := program.Named(results.At(0).Type())
	return named != nil && named.Obj().Pkg() != nil && slices.Contains(optionTypes[named.Obj().Pkg().Path()], named.Obj().Name())
}
