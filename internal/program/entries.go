// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/ssa"
)

type finder struct {
	p     *Program
	found map[*ssa.Function]*Entry
	// needs is what NeedLeaderElection() of a type says: its constant, or unknown.
	needs map[*types.Named]*bool
}

// findEntries collects the entry points: those that the project tells of, then registrations, because they say more, then
// by the shape of methods.
func (p *Program) findEntries(declared []Declared) {
	f := &finder{p: p, found: make(map[*ssa.Function]*Entry), needs: make(map[*types.Named]*bool)}
	f.declaredEntries(declared)
	for _, fn := range p.Funcs {
		for site := range Sites(fn) {
			f.registration(site)
		}
	}
	f.callbackFields()
	for _, fn := range p.Funcs {
		f.byShape(fn)
	}
	f.watchDomains()
	for _, e := range f.found {
		p.Entries = append(p.Entries, e)
	}
	slices.SortFunc(p.Entries, func(a, b *Entry) int {
		return cmp.Or(p.comparePos(a.Func.Pos(), b.Func.Pos()), strings.Compare(a.Func.String(), b.Func.String()))
	})
	for _, e := range p.Entries {
		if e.Manager != nil {
			e.Manager.Entries = append(e.Manager.Entries, e)
		}
	}
}

func (p *Program) comparePos(a, b token.Pos) int {
	x, y := p.Fset.Position(a), p.Fset.Position(b)
	return cmp.Or(strings.Compare(x.Filename, y.Filename), cmp.Compare(x.Offset, y.Offset))
}

// add keeps an entry; the first word on a function stands, since registrations come before shapes.
func (f *finder) add(e *Entry) {
	if e.Func == nil || !f.p.Own(e.Func) {
		return
	}
	if old := f.found[e.Func]; old != nil {
		e.sites = append(old.sites, e.sites...)
		if f.atHome(old) || !f.atHome(e) {
			old.sites = e.sites
			if old.Manager == nil {
				old.Manager = e.Manager
			}
			return
		}
	}
	if f.p.InTest(e.Func) {
		e.Domain, e.Because = Test, "stands in a test file"
	}
	f.found[e.Func] = e
}

// atHome tells whether an entry was registered in the file that declares it. Where wiring code handles several types at
// once, that registration says most.
func (f *finder) atHome(e *Entry) bool {
	recv := e.Func.Signature.Recv()
	if recv == nil {
		return true
	}
	return f.p.Fset.File(e.Pos) == f.p.Fset.File(e.Func.Pos())
}

// registration looks at one call that may hand code to a framework.
func (f *finder) registration(site ssa.CallInstruction) {
	f.service(site)
	row := Model(site)
	if row == nil {
		return
	}
	switch row.Effect {
	case kube.RegisterByOption, kube.RegisterLeaderRunnable:
		f.onManager(site, row)
	case kube.RegisterEveryReplica:
		f.everyReplica(site)
	case kube.InformerHandler, kube.RegisterSource, kube.RegisterIndex:
		f.informer(site, row)
	}
}

// onManager handles manager.Add, builder.Complete, builder.Build and controller.New.
func (f *finder) onManager(site ssa.CallInstruction, row *kube.Call) {
	mgr := f.p.managerOf(site)
	for _, arg := range f.registered(site) {
		registered := f.p.concreteTypes(arg)
		decorator := f.leaderDecorator(registered)
		for _, t := range registered {
			if m := f.method(t, "Reconcile"); m != nil && isReconcile(m.Signature) {
				domain, because := f.controllerDomain(site, mgr)
				if decorator != nil && m != decorator {
					domain, because = LeaderOnly, fmt.Sprintf("is a reconciler that %s runs once elected", Name(decorator))
				}
				f.add(&Entry{Func: m, Kind: EntryReconcile, Domain: domain, Because: because, Pos: site.Pos(), Manager: mgr, Requeues: true,
					sites: []ssa.CallInstruction{site}})
			}
			if m := f.method(t, "Start"); m != nil && row.Name == "Add" {
				domain, because := f.runnableDomain(t, mgr)
				f.add(&Entry{Func: m, Kind: EntryRunnable, Domain: domain, Because: because, Pos: site.Pos(), Manager: mgr,
					sites: []ssa.CallInstruction{site}})
			}
		}
		for _, fn := range f.p.FunctionsOf(arg) {
			if isReconcile(fn.Signature) { // a reconcile.Func
				domain, because := f.controllerDomain(site, mgr)
				f.add(&Entry{Func: fn, Kind: EntryReconcile, Domain: domain, Because: because, Pos: site.Pos(), Manager: mgr, Requeues: true,
					sites: []ssa.CallInstruction{site}})
			}
		}
		if row.Name == "Add" || row.Effect == kube.RegisterLeaderRunnable {
			for _, fn := range f.p.FunctionsOf(arg) {
				domain, because := mgr.electedDomain("is a plain runnable")
				f.add(&Entry{Func: fn, Kind: EntryRunnable, Domain: domain, Because: because, Pos: site.Pos(), Manager: mgr,
					sites: []ssa.CallInstruction{site}})
			}
		}
	}
}

