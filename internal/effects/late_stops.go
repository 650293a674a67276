// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// LateStop is a server whose stop is deferred behind the wait for the goroutine that it serves in: the wait needs the stop,
// and the stop comes when the wait is over.
type LateStop struct {
	Serve, Wait ssa.CallInstruction
	Stop        *ssa.Defer
}

// LateStops returns the servers of a function that are stopped too late, in order of the deferred stops.
func (e *Effects) LateStops(fn *ssa.Function) []LateStop {
	var out []LateStop
	for site := range program.Sites(fn) {
		stop, ok := site.(*ssa.Defer)
		if !ok || !stops(program.Target(stop)) || program.Receiver(stop) == nil {
			continue
		}
		server := append(aliases(program.Receiver(stop)), Receivers(program.Receiver(stop))...)
		serve := servedInGroup(fn, server)
		if serve == nil || stoppedElsewhere(fn, server, stop) {
			continue // nobody waits for it; or something stops it in time
		}
		if wait := waitFor(fn, serve, stop); wait != nil {
			out = append(out, LateStop{serve, wait, stop})
		}
	}
	return out
}

// servedInGroup returns the call by which a group starts a server that runs until it is stopped: group.Go(server.ListenAndServe).
func servedInGroup(fn *ssa.Function, server []ssa.Value) ssa.CallInstruction {
	for site := range program.Sites(fn) {
		target, recv := program.Target(site), program.Receiver(site)
		if target == nil || recv == nil || target.Name() != "Go" || !isGroupType(recv.Type()) || len(site.Common().Args) == 0 {
			continue
		}
		body, ok := site.Common().Args[len(site.Common().Args)-1].(*ssa.MakeClosure)
		if ok && serves(body, server) {
			return site
		}
	}
	return nil
}

// serves tells whether a closure is, or calls, the method by which a server serves.
func serves(body *ssa.MakeClosure, server []ssa.Value) bool {
	fn := body.Fn.(*ssa.Function)
	for i, bound := range body.Bindings {
		if !slices.Contains(server, bound) {
			continue
		}
		for site := range program.Sites(fn) {
			target := program.Target(site)
			if target == nil || target.Name() != "ListenAndServe" && target.Name() != "ListenAndServeTLS" && target.Name() != "Serve" {
				continue
			}
			if recv := program.Receiver(site); isFree(recv, fn.FreeVars[i]) || recv == nil && slices.Contains(site.Common().Args, ssa.Value(fn.FreeVars[i])) {
				return true
			}
		}
	}
	return false
}

// stoppedElsewhere tells whether anything else in a function, or in a closure that it makes, may stop a server: it calls its
// stop, or is given the server.
func stoppedElsewhere(fn *ssa.Function, server []ssa.Value, stop *ssa.Defer) bool {
	for _, name := range server {
		for _, ref := range refs(name) {
			switch x := ref.(type) {
			case ssa.CallInstruction:
				if x != ssa.CallInstruction(stop) && (program.Receiver(x) != name || stops(program.Target(x))) {
					return true
				}
			case *ssa.MakeClosure:
				if !serves(x, server) || closureStopsAny(x) {
					return true
				}
			case *ssa.Store:
				if _, local := x.Addr.(*ssa.Alloc); x.Val == name && !local {
					return true
				}
			case *ssa.Return, *ssa.MapUpdate, *ssa.Send:
				return true
			}
		}
	}
	return false
}

// closureStopsAny tells whether a closure calls the stop of anything.
func closureStopsAny(closure *ssa.MakeClosure) bool {
	for site := range program.Sites(closure.Fn.(*ssa.Function)) {
		if stops(program.Target(site)) {
			return true
		}
	}
	return false
}

// waitFor returns the wait for a group that every way passes between the deferred stop and its run, or nil.
func waitFor(fn *ssa.Function, serve ssa.CallInstruction, stop *ssa.Defer) ssa.CallInstruction {
	group := append(aliases(program.Receiver(serve)), Receivers(program.Receiver(serve))...)
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if !ok {
			continue
		}
		target := program.Target(call)
		if target != nil && target.Name() == "Wait" && slices.Contains(group, program.Receiver(call)) && Before(stop, call) && After(serve, call) {
			return call
		}
	}
	return nil
}
