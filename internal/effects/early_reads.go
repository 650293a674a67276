// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// EarlyRead is a read from a cache that is made while the process is set up, before the cache is started.
type EarlyRead struct {
	Read *Event
	// At is the read, or the call that leads to it, in the function that starts the cache later.
	At ssa.CallInstruction
	// Start is the call that starts the cache, or the manager that holds it.
	Start ssa.CallInstruction
	// Go is the statement that starts the goroutine of the read, nil where the read is made before the start for certain.
	Go *ssa.Go
	// Because says where the client was made.
	Because string
}

// EarlyReads returns the reads from a cache that can only run before its start, in source order.
func (e *Effects) EarlyReads() []EarlyRead {
	var out []EarlyRead
	for fn := range e.reviewed() {
		for _, ev := range e.Events(fn) {
			site, ok := ev.Origin.(ssa.CallInstruction)
			if ev.Kind != Read || ev.At != ev.Origin || !ok {
				continue
			}
			fresh, because := e.Freshness(ev)
			if fresh != program.Cached || !e.leadByMain(fn) {
				continue // the server is asked, or something that runs later leads here as well
			}
			if at, start := e.beforeStart(nil, site); start != nil {
				out = append(out, EarlyRead{Read: ev, At: at, Start: start, Because: because, Go: e.goneTo(site, 0)})
			}
		}
	}
	return out
}

// leadByMain tells whether nothing but main leads to a function, in whatever goroutine.
func (e *Effects) leadByMain(fn *ssa.Function) bool {
	entries := e.Program.EntriesOf(fn)
	return len(entries) > 0 && !slices.ContainsFunc(entries, func(en *program.Entry) bool { return en.Kind != program.EntryMain && en.Kind != program.EntryTest })
}

// setupDepth bounds the calls between main and a read.
const setupDepth = 6

// beforeStart climbs from a call to the function that starts a cache, and returns the call there with the start that
// comes after it. All ways up must agree.
func (e *Effects) beforeStart(below []ssa.CallInstruction, site ssa.CallInstruction) (at, start ssa.CallInstruction) {
	if _, deferred := site.(*ssa.Defer); deferred || len(below) > setupDepth {
		return nil, nil
	}
	fn := site.Parent()
	for other := range program.Sites(fn) {
		if other == site || !e.starts(other) {
			continue
		}
		if MayPrecede(other, site) {
			return nil, nil // what was started before, perhaps on its own goroutine
		}
		if start == nil && startsManager(other) && MayPrecede(site, other) {
			start = other
		}
	}
	if start != nil {
		return site, start
	}
	path := slices.Concat(below, []ssa.CallInstruction{site})
	for _, edge := range e.Program.Callers(fn) {
		if _, goes := edge.Site.(*ssa.Go); edge.Arg >= 0 || edge.How == program.Starts && (!goes || slices.ContainsFunc(path, e.takesItsTime)) {
			return nil, nil // a library decides when, or the goroutine waits for something first
		}
		a, s := e.beforeStart(path, edge.Site)
		if s == nil || at != nil && a != at {
			return nil, nil
		}
		at, start = a, s
	}
	return at, start
}

// goneTo returns the go statement on the only way up to main from a call; nil if there is none.
func (e *Effects) goneTo(site ssa.CallInstruction, depth int) *ssa.Go {
	for _, edge := range e.Program.Callers(site.Parent()) {
		if started, ok := edge.Site.(*ssa.Go); ok {
			return started
		}
		if depth < setupDepth {
			return e.goneTo(edge.Site, depth+1)
		}
	}
	return nil
}

// takesItsTime tells whether a goroutine waits before a call, or makes it again and again: the cache may have been started by then.
func (e *Effects) takesItsTime(site ssa.CallInstruction) bool {
	if InLoop(site) {
		return true
	}
	work := e.Work()
	for _, b := range site.Parent().Blocks {
		for _, instr := range b.Instrs {
			if instr == site || !MayPrecede(instr, site) {
				continue
			}
			call, ok := instr.(ssa.CallInstruction)
			if awaitsChannel(instr) || ok && (work.At(call) != NoWork || work.Through(call) != nil || waitsInCall(call)) {
				return true
			}
		}
	}
	return false
}

// waitsInCall knows calls that wait by their names: Sleep, Wait, WaitForCacheSync, Poll.
func waitsInCall(site ssa.CallInstruction) bool {
	t := program.Target(site)
	return t != nil && (t.Name() == "Sleep" || strings.HasPrefix(t.Name(), "Wait") || strings.HasPrefix(t.Name(), "Poll") || t.Name() == "Lock")
}

// starts tells whether a call, or what it runs, starts a cache or waits for one.
func (e *Effects) starts(site ssa.CallInstruction) bool {
	seen := make(map[*ssa.Function]bool)
	var visit func(site ssa.CallInstruction) bool
	visit = func(site ssa.CallInstruction) bool {
		if startsManager(site) || startsCache(site) {
			return true
		}
		for _, edge := range e.Program.Callees(site) {
			if seen[edge.Callee] {
				continue
			}
			seen[edge.Callee] = true
			for inner := range program.Sites(edge.Callee) {
				if visit(inner) {
					return true
				}
			}
		}
		return false
	}
	return visit(site)
}

// startsManager recognises Start of controller-runtime's managers and clusters, which starts their caches and returns when
// all is over.
// Source: controller-runtime, manager.Manager and cluster.Cluster.
func startsManager(site ssa.CallInstruction) bool {
	target, recv := program.Target(site), program.Receiver(site)
	if target == nil || recv == nil || target.Name() != "Start" {
		return false
	}
	return program.IsNamed(recv.Type(), "sigs.k8s.io/controller-runtime/pkg/manager", "Manager") ||
		program.IsNamed(recv.Type(), "sigs.k8s.io/controller-runtime/pkg/cluster", "Cluster")
}

// startsCache recognises what starts informers on their own, or waits for them.
func startsCache(site ssa.CallInstruction) bool {
	target := program.Target(site)
	if target == nil || target.Pkg() == nil {
		return false
	}
	switch target.Name() {
	case "WaitForCacheSync", "WaitForNamedCacheSync", "WaitForCacheSyncWithContext":
		return true
	case "Start", "Run", "StartWithContext", "RunWithContext":
		row := program.Model(site)
		path := target.Pkg().Path()
		return row != nil && row.Effect == kube.SpawnGoroutine || path == "sigs.k8s.io/controller-runtime/pkg/cache" || path == "k8s.io/client-go/tools/cache"
	}
	return false
}