// registered returns what a call hands to a manager: its arguments, and the reconciler among the options of a controller.
func (f *finder) registered(site ssa.CallInstruction) []ssa.Value {
	out := slices.Clone(site.Common().Args)
	for _, arg := range site.Common().Args {
		if IsNamed(arg.Type(), controllerPkg, "Options") || IsNamed(arg.Type(), controllerPkg, "TypedOptions") {
			reconcilers, _ := f.p.FieldOf(arg, "Reconciler")
			out = append(out, reconcilers...)
		}
	}
	return out
}

// leaderDecorator returns the Reconcile method among the registered types that passes on to another reconciler behind a
// leader gate. The reconcilers that it decorates are registered bare only where leader election is off.
func (f *finder) leaderDecorator(registered []types.Type) *ssa.Function {
	if len(registered) < 2 {
		return nil
	}
	for _, t := range registered {
		m := f.method(t, "Reconcile")
		if m == nil {
			continue
		}
		for site := range Sites(m) {
			if site.Common().IsInvoke() && site.Common().Method.Name() == "Reconcile" && f.p.gateBefore(site) != nil {
				return m
			}
		}
	}
	return nil
}

func (f *finder) everyReplica(site ssa.CallInstruction) {
	for _, arg := range flatten(site.Common().Args) {
		for _, fn := range f.p.FunctionsOf(arg) {
			kind, because := EntryHTTP, "HTTP handlers run on every replica"
			if fn.Signature.Results().Len() == 1 && fn.Signature.Params().Len() == 1 && isRequest(fn.Signature.Params().At(0).Type()) {
				kind, because = EntryProbe, "health checks run on every replica"
			}
			f.add(&Entry{Func: fn, Kind: kind, Domain: EveryReplica, Because: because, Pos: site.Pos(), sites: []ssa.CallInstruction{site}})
		}
	}
}

// service handles the registration of a gRPC service: RegisterXServer(server, implementation).
func (f *finder) service(site ssa.CallInstruction) {
	target := Target(site)
	if target == nil || !strings.HasPrefix(target.Name(), "Register") || !strings.HasSuffix(target.Name(), "Server") {
		return
	}
	params := target.Signature().Params()
	if params.Len() != 2 || !typePkgPrefix(params.At(0).Type(), "google.golang.org/grpc") {
		return
	}
	for i, arg := range site.Common().Args {
		if i == 0 || i >= params.Len() {
			continue // the server comes first
		}
		service, ok := params.At(i).Type().Underlying().(*types.Interface)
		if !ok {
			continue
		}
		for _, t := range f.p.concreteTypes(arg) {
			for m := range service.Methods() {
				f.add(&Entry{Func: f.method(t, m.Name()), Kind: EntryGRPC, Domain: EveryReplica, Because: "gRPC servers run on every replica", Pos: site.Pos(),
					sites: []ssa.CallInstruction{site}})
			}
		}
	}
}

// flatten adds the elements of variadic arguments to the arguments.
func flatten(args []ssa.Value) []ssa.Value {
	var out []ssa.Value
	for _, arg := range args {
		out = append(out, arg)
		if elements, ok := Elements(arg); ok {
			out = append(out, elements...)
		}
	}
	return out
}

// informer handles event handlers, map functions and index functions: they run in informer goroutines.
func (f *finder) informer(site ssa.CallInstruction, row *kube.Call) {
	for _, arg := range flatten(site.Common().Args) {
		for _, fn := range f.p.FunctionsOf(arg) {
			f.add(f.informerAt(fn, site, row))
		}
		for _, t := range f.p.concreteTypes(arg) {
			for _, name := range []string{"OnAdd", "OnUpdate", "OnDelete", "Create", "Update", "Delete", "Generic"} {
				if m := f.method(t, name); m != nil {
					f.add(f.informerAt(m, site, row))
				}
			}
		}
	}
}

func (f *finder) informerAt(fn *ssa.Function, site ssa.CallInstruction, row *kube.Call) *Entry {
	e := f.informerEntry(fn, site.Pos())
	e.sites = []ssa.CallInstruction{site}
	if ofWatch(row) {
		e.watch = site.Parent()
	}
	return e
}

