// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// closesLater tells whether a channel is a part of something that a function stops when it leaves, and not before: the
// events of a library's watcher, whose Close it defers.
func closesLater(fn *ssa.Function, ch ssa.Value) bool {
	load, ok := ch.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return false
	}
	field, ok := load.X.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	deferred := false
	for site := range program.Sites(fn) {
		switch x := site.(type) {
		case *ssa.Defer:
			deferred = deferred || stopsA(field.X.Type(), x)
		case *ssa.Call:
			if recv := program.Receiver(x); recv != nil && types.Identical(recv.Type(), field.X.Type()) && stops(program.Target(x)) {
				return false // on some way it does so earlier
			}
		}
	}
	return deferred
}

// stopsA tells whether a deferred call stops something of a type: itself, or as the closure that is deferred.
func stopsA(t types.Type, d *ssa.Defer) bool {
	stopped := func(site ssa.CallInstruction) bool {
		recv := program.Receiver(site)
		return recv != nil && types.Identical(recv.Type(), t) && stops(program.Target(site))
	}
	if stopped(d) {
		return true
	}
	var body *ssa.Function
	switch f := d.Call.Value.(type) {
	case *ssa.Function:
		body = f
	case *ssa.MakeClosure:
		body = f.Fn.(*ssa.Function)
	}
	if body == nil {
		return false
	}
	for site := range program.Sites(body) {
		if stopped(site) {
			return true
		}
	}
	return false
}
