// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"cmp"
	"go/token"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Fate is a place where a value leaves the process or becomes part of what is stored.
type Fate struct {
	// At is the instruction that stores or sends it.
	At ssa.Instruction
	// Where says what it becomes: a field as Type.Field, "annotation", "label", "name", "patch", "row".
	Where string
	// Hashed is set when only a hash of it gets there.
	Hashed bool
}

// Name tells whether the value becomes the name of an object.
func (f Fate) Name() bool {
	return f.Where == "name" || strings.HasSuffix(f.Where, "ObjectMeta.Name") || strings.HasSuffix(f.Where, "ObjectMeta.GenerateName")
}

const (
	fateBudget = 400
	fateDepth  = 8
)

// Fates answers where v gets stored: a walk forward through texts, maps, own functions and fields to the fields of API
// objects, their setters, patches and rows. What is logged, printed or measured has no fate.
func (e *Effects) Fates(v ssa.Value) []Fate {
	w := &fateWalk{e: e, seen: make(map[ssa.Value]bool)}
	w.from(v, false)
	return w.out
}

type fateWalk struct {
	e     *Effects
	seen  map[ssa.Value]bool
	depth int
	out   []Fate
}

func (w *fateWalk) end(at ssa.Instruction, where string, hashed bool) {
	for _, have := range w.out {
		if have.At == at && have.Where == where {
			return
		}
	}
	w.out = append(w.out, Fate{At: at, Where: where, Hashed: hashed})
}

func (w *fateWalk) from(v ssa.Value, hashed bool) {
	if v == nil || w.seen[v] || len(w.seen) > fateBudget || v.Referrers() == nil {
		return
	}
	w.seen[v] = true
	for _, ref := range *v.Referrers() {
		w.use(v, ref, hashed)
	}
}

func (w *fateWalk) use(v ssa.Value, ref ssa.Instruction, hashed bool) {
	switch x := ref.(type) {
	case *ssa.Phi, *ssa.MakeInterface, *ssa.ChangeType, *ssa.ChangeInterface, *ssa.Convert, *ssa.Slice, *ssa.Extract:
		w.from(x.(ssa.Value), hashed)
	case *ssa.BinOp:
		if x.Op == token.ADD {
			w.from(x, hashed)
		}
	case *ssa.UnOp:
		if x.Op == token.MUL {
			w.from(x, hashed)
		}
	case *ssa.Store:
		if x.Val == v {
			w.stored(x, x.Addr, hashed)
		}
	case *ssa.MapUpdate:
		if x.Value == v || x.Key == v {
			w.intoMap(x, x.Map, hashed)
		}
	case *ssa.Return:
		w.returned(x, v, hashed)
	case *ssa.MakeClosure:
		for i, b := range x.Bindings {
			if b == v {
				w.from(x.Fn.(*ssa.Function).FreeVars[i], hashed)
			}
		}
	case ssa.CallInstruction:
		w.passed(x, v, hashed)
	}
}

// stored ends at a field of an API object, and goes on where own code reads the variable or field.
func (w *fateWalk) stored(at *ssa.Store, addr ssa.Value, hashed bool) {
	switch a := addr.(type) {
	case *ssa.FieldAddr:
		name, _ := fieldOf(a.X.Type(), a.Field)
		if w.e.IsAPIPart(a.X.Type()) {
			if name != "Message" && !program.IsNamed(a.X.Type(), metaPath, "TableRow") { // prose for people, rows that are printed
				w.end(at, program.Named(a.X.Type()).Obj().Name()+"."+name, hashed)
			}
			return
		}
		if where := carrier(name); where != "" && isStringMap(at.Val.Type()) {
			w.end(at, where, hashed)
			return
		}
		if key, ok := program.FieldKeyOf(a.X.Type(), a.Field); ok && w.e.Program.OwnType(a.X.Type()) {
			for _, load := range w.e.fieldLoads(key) {
				w.from(load, hashed)
			}
		}
	case *ssa.IndexAddr:
		w.from(a.X, hashed)
	case *ssa.Alloc:
		w.from(a, hashed)
	case *ssa.FreeVar:
		for _, cell := range w.e.Program.Bindings(a) {
			w.from(cell, hashed)
		}
	}
}

