// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Resource is something that a call started and that runs until it is stopped.
type Resource struct {
	// Site is the call, Value what it returned, Err the error it returned with it, or nil.
	Site  ssa.CallInstruction
	Value ssa.Value
	Err   ssa.Value
	// Found is the truth that was returned with it, false where there is none; or nil.
	Found ssa.Value
	// What names it: watch, ticker, timer, event broadcaster, connection.
	What string
	// Stop is the method that ends it.
	Stop string
	// Body is set for an HTTP response, of which the body is to be closed.
	Body bool
	// Idle is set for a library's client that opens its connections when it is first used.
	Idle bool
}

// Leak is a way out of the function that leaves a resource running.
type Leak struct {
	Resource Resource
	// Exit is where the function is left, or the call that opens the next one.
	Exit ssa.Instruction
}

// opened are the calls that make something with goroutines or connections of its own, by package, receiver and name.
var opened = map[[3]string]Resource{
	{"time", "", "NewTicker"}:                                                    {What: "ticker", Stop: "Stop"},
	{"time", "", "NewTimer"}:                                                     {What: "timer", Stop: "Stop"},
	{"k8s.io/client-go/tools/record", "", "NewBroadcaster"}:                      {What: "event broadcaster", Stop: "Shutdown"},
	{"k8s.io/client-go/tools/record", "", "NewBroadcasterWithCorrelatorOptions"}: {What: "event broadcaster", Stop: "Shutdown"},
	{"k8s.io/client-go/tools/events", "", "NewBroadcaster"}:                      {What: "event broadcaster", Stop: "Shutdown"},
	{"go.etcd.io/etcd/client/v3", "", "New"}:                                     {What: "etcd client", Stop: "Close"},
	{"google.golang.org/grpc", "", "NewClient"}:                                  {What: "gRPC connection", Stop: "Close"},
	{"google.golang.org/grpc", "", "Dial"}:                                       {What: "gRPC connection", Stop: "Close"},
	{"google.golang.org/grpc", "", "DialContext"}:                                {What: "gRPC connection", Stop: "Close"},
	{"database/sql", "", "Open"}:                                                 {What: "database pool", Stop: "Close"},
	{"github.com/fsnotify/fsnotify", "", "NewWatcher"}:                           {What: "file watcher", Stop: "Close"},
	{"database/sql", "DB", "Conn"}:                                               {What: "database connection", Stop: "Close"},
	{"database/sql", "DB", "Query"}:                                              {What: "rows of a query", Stop: "Close"},
	{"database/sql", "DB", "QueryContext"}:                                       {What: "rows of a query", Stop: "Close"},
	{"k8s.io/client-go/rest", "Request", "Stream"}:                               {What: "stream", Stop: "Close"},
	{"github.com/gorilla/websocket", "Dialer", "Dial"}:                           {What: "websocket", Stop: "Close"},
	{"github.com/gorilla/websocket", "Dialer", "DialContext"}:                    {What: "websocket", Stop: "Close"},
}

// ResourceAt tells what a call starts that must be stopped; ok is false for calls that start nothing.
func (g *Goroutines) ResourceAt(site ssa.CallInstruction) (Resource, bool) {
	call, isCall := site.(*ssa.Call)
	if !isCall {
		return Resource{}, false
	}
	r, ok := g.opens(call)
	if !ok {
		return Resource{}, false
	}
	r.Site = site
	if r.Value = tupleElement(site, 0); r.Value == nil {
		return Resource{}, false
	}
	if _, isTuple := call.Type().(*types.Tuple); isTuple {
		results := call.Call.Signature().Results()
		r.Err = tupleElement(site, results.Len()-1)
		for i := range results.Len() {
			if types.Identical(results.At(i).Type(), types.Typ[types.Bool]) {
				r.Found = tupleElement(site, i)
			}
		}
	}
	return r, true
}

