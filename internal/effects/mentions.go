// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/types"
	"regexp"
	"strings"

	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Mentioned tells whether a story sends a change: a raw patch that spells its fields out sends no others.
func (s *Story) Mentioned(ch *Event) bool {
	p := s.Write.Patch
	if p == nil || p.Payload == nil {
		return true
	}
	m := s.e.Mentions(s.Write.Func(), p.Payload)
	if !m.Word("metadata") && !m.Word("spec") && !m.Word("status") {
		return true // it is made of the object, or of what is not seen
	}
	name := strings.TrimSuffix(ch.Path[strings.LastIndex(ch.Path, ".")+1:], "[]")
	return name == "" || m.Has(name) || m.Has(strings.ToLower(name[:1])+name[1:])
}

// Mentions are the words that a payload is made from.
type Mentions struct {
	words map[string]bool
	text  []string
	// Opaque is set when part of the payload comes from where its words cannot be seen.
	Opaque bool
}

// Has tells whether the payload mentions a word, alone or within a longer text.
func (m Mentions) Has(word string) bool {
	if m.words[word] {
		return true
	}
	for _, t := range m.text {
		if strings.Contains(t, word) {
			return true
		}
	}
	return false
}

// Word tells whether the payload mentions a word by itself or in quotes.
func (m Mentions) Word(word string) bool {
	if m.words[word] {
		return true
	}
	for _, t := range m.text {
		if strings.Contains(t, `"`+word+`"`) {
			return true
		}
	}
	return false
}

// Match returns what the first group of an expression matches in the first word that it fits, in the order in which the
// words were found.
func (m Mentions) Match(expr *regexp.Regexp) (found string, ok bool) {
	for _, t := range m.text {
		if groups := expr.FindStringSubmatch(t); len(groups) > 1 {
			return groups[1], true
		}
	}
	return "", false
}

// Mentions collects the constant strings and field names that v is made from, through own functions.
func (e *Effects) Mentions(fn *ssa.Function, v ssa.Value) Mentions {
	w := &mentionWalk{e: e, seen: make(map[ssa.Value]bool), out: Mentions{words: make(map[string]bool)}}
	w.value(v)
	return w.out
}

type mentionWalk struct {
	e    *Effects
	seen map[ssa.Value]bool
	out  Mentions
}

func (w *mentionWalk) say(s string) {
	w.out.words[s] = true
	w.out.text = append(w.out.text, s)
}

func (w *mentionWalk) value(v ssa.Value) {
	if v == nil || w.seen[v] {
		return
	}
	if len(w.seen) > 600 {
		w.out.Opaque = true
		return
	}
	w.seen[v] = true
	switch x := v.(type) {
	case *ssa.Const:
		if x.Value != nil && x.Value.Kind() == constant.String {
			w.say(constant.StringVal(x.Value))
		}
		return
	case *ssa.FieldAddr:
		name, _ := fieldOf(x.X.Type(), x.Field)
		w.say(name)
		w.value(x.X)
		return
	case *ssa.Parameter, *ssa.FreeVar, *ssa.Extract, *ssa.Call:
		w.sources(v)
		return
	case *ssa.Alloc, *ssa.MakeMap, *ssa.MakeSlice:
		w.filled(v)
		return
	case *ssa.Function, *ssa.Builtin, *ssa.Global:
		return
	}
	if instr, ok := v.(ssa.Instruction); ok {
		for _, op := range instr.Operands(nil) {
			if *op != nil {
				w.value(*op)
			}
		}
	}
}

// sources continues where a value comes from: into own functions, and over the arguments of library calls.
func (w *mentionWalk) sources(v ssa.Value) {
	for _, src := range w.e.Program.Sources(v).Values {
		if src != v {
			w.value(src)
			continue
		}
		call, ok := src.(*ssa.Call)
		if ex, isExtract := src.(*ssa.Extract); isExtract {
			call, ok = ex.Tuple.(*ssa.Call)
		}
		if !ok {
			w.out.Opaque = true
			continue
		}
		if target := program.Target(call); target != nil && (target.Name() == "GetResourceVersion" || target.Name() == "GetUID" || target.Name() == "SetResourceVersion") {
			w.say(strings.TrimPrefix(strings.TrimPrefix(target.Name(), "Get"), "Set"))
		}
		if call.Call.IsInvoke() {
			w.value(call.Call.Value)
		}
		for _, arg := range call.Call.Args {
			w.value(arg)
		}
	}
}

// filled walks what is put into a variable, map or slice.
func (w *mentionWalk) filled(v ssa.Value) {
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
		case *ssa.FieldAddr:
			if x.X == v && !w.seen[x] {
				name, _ := fieldOf(x.X.Type(), x.Field)
				if written(x) {
					w.say(name)
					w.say(jsonName(x.X.Type(), x.Field))
				}
				w.seen[x] = true
				w.filled(x)
			}
		case *ssa.IndexAddr:
			if x.X == v && !w.seen[x] {
				w.seen[x] = true
				w.filled(x)
			}
		case *ssa.Call:
			if recv := program.Receiver(x); recv == v {
				if target := program.Target(x); target != nil && target.Name() == "SetResourceVersion" {
					w.say("ResourceVersion")
				}
			}
		}
	}
}

// written tells whether something is stored at a field.
func written(f *ssa.FieldAddr) bool {
	for _, ref := range *f.Referrers() {
		if st, ok := ref.(*ssa.Store); ok && st.Addr == f {
			return true
		}
	}
	return false
}

// jsonName is the name that a field has on the wire.
func jsonName(t types.Type, index int) string {
	t = types.Unalias(t)
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok || index >= s.NumFields() {
		return ""
	}
	_, tag, _ := strings.Cut(s.Tag(index), `json:"`)
	tag, _, _ = strings.Cut(tag, `"`)
	name, _, _ := strings.Cut(tag, ",")
	return name
}