// intoMap ends when the map is one that an object carries; else the map carries the value on.
func (w *fateWalk) intoMap(at *ssa.MapUpdate, m ssa.Value, hashed bool) {
	sources := w.e.Program.SourcesUntil(m, func(v ssa.Value) bool { return carriedBy(v) != "" }).Values
	for _, src := range sources {
		if where := carriedBy(src); where != "" {
			w.end(at, where, hashed)
		}
		if made, ok := src.(*ssa.MakeMap); ok {
			w.from(made, hashed)
		}
	}
	w.from(m, hashed)
}

// carriedBy names what a map holds that is read from an object: obj.Annotations, obj.GetAnnotations().
func carriedBy(v ssa.Value) string {
	switch x := v.(type) {
	case *ssa.UnOp:
		if f, ok := x.X.(*ssa.FieldAddr); ok && x.Op == token.MUL {
			name, _ := fieldOf(f.X.Type(), f.Field)
			return carrier(name)
		}
	case *ssa.Call:
		if target := program.Target(x); target != nil {
			return carrier(strings.TrimPrefix(target.Name(), "Get"))
		}
	}
	return ""
}

// carrier names what the maps of an object called so hold.
func carrier(name string) string {
	switch strings.ToLower(name) {
	case "annotations":
		return "annotation"
	case "labels":
		return "label"
	}
	return ""
}

// setterOf returns what a function called so sets: SetLabels and WithLabels set Labels.
func setterOf(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "Set"), "With")
}

func isStringMap(t types.Type) bool {
	m, ok := t.Underlying().(*types.Map)
	return ok && types.Identical(m.Elem().Underlying(), types.Typ[types.String])
}

