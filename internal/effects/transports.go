// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LostTransports returns the HTTP transports that fn makes for its own requests and drops with their idle connections:
// these stay open, with two goroutines each, until the other side closes them, because nothing bounds their age.
// https://pkg.go.dev/net/http#Transport
func LostTransports(fn *ssa.Function) []*ssa.Alloc {
	var out []*ssa.Alloc
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			made, ok := instr.(*ssa.Alloc)
			if !ok || !program.IsNamed(made.Type(), "net/http", "Transport") || boundsIdle(made) {
				continue
			}
			if sends, lost := dropped(made); sends && lost {
				out = append(out, made)
			}
		}
	}
	return out
}

// boundsIdle tells whether a transport is told what to do with its idle connections.
func boundsIdle(transport *ssa.Alloc) bool {
	return setsField("DisableKeepAlives", transport) || setsField("IdleConnTimeout", transport) || setsField("MaxIdleConnsPerHost", transport)
}

// dropped tells whether a client of the transport sends requests in the function, and whether neither leaves it nor has its
// idle connections closed.
func dropped(transport *ssa.Alloc) (sends, lost bool) {
	names := aliases(transport)
	for i := 0; i < len(names); i++ {
		for _, ref := range refs(names[i]) {
			switch x := ref.(type) {
			case *ssa.Store:
				client := clientWith(x, names[i])
				if client == nil && keepsName(x, names[i]) {
					return sends, false
				}
				if client == nil {
					continue // a variable, or something stored in the transport
				}
				for _, alias := range aliases(client) {
					if !slices.Contains(names, alias) {
						names = append(names, alias)
					}
				}
			case *ssa.Return, *ssa.MakeClosure, *ssa.MapUpdate, *ssa.Send:
				return sends, false
			case ssa.CallInstruction:
				if program.Receiver(x) != names[i] {
					return sends, false // given to somebody who may keep it
				}
				switch program.Target(x).Name() {
				case "Do", "Get", "Post", "PostForm", "RoundTrip":
					sends = true
				case "CloseIdleConnections":
					return sends, false
				}
			}
		}
	}
	return sends, true
}

// clientWith returns the local client in whose field a transport is stored, or nil.
func clientWith(store *ssa.Store, transport ssa.Value) ssa.Value {
	field, ok := store.Addr.(*ssa.FieldAddr)
	if !ok || store.Val != transport || !program.IsNamed(field.X.Type(), "net/http", "Client") {
		return nil
	}
	client, ok := field.X.(*ssa.Alloc)
	if !ok {
		return nil
	}
	return client
}