func (g *Goroutines) opens(call *ssa.Call) (Resource, bool) {
	if target := program.Target(call); target != nil && target.Pkg() != nil {
		recv := ""
		if r := target.Signature().Recv(); r != nil && program.Named(r.Type()) != nil {
			recv = program.Named(r.Type()).Obj().Name()
		}
		if r, ok := opened[[3]string{target.Pkg().Path(), recv, target.Name()}]; ok {
			return r, true
		}
	}
	if row := program.Model(call); row != nil && row.Effect == kube.Watch && isWatch(firstResult(call)) {
		return Resource{What: "watch", Stop: "Stop"}, true
	}
	if isWatch(firstResult(call)) && g.freshWatch(call) {
		return Resource{What: "watch", Stop: "Stop"}, true
	}
	if r, ok := g.response(call); ok {
		return r, true
	}
	return g.closable(call)
}

// freshWatch tells whether a call of own code starts a watch: each of the functions it may run returns one just started.
func (g *Goroutines) freshWatch(call *ssa.Call) bool {
	edges := g.p.Callees(call)
	for _, e := range edges {
		fresh := false
		for site := range program.Sites(e.Callee) {
			if row := program.Model(site); row != nil && row.Effect == kube.Watch {
				fresh = true
			}
		}
		if !fresh || e.Arg >= 0 {
			return false
		}
	}
	return len(edges) > 0
}

func firstResult(call *ssa.Call) types.Type {
	res := call.Call.Signature().Results()
	if res.Len() == 0 {
		return types.Typ[types.Invalid]
	}
	return res.At(0).Type()
}

func isWatch(t types.Type) bool {
	return program.IsNamed(t, "k8s.io/apimachinery/pkg/watch", "Interface")
}

