// SPDX-License-Identifier: Apache-2.0

package program

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"golang.org/x/tools/go/callgraph/vta"
	"golang.org/x/tools/go/ssa"
)

// How says in which way a call site leads to a function.
type How int

const (
	// Calls is a plain or deferred call.
	Calls How = iota
	// Starts is a go statement, or a call that hands the function to a new goroutine.
	Starts
	// PassesTo hands the function to code outside of the reviewed program, which calls it before it returns.
	PassesTo
)

// Edge is one way from a call site to an own function.
type Edge struct {
	Site   ssa.CallInstruction
	Callee *ssa.Function
	How    How
	// Arg is the index of the argument that holds the function, for PassesTo and for Starts by a library; else -1.
	Arg int
}

// Caller returns the function that the call site stands in.
func (e Edge) Caller() *ssa.Function { return e.Site.Parent() }

type calls struct {
	out  map[ssa.CallInstruction][]Edge
	from map[*ssa.Function][]Edge // edges that leave a function, in order of its instructions
	to   map[*ssa.Function][]Edge // edges that reach a function, in source order of the callers
}

// Callees returns the own functions that a call site may run: directly, through interfaces and function values, or by
// passing them on to a library that runs them.
func (p *Program) Callees(site ssa.CallInstruction) []Edge { return p.calls.out[site] }

// Callers returns the call sites that may run fn, in source order.
func (p *Program) Callers(fn *ssa.Function) []Edge { return p.calls.to[fn] }

// CallsFrom returns the edges that leave fn, in the order of its instructions.
func (p *Program) CallsFrom(fn *ssa.Function) []Edge { return p.calls.from[fn] }

// Static returns the own functions that site calls itself, without those that it merely passes on.
func (p *Program) Static(site ssa.CallInstruction) []*ssa.Function {
	var fns []*ssa.Function
	for _, e := range p.calls.out[site] {
		if e.Arg < 0 {
			fns = append(fns, e.Callee)
		}
	}
	return fns
}

// indexCalls resolves every call site of own code. Dynamic calls are resolved by variable type analysis over own code:
// it is small and precise there, and what comes out of dependencies is known from the model instead.
func (p *Program) indexCalls() calls {
	funcs := make(map[*ssa.Function]bool, len(p.Funcs))
	for _, fn := range p.Funcs {
		if recv := fn.Signature.Recv(); recv != nil && halfKnown(recv.Type()) {
			continue // go/types says that it implements everything, so that calls of any interface would lead to it
		}
		funcs[fn] = true
		for _, wrapper := range methodValues(fn) {
			funcs[wrapper] = true
		}
		if fn.Pkg != nil {
			if initial := fn.Pkg.Func("init"); initial != nil {
				funcs[initial] = true // it sets package variables to functions
			}
		}
	}
	graph := vta.CallGraph(funcs, nil)

	dynamic := make(map[ssa.CallInstruction][]*ssa.Function)
	for _, node := range graph.Nodes {
		for _, e := range node.Out {
			if e.Site != nil && e.Site.Common().StaticCallee() == nil && !p.Apart(e.Site.Parent(), e.Callee.Func) {
				dynamic[e.Site] = append(dynamic[e.Site], e.Callee.Func)
			}
		}
	}
	out := make(map[ssa.CallInstruction][]Edge)
	var open []ssa.CallInstruction // hand on a function that came from somewhere else
	for _, fn := range p.Funcs {
		for site := range Sites(fn) {
			out[site] = p.edges(site, dynamic[site])
			if handsOn(site) {
				open = append(open, site)
			}
		}
	}
	p.calls = p.callsOver(out)
	for range handRounds {
		changed := false
		for _, site := range open {
			more := p.edges(site, dynamic[site])
			changed = changed || len(more) != len(out[site])
			out[site] = more
		}
		if !changed {
			break
		}
		p.calls = p.callsOver(out)
	}
	return p.calls
}

// handRounds bounds how often a function is followed from one helper that hands it on to the next.
const handRounds = 3

// handsOn tells whether a function is among the arguments of a call that does not name it.
func handsOn(site ssa.CallInstruction) bool {
	return slices.ContainsFunc(site.Common().Args, func(arg ssa.Value) bool {
		if _, ok := arg.Type().Underlying().(*types.Signature); !ok {
			return false
		}
		_, none := unwrapFunc(arg).(*ssa.Const)
		return !none && !namesFunction(arg)
	})
}