func (f *finder) informerEntry(fn *ssa.Function, pos token.Pos) *Entry {
	return &Entry{Func: fn, Kind: EntryInformer, Domain: EveryReplica, Pos: pos,
		Because: "informers run on every replica that has started them"}
}

// callbackFields handles functions stored into the callback fields of framework structs.
func (f *finder) callbackFields() {
	keys := make([]FieldKey, 0, len(f.p.stores.fields))
	for key := range f.p.stores.fields {
		if f.p.own[key.Type.Obj().Pkg()] == nil {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b FieldKey) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		field := key.Var()
		if field == nil {
			continue
		}
		for _, store := range f.p.stores.fieldSites[key] {
			for _, fn := range f.p.FunctionsOf(store.Val) {
				f.callback(key, field, fn, store)
			}
		}
	}
}

func (f *finder) callback(key FieldKey, field *types.Var, fn *ssa.Function, store *ssa.Store) {
	pos := store.Pos()
	pkg := ""
	if p := key.Type.Obj().Pkg(); p != nil {
		pkg = p.Path()
	}
	switch {
	case pkg == "github.com/spf13/cobra" || strings.HasPrefix(pkg, "github.com/urfave/cli"):
		f.add(&Entry{Func: fn, Kind: EntryMain, Domain: StartUp, Because: "is a command of the program", Pos: pos,
			command: slices.Contains([]string{"Run", "RunE", "Action"}, field.Name())})
		return
	}
	row := kube.LookupField(key.Type, field.Name())
	if row == nil {
		return
	}
	switch row.Effect {
	case kube.EntryLeader:
		f.add(&Entry{Func: fn, Kind: EntryElected, Domain: LeaderOnly, Pos: pos,
			Because: fmt.Sprintf("is the %s callback of leader election", field.Name())})
	case kube.EntryEveryReplica:
		f.add(&Entry{Func: fn, Kind: EntryRunnable, Domain: EveryReplica, Pos: pos,
			Because: fmt.Sprintf("is called on every replica as %s", key)})
	case kube.InformerHandler, kube.RegisterIndex:
		e := f.informerEntry(fn, pos)
		if at, ok := store.Addr.(*ssa.FieldAddr); ok {
			e.Group = at.X
		}
		if ofWatch(row) {
			e.watch = store.Parent()
		}
		f.add(e)
	}
}

// byShape recognises entry points by their signature, for code whose registration is out of sight.
func (f *finder) byShape(fn *ssa.Function) {
	if fn.Parent() != nil || f.found[fn] != nil {
		if fn.Parent() == nil || f.found[fn] != nil {
			return
		}
		if kind := handlerKind(fn.Signature); kind != "" {
			f.add(&Entry{Func: fn, Kind: kind, Domain: EveryReplica, Because: string(kind) + "s run on every replica", Pos: fn.Pos()})
		}
		return
	}
	sig := fn.Signature
	name := fn.Name()
	switch {
	case sig.Recv() == nil && name == "main" && fn.Pkg != nil && fn.Pkg.Pkg.Name() == "main":
		f.add(&Entry{Func: fn, Kind: EntryMain, Domain: StartUp, Because: "is the start of the program", Pos: fn.Pos()})
	case sig.Recv() == nil && strings.HasPrefix(name, "init#"):
		f.add(&Entry{Func: fn, Kind: EntryMain, Domain: StartUp, Because: "runs when the program is initialised", Pos: fn.Pos()})
	case f.p.InTest(fn) && sig.Recv() == nil && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Benchmark")):
		f.add(&Entry{Func: fn, Kind: EntryTest, Domain: Test, Because: "is a test", Pos: fn.Pos()})
	case handlerKind(sig) != "":
		kind := handlerKind(sig)
		f.add(&Entry{Func: fn, Kind: kind, Domain: EveryReplica, Because: string(kind) + "s run on every replica", Pos: fn.Pos()})
	case sig.Recv() != nil:
		f.methodShape(fn)
	}
}