// LeakOf walks from the call of a resource to the ways out of its function, and returns the first that it comes to
// without having stopped it or given it away; nil if there is none.
func (g *Goroutines) LeakOf(r Resource) *Leak {
	names := g.namesOf(r)
	parts := g.partsOf(r, names)
	if g.keeps(r) || r.Stop == "Shutdown" && watchesHeld(r.Value) || slices.ContainsFunc(parts, keptForOthers) {
		return nil
	}
	if g.deferredBefore(r, names) {
		return nil
	}
	holders := append(besides(r), parts...)
	first := leakPoint{block: r.Site.Block(), idle: r.Idle}
	seen := make(map[leakPoint]bool)
	queue := []leakPoint{first}
	for len(queue) > 0 {
		at, from := queue[0], 0
		queue = queue[1:]
		if at == first && !seen[first] {
			from = indexOf(r.Site) + 1
		}
		exit, goesOn := g.through(&at, from, names, holders, r.Site)
		if exit != nil {
			return &Leak{Resource: r, Exit: exit}
		}
		for i := range at.block.Succs {
			next, ok := at.next(i, r, names)
			if goesOn && ok && !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// leakPoint is a block that a walk with a running resource comes to. failure is the error of a callee that took the
// resource and gives it back when it fails; nil when the resource is the function's own.
type leakPoint struct {
	block   *ssa.BasicBlock
	failure ssa.Value
	// idle is set until a client that connects when it is first used may have done so; attempt is the error of the call
	// that tried to connect it.
	idle    bool
	attempt ssa.Value
}

// through walks a block from an instruction on. It returns the return that leaves the resource running, or the call that
// opens the next one, or whether the walk goes on behind the block.
func (g *Goroutines) through(at *leakPoint, from int, names, holders []ssa.Value, opens ssa.Instruction) (ssa.Instruction, bool) {
	for _, instr := range at.block.Instrs[from:] {
		if instr == opens && at.failure == nil {
			if at.idle {
				return nil, false
			}
			return instr, false
		}
		if used, attempt := use(instr, names); used && at.idle {
			at.idle, at.attempt = false, attempt
		}
		if failure := g.failureOf(instr, names); failure != nil {
			at.failure = failure
			continue
		}
		if g.lets(instr, names) || g.livesIn(instr, holders) {
			return nil, false
		}
		if ret, ok := instr.(*ssa.Return); ok {
			if !at.idle && (at.failure == nil || hands(ret, at.failure)) {
				return ret, false
			}
			return nil, false // nothing is open yet; or the callee has it, as far as is known
		}
	}
	return nil, true
}

// next returns the point behind a branch; ok is false where the resource was not made or has ended, or where a callee has
// taken it.
func (at leakPoint) next(succ int, r Resource, names []ssa.Value) (leakPoint, bool) {
	point := leakPoint{at.block.Succs[succ], at.failure, at.idle, at.attempt}
	if impossible(at.block, succ) {
		return point, false
	}
	if failed(at.block, succ, at.attempt) {
		point.idle, point.attempt = true, nil
	}
	if failed(at.block, succ, r.Err) || failed(at.block, succ, r.Found) || endedOn(at.block, succ, names) {
		return point, false
	}
	if failed, tested := outcome(at.block, succ, at.failure); tested {
		point.failure = nil
		return point, failed
	}
	return point, true
}

// keeps tells whether a resource is stored for others: in a field, a global, a map, a channel.
func (g *Goroutines) keeps(r Resource) bool {
	for _, name := range g.namesOf(r) {
		if slices.ContainsFunc(refs(name), func(ref ssa.Instruction) bool { return keepsName(ref, name) }) {
			return true
		}
	}
	return false
}

// lets tells whether an instruction stops a resource, sees to its stop, or gives it to somebody who may.
func (g *Goroutines) lets(instr ssa.Instruction, names []ssa.Value) bool {
	switch instr := instr.(type) {
	case *ssa.Return:
		for _, res := range resultsOf(instr) {
			if slices.Contains(names, stripped(res)) || slices.Contains(names, res) {
				return true
			}
		}
	case ssa.CallInstruction:
		if isResponse(names[0].Type()) {
			return g.closesBody(instr, names, 0)
		}
		common := instr.Common()
		if recv := promotedFrom(program.Receiver(instr)); recv != nil && slices.Contains(names, recv) {
			return stops(program.Target(instr))
		}
		for i, arg := range common.Args {
			if !slices.Contains(names, arg) && !slices.Contains(names, stripped(arg)) {
				continue
			}
			return g.takes(instr, i)
		}
		if closure, ok := common.Value.(*ssa.MakeClosure); ok {
			return g.closureStops(closure, names)
		}
	case *ssa.MakeClosure:
		if isResponse(names[0].Type()) {
			return g.closesBody(instr, names, 0)
		}
		return g.closureStops(instr, names)
	}
	return false
}

func stops(target *types.Func) bool {
	return target != nil && (target.Name() == "Stop" || target.Name() == "Close" || target.Name() == "Disconnect" || strings.EqualFold(target.Name(), "shutdown"))
}

// takes tells whether a callee sees to a resource that it is given: an own function must use it for more than calls of
// its other methods, a library is trusted.
func (g *Goroutines) takes(site ssa.CallInstruction, arg int) bool {
	edges := g.p.Callees(site)
	if len(edges) == 0 {
		return true
	}
	for _, e := range edges {
		if e.Arg >= 0 || arg >= len(e.Callee.Params) {
			return true
		}
		param := e.Callee.Params[arg]
		if site.Common().IsInvoke() && arg+1 < len(e.Callee.Params) {
			param = e.Callee.Params[arg+1]
		}
		if !onlyUsed(param) {
			return true
		}
	}
	return false
}

// onlyUsed tells whether a parameter is used for nothing but calls of methods that stop nothing.
func onlyUsed(param *ssa.Parameter) bool {
	for _, alias := range aliases(param) {
		for _, ref := range *alias.Referrers() {
			switch ref := ref.(type) {
			case ssa.CallInstruction:
				recv := program.Receiver(ref)
				if recv != alias || stops(program.Target(ref)) {
					return false
				}
			case *ssa.MakeInterface, *ssa.ChangeInterface, *ssa.DebugRef, *ssa.FieldAddr, *ssa.UnOp:
			case *ssa.Store:
				if _, local := ref.Addr.(*ssa.Alloc); ref.Val == alias && !local {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

// closureStops tells whether a closure has hold of a resource and stops it, or hands it on.
func (g *Goroutines) closureStops(closure *ssa.MakeClosure, names []ssa.Value) bool {
	fn := closure.Fn.(*ssa.Function)
	for i, binding := range closure.Bindings {
		if !slices.Contains(names, binding) && !holds(binding, names) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if site, ok := instr.(ssa.CallInstruction); ok && (usesFree(site, fn.FreeVars[i]) && stops(program.Target(site)) || givesFree(site, fn.FreeVars[i])) {
					return true
				}
				if ret, ok := instr.(*ssa.Return); ok && slices.ContainsFunc(ret.Results, func(v ssa.Value) bool { return isFree(v, fn.FreeVars[i]) }) {
					return true
				}
			}
		}
	}
	return false
}

func usesFree(site ssa.CallInstruction, free *ssa.FreeVar) bool {
	return isFree(promotedFrom(program.Receiver(site)), free)
}

// promotedFrom returns what a method is called on: the struct that embeds its receiver, where there is one.
func promotedFrom(recv ssa.Value) ssa.Value {
	for {
		held := recv
		if load, ok := recv.(*ssa.UnOp); ok && load.Op == token.MUL {
			held = load.X // a pointer or an interface is embedded
		}
		addr, ok := held.(*ssa.FieldAddr)
		if !ok {
			return recv
		}
		s, ok := addr.X.Type().Underlying().(*types.Pointer).Elem().Underlying().(*types.Struct)
		if !ok || !s.Field(addr.Field).Embedded() {
			return recv
		}
		recv = addr.X
	}
}

// givesFree tells whether a call is given a captured variable as an argument.
func givesFree(site ssa.CallInstruction, free *ssa.FreeVar) bool {
	recv := program.Receiver(site)
	return slices.ContainsFunc(site.Common().Args, func(arg ssa.Value) bool {
		return arg != recv && (isFree(arg, free) || isFree(stripped(arg), free))
	})
}

// isFree tells whether a value is a captured variable, or what it holds.
func isFree(v ssa.Value, free *ssa.FreeVar) bool {
	if v == free {
		return true
	}
	load, ok := v.(*ssa.UnOp)
	return ok && load.X == free
}

// holds tells whether a variable was given one of the values.
func holds(v ssa.Value, names []ssa.Value) bool {
	cell, ok := v.(*ssa.Alloc)
	if !ok {
		return false
	}
	for _, ref := range *cell.Referrers() {
		if store, ok := ref.(*ssa.Store); ok && slices.Contains(names, store.Val) {
			return true
		}
	}
	return false
}

// aliases are the values that hold the same thing as v inside its function: conversions of it, variables it was stored
// in and loads from them, and phis.
func aliases(v ssa.Value) []ssa.Value {
	out := []ssa.Value{v}
	for i := 0; i < len(out); i++ {
		refs := out[i].Referrers()
		if refs == nil {
			continue
		}
		for _, ref := range *refs {
			var next ssa.Value
			switch ref := ref.(type) {
			case *ssa.Phi:
				next = ref
			case *ssa.MakeInterface:
				next = ref
			case *ssa.ChangeInterface:
				next = ref
			case *ssa.Store:
				if cell, ok := ref.Addr.(*ssa.Alloc); ok && ref.Val == out[i] {
					next = cell
				}
			case *ssa.UnOp:
				if _, ok := out[i].(*ssa.Alloc); ok && ref.Op == token.MUL {
					next = ref
				}
			}
			if next != nil && !slices.Contains(out, next) {
				out = append(out, next)
			}
		}
	}
	return out
}

func indexOf(instr ssa.Instruction) int {
	for i, other := range instr.Block().Instrs {
		if other == instr {
			return i
		}
	}
	return -1
}

// Aliases are the values that hold the same thing as v inside its function, v among them.
func Aliases(v ssa.Value) []ssa.Value { return aliases(v) }