// callsOver indexes edges by the functions at their ends.
func (p *Program) callsOver(out map[ssa.CallInstruction][]Edge) calls {
	c := calls{out: out, from: make(map[*ssa.Function][]Edge), to: make(map[*ssa.Function][]Edge)}
	clear(p.sources) // they were found over fewer edges
	clear(p.methodValues)
	for _, fn := range p.Funcs {
		for site := range Sites(fn) {
			for _, e := range out[site] {
				c.from[fn] = append(c.from[fn], e)
				c.to[e.Callee] = append(c.to[e.Callee], e)
			}
		}
	}
	return c
}

// methodValues returns the wrappers behind the method values and method expressions of fn, such as s.sweep in
// each(s.sweep): a call of the value runs the wrapper, which calls the method.
func methodValues(fn *ssa.Function) []*ssa.Function {
	var out []*ssa.Function
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			for _, op := range instr.Operands(nil) {
				if wrapper, ok := (*op).(*ssa.Function); ok && isWrapper(wrapper) && wrapper.Signature.Recv() == nil {
					out = append(out, wrapper)
				}
			}
		}
	}
	return out
}

// edges lists where site leads: to its callees, and to own functions among its arguments that a library runs.
func (p *Program) edges(site ssa.CallInstruction, dynamic []*ssa.Function) []Edge {
	how := Calls
	if _, ok := site.(*ssa.Go); ok {
		how = Starts
	}
	common := site.Common()
	callees := dynamic
	if static := common.StaticCallee(); static != nil {
		callees = []*ssa.Function{static}
	}
	var edges []Edge
	external := len(callees) == 0
	for _, callee := range p.throughWrappers(callees) {
		edges = append(edges, Edge{Site: site, Callee: callee, How: how, Arg: -1})
	}
	for _, callee := range callees {
		external = external || len(callee.Blocks) == 0
	}
	if !external {
		return edges
	}
	argHow := p.howPassed(site)
	if argHow < 0 {
		return edges
	}
	for i, arg := range common.Args {
		for _, fn := range p.FunctionsOf(arg) {
			edges = append(edges, Edge{Site: site, Callee: fn, How: argHow, Arg: i})
		}
	}
	return edges
}

// throughWrappers replaces synthetic wrappers (promoted methods, bound methods, thunks) by the own functions they call.
func (p *Program) throughWrappers(fns []*ssa.Function) []*ssa.Function {
	if len(fns) == 1 && p.Own(fns[0]) && !isWrapper(fns[0]) {
		return fns
	}
	var out []*ssa.Function
	seen := make(map[*ssa.Function]bool)
	var add func(fn *ssa.Function, depth int)
	add = func(fn *ssa.Function, depth int) {
		if seen[fn] || depth > 4 {
			return
		}
		seen[fn] = true
		if p.Own(fn) && !isWrapper(fn) {
			out = append(out, fn)
			return
		}
		for site := range Sites(fn) {
			if callee := site.Common().StaticCallee(); callee != nil {
				add(callee, depth+1)
			}
		}
	}
	for _, fn := range fns {
		add(fn, 0)
	}
	p.sortFuncs(out)
	return out
}

// howPassed says what a library does with the functions it is given at site: it runs them before it returns, runs them
// in goroutines, or keeps them as entry points (-1), which findEntries deals with.
func (p *Program) howPassed(site ssa.CallInstruction) How {
	if _, ok := site.(*ssa.Go); ok {
		return Starts
	}
	row := Model(site)
	if row == nil {
		return PassesTo
	}
	switch row.Effect {
	case kube.SpawnGoroutine:
		return Starts
	case kube.RegisterLeaderRunnable, kube.RegisterEveryReplica, kube.RegisterByOption, kube.RegisterSource,
		kube.RegisterIndex, kube.InformerHandler, kube.LeaderElection, kube.EntryLeader, kube.EntryEveryReplica:
		return -1
	}
	return PassesTo
}

// FunctionsOf returns the own functions that v holds directly: a function, a closure, a bound method, or one of these
// converted to a named function type.
func (p *Program) FunctionsOf(v ssa.Value) []*ssa.Function {
	for {
		switch x := v.(type) {
		case *ssa.ChangeType:
			v = x.X
		case *ssa.MakeInterface:
			v = x.X
		case *ssa.MakeClosure:
			return p.throughWrappers([]*ssa.Function{x.Fn.(*ssa.Function)})
		case *ssa.Function:
			return p.throughWrappers([]*ssa.Function{x})
		default:
			return p.functionsFromSources(v)
		}
	}
}

func (p *Program) functionsFromSources(v ssa.Value) []*ssa.Function {
	if _, ok := v.Type().Underlying().(*types.Signature); !ok {
		return nil
	}
	var out []*ssa.Function
	for _, src := range p.Sources(v).Values {
		switch x := src.(type) {
		case *ssa.MakeClosure:
			out = append(out, x.Fn.(*ssa.Function))
		case *ssa.Function:
			out = append(out, x)
		}
	}
	return p.throughWrappers(out)
}

