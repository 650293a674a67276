// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// fieldWalk collects the fields that an apply configuration sets.
type fieldWalk struct {
	e     *Effects
	out   map[string]bool
	seen  map[ssa.Value]bool
	name  Text
	whole bool // everything that is set was understood
	depth int
}

// config walks the methods that are called on an apply configuration, its helpers and its constructor.
func (w *fieldWalk) config(v ssa.Value, at string) {
	if v == nil || w.seen[v] {
		return
	}
	w.seen[v] = true
	w.methods(v, at)
	switch x := v.(type) {
	case *ssa.Phi:
		for _, edge := range x.Edges {
			w.config(edge, at)
		}
	case *ssa.MakeInterface:
		w.config(x.X, at)
	case *ssa.Call:
		w.made(x, at)
	case *ssa.UnOp:
		stored := w.e.Program.StoredAt(x.X)
		w.whole = w.whole && len(stored) > 0
		for _, s := range stored {
			w.config(s, at)
		}
	default:
		w.whole = false // a parameter, a literal, a decoded object
	}
}

// methods adds the fields set by the With… methods called on v, and goes on with what they return.
func (w *fieldWalk) methods(v ssa.Value, at string) {
	if v.Referrers() == nil {
		return
	}
	for _, ref := range *v.Referrers() {
		call, ok := ref.(*ssa.Call)
		if !ok || program.Receiver(call) != v {
			continue
		}
		if w.e.builder(call) && !w.seen[call] {
			w.seen[call] = true
			w.set(call, at)
			w.methods(call, at)
		}
	}
}

// builder tells whether a call is a With… method of an apply configuration.
func (e *Effects) builder(call *ssa.Call) bool {
	target, recv := program.Target(call), program.Receiver(call)
	return target != nil && recv != nil && strings.HasPrefix(target.Name(), "With") && isConfig(recv.Type())
}

func isConfig(t types.Type) bool {
	named := program.Named(t)
	return named != nil && strings.HasSuffix(named.Obj().Name(), "ApplyConfiguration")
}

// made continues at the receiver of a builder, in own helpers, and ends at a constructor, which gives the name.
func (w *fieldWalk) made(call *ssa.Call, at string) {
	if w.e.builder(call) {
		w.set(call, at)
		w.config(program.Receiver(call), at)
		return
	}
	callees := w.e.Program.Static(call)
	if len(callees) == 0 || w.depth > 6 {
		target := program.Target(call)
		if target == nil || strings.HasPrefix(target.Name(), "Extract") {
			w.whole = false
			return
		}
		if at == "" && len(call.Call.Args) > 0 {
			w.name = w.e.TextOf(call.Call.Args[0])
		}
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	for _, callee := range callees {
		if w.e.Program.Generated(callee) && !strings.HasPrefix(callee.Name(), "Extract") {
			if at == "" && len(call.Call.Args) > 0 {
				w.name = w.e.TextOf(call.Call.Args[0])
			}
			continue // an own generated constructor
		}
		for _, b := range callee.Blocks {
			if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && len(ret.Results) > 0 {
				w.config(ret.Results[0], at)
			}
		}
	}
}

// set adds the field that a With… method sets, and what is set inside of it.
func (w *fieldWalk) set(call *ssa.Call, at string) {
	field := strings.TrimPrefix(program.Target(call).Name(), "With")
	args := call.Call.Args[1:]
	switch field {
	case "Name":
		if at == "" && len(args) == 1 {
			w.name = w.e.TextOf(args[0])
			return
		}
	case "Namespace", "Kind", "APIVersion":
		if at == "" {
			return
		}
	case "ResourceVersion", "UID":
		return // preconditions, not fields
	}
	path := join(at, field)
	w.out[path] = true
	for _, arg := range args {
		switch {
		case isConfig(arg.Type()):
			delete(w.out, path)
			before := len(w.out)
			w.config(arg, path)
			if len(w.out) == before {
				w.out[path] = true
			}
		default:
			w.keys(arg, path)
		}
	}
}

// keys replaces a map by its keys, when they are constants.
func (w *fieldWalk) keys(v ssa.Value, path string) {
	made, ok := v.(*ssa.MakeMap)
	if !ok {
		return
	}
	var keys []string
	for _, ref := range *made.Referrers() {
		up, ok := ref.(*ssa.MapUpdate)
		if !ok {
			continue
		}
		c, ok := up.Key.(*ssa.Const)
		if !ok || c.Value == nil || c.Value.Kind() != constant.String {
			w.whole = false
			return
		}
		keys = append(keys, path+"["+constant.StringVal(c.Value)+"]")
	}
	if len(keys) > 0 {
		delete(w.out, path)
	}
	for _, k := range keys {
		w.out[k] = true
	}
}
