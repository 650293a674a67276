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

// dropped tells whether a client of the transport sends requests in the function and reads an answer, and whether neither
// leaves it nor has its idle connections closed.
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
					sends = sends || readsBody(x)
				case "CloseIdleConnections":
					return sends, false
				}
			}
		}
	}
	return sends, true
}

// readsBody tells whether the body of the answer to a request is read, as far as the function shows. One that is closed
// unread takes its connection with it (net/http, Transport: an early close).
func readsBody(request ssa.CallInstruction) bool {
	value := request.Value()
	return value == nil || readsPart(value, 0)
}

func readsPart(v ssa.Value, depth int) bool {
	if depth > 6 {
		return true
	}
	for _, ref := range refs(v) {
		switch x := ref.(type) {
		case *ssa.Extract:
			if x.Index == 0 && readsPart(x, depth+1) {
				return true
			}
		case *ssa.FieldAddr:
			if fieldNameAt(x.X.Type(), x.Field) == "Body" && readsPart(x, depth+1) {
				return true
			}
		case *ssa.UnOp:
			if readsPart(x, depth+1) {
				return true
			}
		case *ssa.Store:
			if x.Val == v && (!isLocal(x.Addr) || readsPart(x.Addr, depth+1)) {
				return true
			}
		case *ssa.MakeClosure:
			for i, b := range x.Bindings {
				if b == v && readsPart(x.Fn.(*ssa.Function).FreeVars[i], depth+1) {
					return true
				}
			}
		case ssa.CallInstruction:
			target := program.Target(x)
			if program.Receiver(x) != v || target == nil || target.Name() != "Close" {
				return true
			}
		case *ssa.BinOp, *ssa.DebugRef:
		default:
			return true
		}
	}
	return false
}

func isLocal(addr ssa.Value) bool {
	_, ok := addr.(*ssa.Alloc)
	return ok
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
