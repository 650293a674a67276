// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// plainTransport tells whether all that a client's Transport can be is a transport of package net/http that waits for an
// answer as long as the default one: without end. Others may bound the call.
func (e *Effects) plainTransport(client []ssa.Value) bool {
	for _, store := range storesOfField("Transport", client) {
		if !e.endlessTransport(store.Val) {
			return false
		}
	}
	return true
}

// endlessTransport tells whether a value is a literal of http.Transport, or a copy of the default one, that sets neither a
// timeout for the answer nor a way of its own to connect.
func (e *Effects) endlessTransport(v ssa.Value) bool {
	if made, ok := v.(*ssa.MakeInterface); ok {
		v = made.X
	}
	if !program.IsNamed(v.Type(), "net/http", "Transport") {
		return false // a round tripper of one's own
	}
	srcs := e.Program.Sources(v)
	return len(srcs.Values) > 0 && !srcs.Partial && !slices.ContainsFunc(srcs.Values, func(src ssa.Value) bool {
		switch x := src.(type) {
		case *ssa.Alloc:
			places, whole := placesOf(x)
			return !whole || boundsTransport(places)
		case *ssa.Call:
			return !copiesDefault(x) || boundsTransport([]ssa.Value{x})
		}
		return true
	})
}

// boundsTransport tells whether something is set in a transport that may end the wait for an answer. A net.Dialer is none
// of that: its timeout is over with the connection.
func boundsTransport(transport []ssa.Value) bool {
	for _, name := range []string{"ResponseHeaderTimeout", "Dial", "DialTLS", "DialTLSContext"} {
		if setsField(name, transport...) {
			return true
		}
	}
	return slices.ContainsFunc(storesOfField("DialContext", transport), func(store *ssa.Store) bool { return !isDialer(store.Val) })
}

func isDialer(dial ssa.Value) bool {
	closure, ok := dial.(*ssa.MakeClosure)
	return ok && len(closure.Bindings) == 1 && program.IsNamed(closure.Bindings[0].Type(), "net", "Dialer")
}

// copiesDefault tells whether a call is http.DefaultTransport.(*http.Transport).Clone().
func copiesDefault(call *ssa.Call) bool {
	target := program.Target(call)
	if target == nil || target.Pkg() == nil || target.Pkg().Path() != "net/http" || target.Name() != "Clone" {
		return false
	}
	assert, ok := program.Receiver(call).(*ssa.TypeAssert)
	return ok && !types.IsInterface(assert.AssertedType) && isGlobal(assert.X, "net/http", "DefaultTransport")
}