func (f *finder) methodShape(fn *ssa.Function) {
	sig := fn.Signature
	recv := sig.Recv().Type()
	switch name := fn.Name(); name {
	case "Reconcile":
		if isReconcile(sig) {
			domain, because := f.p.defaultManager(fn).electedDomain("is a reconciler")
			f.add(&Entry{Func: fn, Kind: EntryReconcile, Domain: domain, Because: because, Pos: fn.Pos(), Manager: f.p.defaultManager(fn), Requeues: true})
		}
	case "ReconcileKind", "FinalizeKind":
		if sig.Params().Len() == 2 {
			f.add(&Entry{Func: fn, Kind: EntryReconcile, Domain: LeaderOnly, Pos: fn.Pos(), Requeues: true,
				Because: "runs on the replica that leads the bucket of the key"})
		}
	case "ObserveKind":
		f.add(&Entry{Func: fn, Kind: EntryReconcile, Domain: EveryReplica, Pos: fn.Pos(), Requeues: true,
			Because: "observers run on every replica"})
	case "Handle", "ValidateCreate", "ValidateUpdate", "ValidateDelete", "Default", "Admit":
		if isWebhookMethod(name, sig) {
			f.add(&Entry{Func: fn, Kind: EntryWebhook, Domain: EveryReplica, Because: "webhooks run on every replica", Pos: fn.Pos()})
		}
	case "OnAdd", "OnUpdate", "OnDelete":
		if implementsHandler(recv) {
			f.add(f.informerEntry(fn, fn.Pos()))
		}
	case "Collect":
		if sig.Params().Len() == 1 && isChanOf(sig.Params().At(0).Type(), "github.com/prometheus/client_golang/prometheus", "Metric") {
			f.add(&Entry{Func: fn, Kind: EntryMetrics, Domain: EveryReplica, Because: "metrics are collected on every replica", Pos: fn.Pos()})
		}
	case "Start":
		if isRunnable(sig) && f.method(recv, "NeedLeaderElection") != nil {
			domain, because := f.runnableDomain(recv, f.p.defaultManager(fn))
			f.add(&Entry{Func: fn, Kind: EntryRunnable, Domain: domain, Because: because, Pos: fn.Pos(), Manager: f.p.defaultManager(fn)})
		}
	default:
		if isGRPCMethod(recv, sig) {
			f.add(&Entry{Func: fn, Kind: EntryGRPC, Domain: EveryReplica, Because: "gRPC servers run on every replica", Pos: fn.Pos()})
		}
	}
}

// method returns the own method of t (or *t) by that name, promoted ones included, or nil.
func (f *finder) method(t types.Type, name string) *ssa.Function { return f.p.Method(t, name) }

// Method returns the own function behind the method of t, or of *t, by that name, promoted ones included; nil if none.
func (p *Program) Method(t types.Type, name string) *ssa.Function {
	if _, isInterface := t.Underlying().(*types.Interface); isInterface {
		return nil
	}
	if _, isPtr := types.Unalias(t).(*types.Pointer); !isPtr {
		t = types.NewPointer(t)
	}
	set := p.SSA.MethodSets.MethodSet(t)
	for sel := range set.Methods() {
		if sel.Obj().Name() == name {
			fn := p.SSA.MethodValue(sel)
			if fn == nil {
				return nil
			}
			if own := p.throughWrappers([]*ssa.Function{fn}); len(own) > 0 {
				return own[0]
			}
			return nil
		}
	}
	return nil
}

// CanHold tells whether an interface value can hold an own type, or a pointer to it: own code stores one.
func (p *Program) CanHold(v ssa.Value, t types.Type) bool {
	known, ok := p.holds[v]
	if !ok {
		known = p.concreteTypes(v)
		p.holds[v] = known
	}
	return slices.ContainsFunc(known, func(k types.Type) bool { return Named(k) == Named(t) })
}

// concreteTypes returns the own named types that an interface value can hold.
func (p *Program) concreteTypes(v ssa.Value) []types.Type {
	if !types.IsInterface(v.Type()) {
		if p.OwnType(v.Type()) {
			return []types.Type{v.Type()}
		}
	}
	var out []types.Type
	seen := make(map[*types.Named]bool)
	for _, src := range p.adapted(v, 0) {
		t := src.Type()
		if box, ok := src.(*ssa.MakeInterface); ok {
			t = box.X.Type()
		}
		if types.IsInterface(t) || !p.OwnType(t) || seen[Named(t)] {
			continue
		}
		seen[Named(t)] = true
		out = append(out, t)
	}
	return out
}

// adapted returns the sources of v, and next to what a library's adaptor makes (reconcile.AsReconciler, a reconciler that
// limits another's rate) the sources of what the adaptor was given.
func (p *Program) adapted(v ssa.Value, depth int) []ssa.Value {
	var out []ssa.Value
	for _, src := range p.boxed(v) {
		out = append(out, src)
		if box, ok := src.(*ssa.MakeInterface); ok && !p.OwnType(box.X.Type()) {
			src = box.X // an adaptor of the library's own type
		}
		call, ok := src.(*ssa.Call)
		if !ok || depth > 2 || p.OwnType(call.Type()) || len(p.calls.out[call]) > 0 {
			continue
		}
		for _, arg := range call.Call.Args {
			if types.IsInterface(arg.Type()) || p.OwnType(arg.Type()) {
				out = append(out, p.adapted(arg, depth+1)...)
			}
		}
	}
	return out
}
