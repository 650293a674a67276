// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

const runtimePkg = "sigs.k8s.io/controller-runtime/pkg/"

// ofWatch tells whether a row of the model hands a callback to the watch of a controller: handlers, predicates and map
// functions of controller-runtime, but not what is added to an informer or to an index.
func ofWatch(row *kube.Call) bool {
	if row.Effect == kube.RegisterSource {
		return true
	}
	pkg, ok := strings.CutPrefix(row.Pkg, runtimePkg)
	return ok && row.Effect == kube.InformerHandler && slices.Contains([]string{"handler", "predicate", "source"}, pkg)
}

// watchDomains says where the callbacks of watches run: a controller starts its sources when it starts itself
// (pkg/internal/controller of controller-runtime), so they run where its reconciler does. Only a controller that warms
// up (EnableWarmup, since v0.21) starts them before the election.
func (f *finder) watchDomains() {
	if f.warmsUp() {
		return
	}
	var controllers []*Entry
	for _, e := range f.found {
		if e.Kind == EntryReconcile && e.Manager != nil {
			controllers = append(controllers, e)
		}
	}
	slices.SortFunc(controllers, func(a, b *Entry) int { return f.p.comparePos(a.Func.Pos(), b.Func.Pos()) })
	for _, e := range f.found {
		if e.watch == nil || e.Domain != EveryReplica {
			continue
		}
		near := controllersNear(controllers, e.watch)
		elected := func(c *Entry) bool { return c.Domain == LeaderOnly }
		if len(near) > 0 && !slices.ContainsFunc(near, func(c *Entry) bool { return !elected(c) }) {
			e.Domain, e.Because = LeaderOnly, "runs once its controller has started, whose "+Name(near[0].Func)+" "+near[0].Because
		}
	}
}

// controllersNear returns the controllers that a function sets up, else those of its package, else all.
func controllersNear(all []*Entry, fn *ssa.Function) []*Entry {
	for _, near := range []func(*ssa.Function) bool{
		func(at *ssa.Function) bool { return outermost(at) == outermost(fn) },
		func(at *ssa.Function) bool { return at.Pkg != nil && at.Pkg == fn.Pkg },
	} {
		var out []*Entry
		for _, c := range all {
			if slices.ContainsFunc(c.sites, func(site ssa.CallInstruction) bool { return near(site.Parent()) }) {
				out = append(out, c)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return all
}

// warmsUp tells whether own code has controllers start their sources before the election.
func (f *finder) warmsUp() bool {
	for key := range f.p.stores.fields {
		field, pkg := key.Var(), key.Type.Obj().Pkg()
		if field != nil && field.Name() == "EnableWarmup" && pkg != nil && strings.HasPrefix(pkg.Path(), runtimePkg) {
			return true
		}
	}
	return false
}