// Model returns the model's row for what site calls, or nil.
func Model(site ssa.CallInstruction) *kube.Call {
	common := site.Common()
	if common.IsInvoke() {
		return kube.Lookup(common.Method)
	}
	if named := variableOf(common.Value); named != nil {
		return kube.LookupObject(named)
	}
	return modelOf(common.StaticCallee())
}

// variableOf returns the package variable that a called function value is read from, such as ctrl.CreateOrUpdate, or nil.
func variableOf(called ssa.Value) types.Object {
	load, ok := called.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return nil
	}
	if g, ok := load.X.(*ssa.Global); ok {
		return g.Object()
	}
	return nil
}

// modelOf returns the model's row for a library function, or nil.
func modelOf(callee *ssa.Function) *kube.Call {
	if callee == nil {
		return nil
	}
	callee = origin(callee)
	if len(callee.Blocks) > 0 && callee.Synthetic == "" {
		return nil
	}
	if fn, ok := callee.Object().(*types.Func); ok {
		return kube.Lookup(fn)
	}
	return nil
}

// Models returns the model's rows for what site may call: its own one, or those of the library functions that the called
// function value can be.
func (p *Program) Models(site ssa.CallInstruction) []*kube.Call {
	if row := Model(site); row != nil {
		return []*kube.Call{row}
	}
	common := site.Common()
	if common.IsInvoke() || common.StaticCallee() != nil {
		return nil
	}
	if _, isBuiltin := common.Value.(*ssa.Builtin); isBuiltin {
		return nil
	}
	var rows []*kube.Call
	for _, src := range p.Sources(common.Value).Values {
		if fn, ok := src.(*ssa.Function); ok {
			if row := modelOf(fn); row != nil {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// Target returns the declared function or method that site names, own or not; nil for calls of function values.
func Target(site ssa.CallInstruction) *types.Func {
	common := site.Common()
	if common.IsInvoke() {
		return common.Method
	}
	callee := common.StaticCallee()
	if callee == nil {
		return nil
	}
	callee = origin(callee)
	fn, _ := callee.Object().(*types.Func)
	return fn
}

// Argument returns the argument of site at index i, the receiver not counted, or nil.
func Argument(site ssa.CallInstruction, i int) ssa.Value {
	if i < 0 {
		return nil
	}
	common := site.Common()
	args := common.Args
	if !common.IsInvoke() && common.Signature().Recv() != nil && len(args) > 0 {
		args = args[1:]
	}
	if i >= len(args) {
		return nil
	}
	return args[i]
}

// Receiver returns the receiver of a method call, or nil.
func Receiver(site ssa.CallInstruction) ssa.Value {
	common := site.Common()
	if common.IsInvoke() {
		return common.Value
	}
	if common.Signature().Recv() != nil && len(common.Args) > 0 {
		return common.Args[0]
	}
	return nil
}

// Variadic returns the values packed into the variadic argument at index i (receiver not counted), in order. ok is
// false when the slice comes from elsewhere and its elements are not known.
func Variadic(site ssa.CallInstruction, i int) (values []ssa.Value, ok bool) {
	return Elements(Argument(site, i))
}

// Elements returns the values that a slice literal was made of.
func Elements(v ssa.Value) (values []ssa.Value, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case *ssa.Const:
		return nil, true // nil slice: no values
	case *ssa.Slice:
		alloc, isAlloc := v.X.(*ssa.Alloc)
		if !isAlloc || alloc.Referrers() == nil {
			return nil, false
		}
		type element struct {
			index int64
			value ssa.Value
		}
		var found []element
		for _, ref := range *alloc.Referrers() {
			at, isIndex := ref.(*ssa.IndexAddr)
			if !isIndex || at.Referrers() == nil {
				continue
			}
			index, isConst := at.Index.(*ssa.Const)
			if !isConst {
				return nil, false
			}
			for _, use := range *at.Referrers() {
				if store, isStore := use.(*ssa.Store); isStore && store.Addr == at {
					found = append(found, element{index.Int64(), store.Val})
				}
			}
		}
		slices.SortStableFunc(found, func(a, b element) int { return int(a.index - b.index) })
		for _, e := range found {
			values = append(values, e.value)
		}
		return values, true
	}
	return nil, false
}

// Sites iterates over the call instructions of fn in order.
func Sites(fn *ssa.Function) func(yield func(ssa.CallInstruction) bool) {
	return func(yield func(ssa.CallInstruction) bool) {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if site, ok := instr.(ssa.CallInstruction); ok && !yield(site) {
					return
				}
			}
		}
	}
}