// returned goes on at the callers.
func (w *fateWalk) returned(ret *ssa.Return, v ssa.Value, hashed bool) {
	if w.depth >= fateDepth {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	for i, r := range ret.Results {
		if r != v {
			continue
		}
		for _, edge := range w.e.Program.Callers(ret.Parent()) {
			call, ok := edge.Site.(*ssa.Call)
			if !ok || edge.Arg >= 0 || w.e.Program.InTest(edge.Caller()) {
				continue
			}
			if len(ret.Results) == 1 {
				w.from(call, hashed)
				continue
			}
			for _, ref := range *call.Referrers() {
				if ex, ok := ref.(*ssa.Extract); ok && ex.Index == i {
					w.from(ex, hashed)
				}
			}
		}
	}
}

// passed goes on in own callees and through functions that only rework their arguments, and ends at those that store.
func (w *fateWalk) passed(site ssa.CallInstruction, v ssa.Value, hashed bool) {
	common := site.Common()
	followed := false
	for _, edge := range w.e.Program.Callees(site) {
		if edge.Arg >= 0 || w.depth >= fateDepth {
			continue
		}
		for i, param := range edge.Callee.Params {
			if program.ArgumentFor(edge, i) == v {
				followed = true
				w.depth++
				w.from(param, hashed)
				w.depth--
			}
		}
	}
	target := program.Target(site)
	if b, ok := common.Value.(*ssa.Builtin); ok && b.Name() == "append" {
		w.from(site.Value(), hashed)
		return
	}
	if followed || target == nil || target.Pkg() == nil {
		return
	}
	if where := w.storing(site, target, v); where != "" {
		w.end(site, where, hashed)
		return
	}
	if pkg := target.Pkg().Path(); reworks(pkg) {
		hashed = hashed || strings.HasPrefix(pkg, "crypto/") || strings.HasPrefix(pkg, "hash")
		if call := site.Value(); call != nil {
			w.from(call, hashed)
		}
		// builder.WriteString(v), hash.Write(v), fmt.Fprintf(hash, v): what is written to carries it on.
		if recv := program.Receiver(site); recv != nil && recv != v {
			w.from(recv, hashed)
		}
		if pkg == "fmt" && strings.HasPrefix(target.Name(), "Fprint") && isHash(common.Args[0].Type()) {
			w.from(stripped(common.Args[0]), true)
		}
	}
}

func isHash(t types.Type) bool {
	named := program.Named(t)
	return named != nil && named.Obj().Pkg() != nil && strings.HasPrefix(named.Obj().Pkg().Path(), "hash")
}

// reworks tells whether the functions of a package make a new text or number of their arguments and nothing else.
func reworks(pkg string) bool {
	switch pkg {
	case "fmt", "strings", "strconv", "bytes", "path", "encoding/json", "encoding/hex", "encoding/base64", "encoding/base32", "net/url", "io",
		"k8s.io/apimachinery/pkg/util/rand", "k8s.io/utils/ptr", "maps", "slices":
		return true
	}
	return strings.HasPrefix(pkg, "crypto/") || strings.HasPrefix(pkg, "hash")
}

// storing tells what a call that leaves own code makes of its argument v; "" when it stores nothing.
func (w *fateWalk) storing(site ssa.CallInstruction, target *types.Func, v ssa.Value) string {
	if row := program.Model(site); row != nil && row.Effect.IsWrite() {
		if row.Payload >= 0 && program.Argument(site, row.Payload) == v {
			return "patch"
		}
		return ""
	}
	if row := program.Model(site); row != nil && row.Effect == kube.PatchConstructor {
		return "patch"
	}
	switch target.Name() {
	case "SetName", "SetGenerateName":
		return "name"
	case "SetMetaDataAnnotation":
		return "annotation"
	case "SetMetaDataLabel":
		return "label"
	case "SetNestedField", "SetNestedMap", "SetNestedStringMap", "SetNestedSlice":
		return "field of an unstructured object"
	}
	if recv := program.Receiver(site); recv != nil && strings.HasPrefix(target.Name(), "With") && target.Name() != "WithMessage" {
		if named := program.Named(recv.Type()); named != nil && strings.HasSuffix(named.Obj().Name(), "ApplyConfiguration") {
			return strings.TrimSuffix(named.Obj().Name(), "ApplyConfiguration") + "." + strings.TrimPrefix(target.Name(), "With")
		}
	}
	if pkg := target.Pkg(); pkg != nil && strings.HasPrefix(pkg.Path(), "github.com/prometheus/") {
		return "" // the labels of a metric are gone with the process
	}
	for i := range target.Signature().Params().Len() {
		if program.Argument(site, i) == v && isStringMap(v.Type()) {
			return cmp.Or(carrier(target.Signature().Params().At(i).Name()), carrier(setterOf(target.Name())))
		}
	}
	return ""
}

// fieldLoads returns where own code outside of tests reads a field.
func (e *Effects) fieldLoads(key program.FieldKey) []ssa.Value {
	if e.loads == nil {
		e.loads = make(map[program.FieldKey][]ssa.Value)
		for _, fn := range e.Program.Funcs {
			if !e.Program.InTest(fn) {
				e.indexLoads(fn)
			}
		}
	}
	return e.loads[key]
}

func (e *Effects) indexLoads(fn *ssa.Function) {
	add := func(t types.Type, index int, v ssa.Value) {
		if key, ok := program.FieldKeyOf(t, index); ok {
			e.loads[key] = append(e.loads[key], v)
		}
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch x := instr.(type) {
			case *ssa.Field:
				add(x.X.Type(), x.Field, x)
			case *ssa.UnOp:
				if f, ok := x.X.(*ssa.FieldAddr); ok && x.Op == token.MUL {
					add(f.X.Type(), f.Field, x)
				}
			}
		}
	}
}
