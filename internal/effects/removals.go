// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Removal is the removal of files because a cache does not have an object.
type Removal struct {
	Read *Event
	Kind kube.Kind
	// Because says where the client was made.
	Because string
	// Remove is the call that takes the files away.
	Remove ssa.CallInstruction
}

// Removals returns the files that are removed on the word of a cache, in source order. A read from the API server on the way
// confirms that the object is gone.
func (e *Effects) Removals() []Removal {
	var out []Removal
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if !removesFiles(site) || e.temporary(fn, site) {
				continue
			}
			if r, ok := e.removal(fn, site); ok {
				out = append(out, r)
			}
		}
	}
	return out
}

func removesFiles(site ssa.CallInstruction) bool {
	t := program.Target(site)
	return t != nil && t.Pkg() != nil && t.Pkg().Path() == "os" && (t.Name() == "RemoveAll" || t.Name() == "Remove")
}

// temporary tells whether the files were made for a moment by the function that removes them.
func (e *Effects) temporary(fn *ssa.Function, site ssa.CallInstruction) bool {
	return slices.ContainsFunc(e.DepsOf(fn, program.Argument(site, 0)).Calls, func(call *ssa.Call) bool {
		t := program.Target(call)
		return t != nil && t.Pkg() != nil && t.Pkg().Path() == "os" && (t.Name() == "MkdirTemp" || t.Name() == "CreateTemp")
	})
}

// removal finds the cached read whose NotFound leads to a removal.
func (e *Effects) removal(fn *ssa.Function, site ssa.CallInstruction) (Removal, bool) {
	for _, ev := range e.Events(fn) {
		call, ok := ev.Origin.(*ssa.Call)
		if ev.Kind != Read || ev.At != ev.Origin || !ok || !onlyWhenMissing(errorResult(call), site.Block()) {
			continue
		}
		kind, known := kube.KindOf(ev.Type)
		fresh, because := e.Freshness(ev)
		if !known || kind.List || fresh != program.Cached || e.confirmed(fn, ev, kind, site) {
			continue
		}
		return Removal{Read: ev, Kind: kind, Because: because, Remove: site}, true
	}
	return Removal{}, false
}

// onlyWhenMissing tells whether a block runs only when the error is NotFound.
func onlyWhenMissing(err ssa.Value, b *ssa.BasicBlock) bool { return onlyWhen("IsNotFound", err, b) }

// onlyWhen tells whether a block runs only when a test of the library of API errors says yes to an error.
func onlyWhen(name string, err ssa.Value, b *ssa.BasicBlock) bool {
	return err != nil && slices.ContainsFunc(Conditions(b), func(branch *ssa.If) bool {
		test, ok := branch.Cond.(*ssa.Call)
		if !ok {
			return false
		}
		t := program.Target(test)
		yes := branch.Block().Succs[0]
		return t != nil && t.Name() == name && t.Pkg() != nil && t.Pkg().Path() == "k8s.io/apimachinery/pkg/api/errors" && takes(test, err) &&
			(yes == b || yes.Dominates(b))
	})
}

// confirmed tells whether an object of the kind is read from elsewhere than the cache before the removal.
func (e *Effects) confirmed(fn *ssa.Function, read *Event, kind kube.Kind, site ssa.CallInstruction) bool {
	return slices.ContainsFunc(e.Events(fn), func(ev *Event) bool {
		if ev == read || ev.Kind != Read || !MayPrecede(ev.At, site) {
			return false
		}
		k, known := kube.KindOf(ev.Type)
		fresh, _ := e.Freshness(ev)
		return fresh != program.Cached && (!known || k.Same(kind))
	})
}
