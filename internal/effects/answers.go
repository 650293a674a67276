// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// ReachesAnswer tells whether the NotFound of a read in fn comes up to an entry point of a kind: fn is one itself, or the
// error is neither dropped nor asked for what it is on some way there.
func (e *Effects) ReachesAnswer(fn *ssa.Function, kind program.EntryKind) bool {
	if en := e.entryOf(fn); en != nil && en.Kind == kind {
		return true
	}
	for _, edge := range e.Program.Callers(fn) {
		if e.Program.InTest(edge.Caller()) {
			continue
		}
		for _, fate := range e.ErrorFates(edge.Site) {
			if fate.Entry != nil && fate.Entry.Kind == kind && !slices.ContainsFunc(fate.Path, e.asksWhetherMissing) {
				return true
			}
		}
	}
	return false
}

func (e *Effects) asksWhetherMissing(site ssa.CallInstruction) bool {
	call, ok := site.(*ssa.Call)
	if !ok {
		return false
	}
	_, filtered := e.notFoundTest(call)
	return filtered
}

// ThereBefore tells whether what a read asks for must have been there for a while when somebody can ask for it: the object
// that a request names, outside of its creation, and objects that controllers make under names that nobody knows before.
func (e *Effects) ThereBefore(r Refusal) bool {
	if k, ok := kube.KindOf(r.Read.Type); ok && k.BuiltIn() && madeByControllers[k.Name] {
		return true
	}
	fn := r.Read.Func()
	if site, ok := r.Read.Origin.(ssa.CallInstruction); ok {
		if key := program.Argument(site, r.Read.Call.Key); key != nil && namesRequested(e.DepsOf(fn, key)) {
			return true
		}
	}
	entries := e.Program.EntriesOf(fn)
	for _, en := range entries {
		name := en.Func.Name()
		if en.Kind == program.EntryWebhook && name != "ValidateUpdate" && name != "ValidateDelete" {
			return false
		}
	}
	return len(entries) > 0
}

// madeByControllers are built-in kinds whose objects get their names from the controller that makes them.
var madeByControllers = map[string]bool{"ControllerRevision": true, "ReplicaSet": true, "EndpointSlice": true, "Event": true}

// namesRequested tells whether a key is made of the name in an admission request, or in the subresource that it changes.
func namesRequested(d Deps) bool {
	for _, p := range d.Places {
		named := program.Named(p.Root.Type())
		if named == nil || named.Obj().Pkg() == nil {
			continue
		}
		switch named.Obj().Pkg().Path() {
		case "k8s.io/api/autoscaling/v1": // a Scale has the name of the object that it is a part of
			if path := concat(p.Base, p.Path); named.Obj().Name() == "Scale" && strings.HasSuffix(path, "Name") {
				return true
			}
		case "sigs.k8s.io/controller-runtime/pkg/webhook/admission", "k8s.io/api/admission/v1", "k8s.io/api/admission/v1beta1":
			if path := concat(p.Base, p.Path); path == "Name" || strings.HasSuffix(path, ".Name") {
				return true
			}
		}
	}
	return false
}
