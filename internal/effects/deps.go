// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// depsBudget bounds the values looked at for one answer.
const depsBudget = 400

// DepsOf answers what v is computed from inside fn: a walk back through operators, calls and local variables to the
// parts of objects, variables, parameters and calls that take part. Results of own functions depend on what the
// function's results depend on.
func (e *Effects) DepsOf(fn *ssa.Function, v ssa.Value) Deps {
	key := depKey{fn, v}
	if known, ok := e.deps[key]; ok {
		return known
	}
	w := &depWalk{e: e, fn: fn, seen: make(map[ssa.Value]bool)}
	w.out.Constant = true
	w.value(v)
	e.deps[key] = w.out.clipped()
	return e.deps[key]
}

type depKey struct {
	fn *ssa.Function
	v  ssa.Value
}

type depWalk struct {
	e     *Effects
	fn    *ssa.Function
	seen  map[ssa.Value]bool
	out   Deps
	depth int
}

func (w *depWalk) value(v ssa.Value) {
	if v == nil || w.seen[v] || len(w.seen) > depsBudget {
		return
	}
	w.seen[v] = true
	switch x := v.(type) {
	case *ssa.Const:
		if x.Value != nil && x.Value.Kind() == constant.String {
			w.out.addString(constant.StringVal(x.Value))
		}
		return
	case *ssa.Phi:
		for i, edge := range x.Edges {
			w.value(edge)
			w.chosen(x, i)
		}
		return
	case *ssa.BinOp:
		if isArithmetic(x) {
			w.out.Arithmetic = true
		}
		w.value(x.X)
		w.value(x.Y)
		return
	case *ssa.UnOp:
		if x.Op == token.MUL {
			w.load(x)
			return
		}
		w.value(x.X)
		return
	case *ssa.Call:
		w.call(x, 0)
		return
	case *ssa.Extract:
		if call, ok := x.Tuple.(*ssa.Call); ok {
			w.call(call, x.Index)
			return
		}
		w.place(x)
		if in, ok := x.Tuple.(ssa.Value); ok {
			w.value(in)
		}
		return
	case *ssa.Alloc:
		w.variable(x)
		return
	case *ssa.MakeSlice, *ssa.MakeMap, *ssa.MakeChan, *ssa.Function, *ssa.Builtin:
		w.contents(v)
		return
	case *ssa.Parameter, *ssa.FreeVar, *ssa.Global:
		w.out.Constant = false
		w.out.addPlace(Place{Object: Object{Root: v}})
		return
	case *ssa.FieldAddr, *ssa.Field, *ssa.IndexAddr, *ssa.Index, *ssa.Lookup:
		w.place(v)
		if _, ok := w.e.Place(w.fn, v); ok {
			return
		}
	}
	w.operands(v)
}

// chosen adds what decides that a truth value is the constant of edge i: the left side of && and ||.
func (w *depWalk) chosen(x *ssa.Phi, i int) {
	if _, isConst := x.Edges[i].(*ssa.Const); !isConst || !isBool(x.Type()) {
		return
	}
	from := x.Block().Preds[i]
	if branch, ok := from.Instrs[len(from.Instrs)-1].(*ssa.If); ok {
		w.value(branch.Cond)
	}
}

