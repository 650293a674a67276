// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// EmptyWaits returns the calls of own code that wait until caches have synced, and name none: they return at once. In source
// order.
func (e *Effects) EmptyWaits() []*ssa.Call {
	var out []*ssa.Call
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			call, ok := site.(*ssa.Call)
			t := program.Target(site)
			if !ok || t == nil || t.Pkg() == nil || kubePath(t.Pkg().Path()) != toolsCachePath || !t.Signature().Variadic() {
				continue
			}
			switch t.Name() {
			case "WaitForCacheSync", "WaitForNamedCacheSync", "WaitForNamedCacheSyncWithContext", "WaitFor":
				if list := call.Call.Args[len(call.Call.Args)-1]; program.IsNil(list) {
					out = append(out, call)
				}
			}
		}
	}
	return out
}

// LateInformer is an informer that is asked of a factory after the factory was started, or of one that never is: nothing starts it.
type LateInformer struct {
	// Ask is the call of Informer or Lister, Start the start before it; nil where there is none.
	Ask, Start *ssa.Call
	// What spells the informer, such as Core().V1().Pods().
	What string
}

// LateInformers returns these informers, in source order: factories start what was asked of them by then.
func (e *Effects) LateInformers() []LateInformer {
	var out []LateInformer
	for fn := range e.reviewed() {
		starts := factoryStarts(fn)
		for site := range program.Sites(fn) {
			ask, ok := site.(*ssa.Call)
			if !ok {
				continue
			}
			factory, what := askedOf(ask)
			if factory == nil || runByHand(ask, 0) {
				continue
			}
			if start := e.onlyStartedBefore(fn, starts, ask, factory); start != nil && !askedEarlier(fn, start, factory, what) {
				out = append(out, LateInformer{Ask: ask, Start: start, What: what})
			} else if neverStarted(fn, starts, ask, factory) {
				out = append(out, LateInformer{Ask: ask, What: what})
			}
		}
	}
	return out
}

// factoryStarts returns the starts of shared informer factories in a function.
func factoryStarts(fn *ssa.Function) []*ssa.Call {
	var out []*ssa.Call
	for site := range program.Sites(fn) {
		call, ok := site.(*ssa.Call)
		if t := program.Target(site); ok && t != nil && t.Name() == "Start" && isFactory(program.Receiver(site)) {
			out = append(out, call)
		}
	}
	return out
}

// isFactory knows the factories that informer-gen makes.
func isFactory(v ssa.Value) bool {
	if v == nil {
		return false
	}
	named := program.Named(v.Type())
	return named != nil && slices.Contains([]string{"SharedInformerFactory", "DynamicSharedInformerFactory"}, named.Obj().Name())
}

// askedOf returns the factory that an informer or lister is asked of, and how it is spelled.
func askedOf(ask *ssa.Call) (factory ssa.Value, what string) {
	t := program.Target(ask)
	if t == nil || t.Name() != "Informer" && t.Name() != "Lister" {
		return nil, ""
	}
	v := program.Receiver(ask)
	for range 4 {
		call, ok := v.(*ssa.Call)
		if !ok {
			return nil, ""
		}
		t, recv := program.Target(call), program.Receiver(call)
		if t == nil || recv == nil {
			return nil, ""
		}
		if what = t.Name() + "()." + what; isFactory(recv) {
			return recv, what
		}
		v = recv
	}
	return nil, ""
}

// runByHand tells whether an informer is started by its own Run, or given to somebody who may.
func runByHand(ask *ssa.Call, depth int) bool {
	if program.Target(ask).Name() == "Lister" {
		return false
	}
	return slices.ContainsFunc(refs(ask), func(ref ssa.Instruction) bool {
		site, ok := ref.(ssa.CallInstruction)
		if !ok {
			return true // kept for later
		}
		t := program.Target(site)
		return t == nil || program.Receiver(site) != ask || t.Name() == "Run" || t.Name() == "RunWithContext"
	})
}

// onlyStartedBefore returns the start of a factory on each way to an ask, when it is not started again and nobody else may do so.
func (e *Effects) onlyStartedBefore(fn *ssa.Function, starts []*ssa.Call, ask *ssa.Call, factory ssa.Value) *ssa.Call {
	var before *ssa.Call
	for _, start := range starts {
		switch recv := program.Receiver(start); {
		case !e.sameTime(recv, factory):
			continue
		case MayPrecede(ask, start):
			return nil
		case MustPrecede(start, ask):
			before = start
		}
	}
	if before == nil || handsFactoryOn(factory) {
		return nil
	}
	return before
}

// handsFactoryOn tells whether a factory is no local variable of the function, or is given to anybody.
func handsFactoryOn(factory ssa.Value) bool {
	call, ok := factory.(*ssa.Call)
	if !ok {
		return true // a field or a parameter: others may start it again
	}
	return slices.ContainsFunc(refs(call), func(ref ssa.Instruction) bool {
		site, ok := ref.(ssa.CallInstruction)
		return !ok || program.Receiver(site) != call
	})
}

// neverStarted tells whether a lister is asked of a factory that the function makes for itself, and that nothing starts, nor any of its
// informers.
func neverStarted(fn *ssa.Function, starts []*ssa.Call, lister *ssa.Call, factory ssa.Value) bool {
	if program.Target(lister).Name() != "Lister" || !newFactory(factory) || handsFactoryOn(factory) {
		return false
	}
	if slices.ContainsFunc(starts, func(start *ssa.Call) bool { return program.Receiver(start) == factory }) {
		return false
	}
	for site := range program.Sites(fn) {
		if ask, ok := site.(*ssa.Call); ok {
			if other, _ := askedOf(ask); other == factory && runByHand(ask, 0) {
				return false
			}
		}
	}
	return true
}

// newFactory tells whether a factory comes fresh from one of the functions that informer-gen writes, not from somebody who keeps it.
func newFactory(v ssa.Value) bool {
	call, ok := v.(*ssa.Call)
	if !ok || call.Call.IsInvoke() {
		return false
	}
	t := program.Target(call)
	return t != nil && t.Signature().Recv() == nil && strings.HasPrefix(t.Name(), "New")
}

// askedEarlier tells whether the same informer was asked of the factory before its start.
func askedEarlier(fn *ssa.Function, start *ssa.Call, factory ssa.Value, what string) bool {
	for site := range program.Sites(fn) {
		ask, ok := site.(*ssa.Call)
		if !ok || !MayPrecede(ask, start) {
			continue
		}
		if other, spelled := askedOf(ask); other == factory && spelled == what {
			return true
		}
	}
	return false
}
