// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// way leads to a deed: for each function the calls that run it, the deed itself included.
type way struct {
	deed   ssa.CallInstruction
	create *Story
	kind   kube.Kind
	sites  map[*ssa.Function][]ssa.CallInstruction
}

// fits tells whether a look is about what the deed makes. What ends a watch may go by any list.
func (w *way) fits(look Distant) bool {
	if w.create == nil {
		return look.Listed
	}
	if look.Kind.Name != "" || w.kind.Name != "" {
		return look.Kind.Same(w.kind)
	}
	return true
}

// deeds returns the ways to what can't be taken back: creates of kinds that get names which are new each time, and ends
// of watches.
func (e *Effects) deeds() []way {
	var out []way
	renamed := e.freshlyNamed()
	for _, row := range e.Ledger() {
		fn := row.Site.Parent()
		apply := len(row.Stories) > 0 && row.Stories[0].Write.Patch != nil && row.Stories[0].Write.Patch.Type == ApplyPatch
		if row.Call.Effect != kube.Create && !apply || e.DryRun(row.Site, row.Call) || e.Program.InTest(fn) || e.Program.TestSupport(fn) || e.Program.Generated(fn) {
			continue
		}
		s := row.Stories[0]
		kind := row.Kind
		if kind.Name == "Event" || kind.Name != "" && !kind.Stored() {
			continue
		}
		if kind.Name == "" {
			kind = kube.Kind{Form: kube.Unstructured}
			if k, ok := kube.KindOf(s.Write.Type); ok && k.Form != kube.Unstructured || !ok && !types.IsInterface(s.Write.Type) {
				continue
			}
		}
		if naming, _ := s.Naming(); naming == NameFixed || apply && kind.Name != "" || !renamed[kind.Name] {
			continue
		}
		out = append(out, e.wayTo(row.Site, s, kind))
	}
	return append(out, e.watchEnds()...)
}

// freshlyNamed collects the kinds whose objects get names by chance or from the server somewhere; "" stands for
// Unstructured.
func (e *Effects) freshlyNamed() map[string]bool {
	out := make(map[string]bool)
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.TestSupport(fn) || e.Program.Generated(fn) {
			continue
		}
		for _, ev := range e.Events(fn) {
			if ev.Kind == Change && ev.At == ev.Origin {
				if kind, ok := e.namedKind(ev); ok {
					n := naming{e: e}
					n.change(ev)
					if n.random != nil || n.generated != nil {
						out[kind] = true
					}
				}
			}
		}
	}
	return out
}

// namedKind returns the kind of the object that a change of a name is made to.
func (e *Effects) namedKind(ev *Event) (string, bool) {
	var t types.Type
	switch x := ev.Origin.(type) {
	case *ssa.Store:
		field, ok := x.Addr.(*ssa.FieldAddr)
		if !ok {
			return "", false
		}
		for ok && !e.isObject(field.X.Type()) {
			inner, isField := field.X.(*ssa.FieldAddr)
			field, ok = inner, isField
		}
		if !ok {
			return "", false
		}
		t = field.X.Type()
	case ssa.CallInstruction:
		recv := program.Receiver(x)
		if recv == nil {
			return "", false
		}
		t = stripped(recv).Type()
		if types.IsInterface(t) {
			return "", true
		}
		if field, ok := recv.(*ssa.FieldAddr); ok {
			t = field.X.Type() // obj.ObjectMeta.SetName
		}
	}
	k, ok := kube.KindOf(t)
	return k.Name, ok && (k.Name != "" || k.Form == kube.Unstructured)
}

// oneOfMany tells whether the handler that is taken off was kept in a container, itself or with what it is a field of:
// whoever takes off the only one it has put there is done with its own work, and ends no watch that others need.
func (e *Effects) oneOfMany(fn *ssa.Function, site ssa.CallInstruction) bool {
	args := site.Common().Args
	return e.fromContainer(fn, args[len(args)-1], 0)
}

func (e *Effects) fromContainer(fn *ssa.Function, v ssa.Value, depth int) bool {
	for _, p := range e.Places(fn, v) {
		if strings.Contains(concat(p.Base, p.Path), "[]") {
			return true
		}
		param, ok := p.Root.(*ssa.Parameter)
		if !ok || depth == deedDepth {
			continue
		}
		for _, edge := range e.Program.Callers(fn) {
			arg := program.ArgumentFor(edge, paramIndex(fn, param))
			if arg != nil && !e.Program.InTest(edge.Caller()) && e.fromContainer(edge.Caller(), arg, depth+1) {
				return true
			}
		}
	}
	return false
}

// watchEnds finds where handlers are taken off informers, and informers out of caches.
func (e *Effects) watchEnds() []way {
	var out []way
	for _, fn := range e.Program.Funcs {
		if e.Program.InTest(fn) || e.Program.TestSupport(fn) || e.Program.Generated(fn) {
			continue
		}
		for site := range program.Sites(fn) {
			t := program.Target(site)
			if t == nil || t.Pkg() == nil || t.Name() != "RemoveInformer" && !(t.Name() == "RemoveEventHandler" && e.oneOfMany(fn, site)) {
				continue
			}
			switch t.Pkg().Path() {
			case "sigs.k8s.io/controller-runtime/pkg/cache", "sigs.k8s.io/controller-runtime/pkg/cache/cacheapi", "k8s.io/client-go/tools/cache":
				out = append(out, e.wayTo(site, nil, kube.Kind{}))
			}
		}
	}
	return out
}

// wayTo walks back over the callers of a deed.
func (e *Effects) wayTo(deed ssa.CallInstruction, create *Story, kind kube.Kind) way {
	w := way{deed: deed, create: create, kind: kind, sites: make(map[*ssa.Function][]ssa.CallInstruction)}
	w.sites[deed.Parent()] = []ssa.CallInstruction{deed}
	level := []*ssa.Function{deed.Parent()}
	seen := map[*ssa.Function]bool{deed.Parent(): true}
	for range deedDepth {
		var next []*ssa.Function
		for _, fn := range level {
			if e.Program.EntryAt(fn) != nil {
				continue
			}
			for _, edge := range e.Program.Callers(fn) {
				caller := edge.Caller()
				if e.Program.InTest(caller) || e.Program.TestSupport(caller) || edge.How == program.Starts {
					continue
				}
				w.sites[caller] = append(w.sites[caller], edge.Site)
				if !seen[caller] {
					seen[caller] = true
					next = append(next, caller)
				}
			}
		}
		level = next
	}
	return w
}