func isBool(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

func isArithmetic(x *ssa.BinOp) bool {
	switch x.Op {
	case token.ADD, token.SUB, token.MUL, token.QUO, token.REM:
		basic, ok := x.Type().Underlying().(*types.Basic)
		return ok && basic.Info()&types.IsNumeric != 0
	}
	return false
}

func (w *depWalk) operands(v ssa.Value) {
	instr, ok := v.(ssa.Instruction)
	if !ok {
		return
	}
	for _, op := range instr.Operands(nil) {
		if *op != nil {
			w.value(*op)
		}
	}
}

func (w *depWalk) place(v ssa.Value) {
	for _, p := range w.e.Places(w.fn, v) {
		w.out.Constant = false
		w.out.addPlace(p)
	}
}

// load depends on the place that is read; a local variable depends on what was stored into it.
func (w *depWalk) load(x *ssa.UnOp) {
	if alloc, ok := x.X.(*ssa.Alloc); ok {
		w.variable(alloc)
		return
	}
	places := w.e.Places(w.fn, x)
	if len(places) == 0 {
		w.value(x.X)
		return
	}
	for _, p := range places {
		w.out.Constant = false
		w.out.addPlace(p)
		if alloc, ok := p.Root.(*ssa.Alloc); ok && !w.e.isObject(alloc.Type()) {
			w.variable(alloc)
		}
	}
}

// variable depends on everything stored into a local variable, its fields and elements.
func (w *depWalk) variable(a *ssa.Alloc) {
	if w.e.isObject(a.Type()) {
		w.out.Constant = false
		w.out.addPlace(Place{Object: Object{Root: a}})
	}
	w.contents(a)
}

// contents walks what is stored into a variable, slice or map, and the library calls that fill it.
func (w *depWalk) contents(v ssa.Value) {
	refs := v.Referrers()
	if refs == nil {
		return
	}
	for _, ref := range *refs {
		switch x := ref.(type) {
		case *ssa.Store:
			if x.Addr == v {
				w.value(x.Val)
			}
		case *ssa.MapUpdate:
			if x.Map == v {
				w.value(x.Key)
				w.value(x.Value)
			}
		case *ssa.FieldAddr, *ssa.IndexAddr:
			if inner := ref.(ssa.Value); inner != nil && !w.seen[inner] {
				w.seen[inner] = true
				w.contents(inner)
			}
		case *ssa.MakeInterface:
			w.contents(x) // an io.Writer
		case *ssa.Call:
			if fills(x, v) {
				w.call(x, 0)
			}
		}
	}
}

// fills tells whether a library call writes into v: json.Unmarshal(data, &v), obj.DeepCopyInto(&v), pem.Encode(&v, block).
func fills(call *ssa.Call, v ssa.Value) bool {
	target := program.Target(call)
	if target == nil {
		return false
	}
	switch target.Name() {
	case "Unmarshal", "Decode", "DeepCopyInto", "FromUnstructured", "Convert", "Encode":
		return true
	}
	return false
}

// call depends on the results of own functions, or on the arguments of library functions.
func (w *depWalk) call(call *ssa.Call, result int) {
	common := call.Common()
	if b, ok := common.Value.(*ssa.Builtin); ok {
		if b.Name() == "append" || b.Name() == "copy" {
			w.out.Append = true
		}
		for _, arg := range common.Args {
			w.value(arg)
		}
		return
	}
	row := program.Model(call)
	if row != nil && row.Effect == kube.Time {
		if target := program.Target(call); target != nil && isNow(target) {
			w.out.Now, w.out.Constant = true, false
			return
		}
	}
	if target := program.Target(call); target != nil && isRandom(target) {
		w.out.Random, w.out.Constant = true, false
		return
	}
	for _, callee := range w.e.Program.Static(call) {
		w.through(call, callee, result)
	}
	if row != nil && row.Effect.IsRead() {
		// What a read gives is the object that it fills.
		w.out.Constant = false
		w.out.addCall(call)
		w.out.addPlace(Place{Object: Object{Root: call}})
		return
	}
	w.out.addCall(call)
	if common.IsInvoke() {
		w.value(common.Value)
	}
	for _, arg := range common.Args {
		w.value(arg)
	}
}

// through adds what an own callee's result depends on, in the terms of the callee, except its parameters, which the
// arguments stand for.
func (w *depWalk) through(call *ssa.Call, callee *ssa.Function, result int) {
	if w.depth >= 3 {
		return
	}
	got := w.e.answer(answerKey{callee, result, w.depth + 1})
	w.out.Now = w.out.Now || got.Now
	w.out.Random = w.out.Random || got.Random
	w.out.Append = w.out.Append || got.Append
	w.out.Arithmetic = w.out.Arithmetic || got.Arithmetic
	for _, s := range got.Strings {
		w.out.addString(s)
	}
	for _, c := range got.Calls {
		w.out.addCall(c)
	}
	edge := program.Edge{Site: call, Callee: callee, Arg: -1}
	for _, p := range got.Places {
		param, ok := p.Root.(*ssa.Parameter)
		if !ok || param.Parent() != callee {
			continue
		}
		arg := program.ArgumentFor(edge, paramIndex(callee, param))
		for _, at := range w.e.Places(w.fn, arg) {
			w.out.Constant = false
			w.out.addPlace(moved(p, at, w.e.isObject(param.Type())))
		}
	}
}

// answerKey is a result of a function, and how many calls lead to it from what is asked: fewer are followed from there on.
type answerKey struct {
	fn     *ssa.Function
	result int
	depth  int
}

// answer says what a result of a function is computed from, in the terms of the function. Each is found once: an
// interface that many types implement is called from everywhere.
func (e *Effects) answer(key answerKey) Deps {
	if known, ok := e.answers[key]; ok {
		return known
	}
	w := &depWalk{e: e, fn: key.fn, seen: make(map[ssa.Value]bool), depth: key.depth}
	w.out.Constant = true
	for _, b := range key.fn.Blocks {
		if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && key.result < len(ret.Results) {
			w.value(ret.Results[key.result])
			w.answered(ret, ret.Results[key.result])
		}
	}
	e.answers[key] = w.out.clipped()
	return e.answers[key]
}

// answered adds the tests that lead a function to return a constant truth value.
func (w *depWalk) answered(ret *ssa.Return, v ssa.Value) {
	if _, isConst := v.(*ssa.Const); !isConst || !isBool(v.Type()) {
		return
	}
	for _, branch := range Conditions(ret.Block()) {
		w.value(branch.Cond)
	}
}

// moved translates a place rooted at a parameter of a callee to the caller's terms, at being the place of the argument.
func moved(p, at Place, object bool) Place {
	switch {
	case p.Base != "":
		at.Base, at.Path = join(join(at.Base, at.Path), p.Base), p.Path
	case object:
		at.Base, at.Path = join(at.Base, at.Path), p.Path
	default:
		at.Path = concat(at.Path, p.Path)
	}
	return at
}

// concat joins two paths, either of which may be empty.
func concat(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	case b[0] == '[':
		return join(a, "[]") + b[2:]
	}
	return a + "." + b
}

func isNow(fn *types.Func) bool {
	switch fn.Name() {
	case "Now", "NowMicro", "Since", "Until":
		return true
	}
	return false
}

func isRandom(fn *types.Func) bool {
	if fn.Pkg() == nil {
		return false
	}
	switch fn.Pkg().Path() {
	case "k8s.io/apimachinery/pkg/util/rand":
		return fn.Name() != "SafeEncodeString" // spells a hash
	case "github.com/google/uuid":
		return strings.HasPrefix(fn.Name(), "New") && fn.Name() != "NewSHA1" && fn.Name() != "NewMD5" && fn.Name() != "NewHash"
	case "crypto/rsa", "crypto/ecdsa", "crypto/ed25519", "crypto/ecdh", "crypto/dsa":
		return fn.Name() == "GenerateKey"
	case "math/rand", "math/rand/v2", "crypto/rand", "k8s.io/apimachinery/pkg/util/uuid", "k8s.io/apiserver/pkg/storage/names":
		return true
	}
	return false
}
