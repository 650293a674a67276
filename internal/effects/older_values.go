// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// OlderValue is a change that puts a value which was taken from an object before onto what was read, or answered, since.
type OlderValue struct {
	Func   *ssa.Function
	Change *Event
	// Renewal is what gave the object its newer state and version: a read, or the answer to a patch that no version protects.
	Renewal *Event
	// Taken is where the older value was taken.
	Taken ssa.Instruction
}

// OlderValues returns the changes that carry older values over, in source order.
func (e *Effects) OlderValues() []OlderValue {
	var out []OlderValue
	for fn := range e.reviewed() {
		for _, ch := range e.Events(fn) {
			if ch.Kind != Change || len(ch.Chain) > 0 || ch.Root == nil || !carries(ch.Path) {
				continue
			}
			if v, ok := e.renewedByAnswer(fn, ch); ok {
				out = append(out, v)
			} else if v, ok := e.carriedIn(fn, ch); ok {
				out = append(out, v)
			}
		}
	}
	return out
}

// carries tells whether a field is content of the object.
func carries(path string) bool {
	switch path {
	case "", "Name", "Namespace", "UID", "ResourceVersion", "Generation", "ManagedFields", "TypeMeta", "ObjectMeta", "Kind", "APIVersion":
		return false
	}
	return true
}

// renewedByAnswer finds the patch without a version whose answer renewed the object after the value was taken from it and before it
// is set, while the request that sends it relies on the version.
func (e *Effects) renewedByAnswer(fn *ssa.Function, ch *Event) (OlderValue, bool) {
	life := e.lifeOf(fn, ch)
	sent := slices.ContainsFunc(life, func(w *Event) bool {
		return w.Kind == Write && versioned(w) && halfOf(w) == halfOfPath(ch.Path) && MayPrecede(ch.At, w.At)
	})
	if !sent {
		return OlderValue{}, false
	}
	for _, w := range life {
		if w.Kind != Write || w.Patch == nil || w.Patch.Lock != Unlocked || w.Partial || w.Call.WritesInto < 0 || !MustPrecede(w.At, ch.At) || MayPrecede(ch.At, w.At) {
			continue
		}
		read := slices.ContainsFunc(life, func(r *Event) bool { return r.Kind == Read && MustPrecede(r.At, w.At) })
		again := slices.ContainsFunc(life, func(r *Event) bool { return r.Kind == Read && MayPrecede(w.At, r.At) && MayPrecede(r.At, ch.At) })
		if !read || again {
			continue
		}
		t := &taking{e: e, fn: fn, ch: ch, until: w.At, seen: make(map[ssa.Value]bool)}
		if t.value(storedValue(ch.Origin), ch.Origin); t.at != nil && !t.new {
			return OlderValue{Func: fn, Change: ch, Renewal: w, Taken: t.at}, true
		}
	}
	return OlderValue{}, false
}

// versioned tells whether a request carries the version of the object.
func versioned(w *Event) bool {
	switch w.Call.Effect {
	case kube.Update, kube.UpdateStatus:
		return true
	}
	return w.Patch != nil && w.Patch.Lock == Locked
}

// taking looks for where the parts of a value were taken from a field of an object: before an instruction, or after it.
type taking struct {
	e     *Effects
	fn    *ssa.Function
	ch    *Event
	until ssa.Instruction
	seen  map[ssa.Value]bool
	at    ssa.Instruction // before
	new   bool            // after
}

func (t *taking) value(v ssa.Value, user ssa.Instruction) {
	if v == nil || t.seen[v] || len(t.seen) > 100 {
		return
	}
	t.seen[v] = true
	instr, ok := v.(ssa.Instruction)
	if !ok {
		return
	}
	switch x := v.(type) {
	case *ssa.Alloc:
		for _, ref := range *x.Referrers() {
			if st, ok := ref.(*ssa.Store); ok && st.Addr == x {
				t.value(st.Val, st)
			}
		}
		return
	case *ssa.FieldAddr, *ssa.UnOp:
		if t.names(v) {
			if _, loads := v.(*ssa.UnOp); loads {
				user = instr
			}
			if MustPrecede(user, t.until) {
				t.at = user
			} else {
				t.new = true
			}
			return
		}
	}
	for _, op := range instr.Operands(nil) {
		if *op != nil {
			t.value(*op, instr)
		}
	}
}

// names tells whether a value is the field that is changed, or a part of it, in the same object.
func (t *taking) names(v ssa.Value) bool {
	return slices.ContainsFunc(t.e.Places(t.fn, v), func(p Place) bool { return p.Object == t.ch.Object && sameField(p.Path, t.ch.Path) })
}

// sameField tells whether a value that is taken at one path is one for the other: a half of the object only for the whole half.
func sameField(taken, set string) bool {
	return taken == set || taken != "" && overlaps(taken, set) && !isHalf(taken) && !isHalf(set)
}

// carriedIn finds the variable that a closure captured, which holds what was taken from the object before the closure was
// run: the closure reads the object, or one of the name, and sets the older value on it.
func (e *Effects) carriedIn(fn *ssa.Function, ch *Event) (OlderValue, bool) {
	if fn.Parent() == nil {
		return OlderValue{}, false
	}
	renewal := e.renewalIn(fn, ch)
	if renewal == nil {
		return OlderValue{}, false
	}
	looks := func(d Deps) bool {
		return slices.ContainsFunc(d.Places, func(p Place) bool { return p.Object == ch.Object && overlaps(p.Path, ch.Path) && p.Path != "" })
	}
	if looks(ch.Deps()) || looks(ch.Guards()) {
		return OlderValue{}, false // what is there now takes part
	}
	own := e.outerObjects(ch.Root)
	for _, p := range ch.Deps().Places {
		free, ok := p.Root.(*ssa.FreeVar)
		if !ok || p.Root == ch.Root {
			continue
		}
		for _, cell := range e.Program.Bindings(free) {
			if at := e.takenOutside(fn, ch, renewal, own, p, cell); at != nil {
				return OlderValue{Func: fn, Change: ch, Renewal: renewal, Taken: at}, true
			}
		}
	}
	return OlderValue{}, false
}

// renewalIn returns the read that fills the changed object in a closure: one before the change, or, where a retry repeats
// it, one behind it; or that of the helper that calls it.
func (e *Effects) renewalIn(fn *ssa.Function, ch *Event) *Event {
	retried, helped := false, ssa.CallInstruction(nil)
	for _, edge := range e.Program.Callers(fn) {
		row := program.Model(edge.Site)
		if edge.Arg < 0 || row == nil {
			continue
		}
		retried = retried || row.Effect == kube.RetryOnConflict
		if row.Effect == kube.ReadModifyWrite {
			helped = edge.Site
		}
	}
	for _, ev := range e.Events(fn) {
		if ev.Kind == Read && ev.Object == ch.Object && (retried || MayPrecede(ev.At, ch.At)) {
			return ev
		}
	}
	if retried {
		if ev := e.replacedIn(fn, ch.Root); ev != nil {
			return ev
		}
	}
	if helped == nil {
		return nil
	}
	objects := e.outerObjects(ch.Root)
	for _, ev := range e.Events(helped.Parent()) {
		if ev.Kind == Read && ev.Origin == helped && slices.Contains(objects, ev.Object) {
			return ev
		}
	}
	return nil
}

// replacedIn returns the read, in a closure, of an object that takes the place of the one that a captured variable held.
func (e *Effects) replacedIn(fn *ssa.Function, variable ssa.Value) *Event {
	free, ok := variable.(*ssa.FreeVar)
	if !ok {
		return nil
	}
	for _, ref := range *free.Referrers() {
		st, ok := ref.(*ssa.Store)
		if !ok || st.Addr != free {
			continue
		}
		for _, ev := range e.Events(fn) {
			if ev.Kind == Read && ev.Root != nil && MayPrecede(ev.At, st) && slices.ContainsFunc(e.Places(fn, st.Val), func(p Place) bool { return p.Object == ev.Object && p.Path == "" }) {
				return ev
			}
		}
	}
	return nil
}

// outerObjects returns the objects that a captured variable is, in the function that made the closure.
func (e *Effects) outerObjects(root ssa.Value) []Object {
	free, ok := root.(*ssa.FreeVar)
	if !ok {
		return nil
	}
	var out []Object
	for _, cell := range e.Program.Bindings(free) {
		pl := placer{e: e, fn: cell.Parent(), known: make(map[ssa.Value][]Place)}
		for _, p := range pl.load(cell) {
			out = append(out, p.Object)
		}
	}
	return out
}

// takenOutside tells where a captured variable got a value of the changed field: from the object itself before it is read
// again, or from an earlier read of the object of the same name.
func (e *Effects) takenOutside(fn *ssa.Function, ch, renewal *Event, own []Object, p Place, cell ssa.Value) ssa.Instruction {
	outer := cell.Parent()
	earlier := func(o Object) bool {
		return slices.Contains(own, o) && !e.builtIn(outer, o, renewal) || sameType(o, ch.Object) && e.wasReadIn(outer, o) && e.namesSame(fn, renewal, outer, o)
	}
	if p.Path != "" {
		pl := placer{e: e, fn: outer, known: make(map[ssa.Value][]Place)}
		for _, at := range pl.load(cell) {
			if at.Path == "" && p.Path == ch.Path && !slices.Contains(own, at.Object) && earlier(at.Object) {
				return ch.Origin
			}
		}
		return nil
	}
	alloc, ok := cell.(*ssa.Alloc)
	if !ok {
		return nil
	}
	for _, ref := range *alloc.Referrers() {
		st, ok := ref.(*ssa.Store)
		if !ok || st.Addr != alloc || st.Parent() != outer {
			continue
		}
		getter := getterOf(st.Val)
		for _, q := range e.DepsOf(outer, st.Val).Places {
			if q.Path == "" && getter == ch.Path && earlier(q.Object) {
				return st
			}
			if q.Root != nil && sameField(q.Path, ch.Path) && earlier(q.Object) {
				return st
			}
		}
	}
	return nil
}

// getterOf returns the field whose getter gives a value; "" for other values.
func getterOf(v ssa.Value) string {
	call, ok := v.(*ssa.Call)
	if !ok {
		return ""
	}
	target := program.Target(call)
	if target == nil {
		return ""
	}
	field, _ := strings.CutPrefix(target.Name(), "Get")
	return field
}

// sameType tells whether two objects are of one kind.
func sameType(a, b Object) bool {
	x, ok := kube.KindOf(typeOfObject(a))
	y, known := kube.KindOf(typeOfObject(b))
	return ok && known && x.Same(y)
}

// wasReadIn tells whether an object was read in a function, or handed in by callers none of which builds it.
func (e *Effects) wasReadIn(fn *ssa.Function, o Object) bool {
	return slices.ContainsFunc(e.kin(fn, o), func(k Object) bool {
		return e.readInto(fn, k.Root) || isParameter(k.Root) && !slices.ContainsFunc(e.Program.Sources(k.Root).Values, e.builds)
	})
}

// builtIn tells whether an object is what a function got from a constructor, and read nothing into but by the renewal: it holds what
// is to be stored.
func (e *Effects) builtIn(fn *ssa.Function, o Object, renewal *Event) bool {
	read := slices.ContainsFunc(e.Events(fn), func(ev *Event) bool { return ev.Kind == Read && ev.Root == o.Root && ev.Origin != renewal.Origin })
	if read || !e.bornHere(o.Root) {
		return false
	}
	sources := e.Program.Sources(o.Root).Values
	return len(sources) > 0 && !slices.ContainsFunc(sources, func(v ssa.Value) bool { return !program.IsNil(v) && !e.builds(v) })
}

// builds tells whether a value is an object that the code makes, and fills by itself, or one from a map of its own. What
// tests hand in says nothing.
func (e *Effects) builds(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.Alloc:
		_, own := placesOf(x)
		return own && !e.readInto(x.Parent(), x) && !e.Program.InTest(x.Parent())
	case *ssa.Lookup:
		return true
	case *ssa.Extract:
		_, looked := x.Tuple.(*ssa.Lookup)
		_, ranged := x.Tuple.(*ssa.Next)
		return looked || ranged
	}
	return false
}

// readInto tells whether a function reads an object into a variable.
func (e *Effects) readInto(fn *ssa.Function, root ssa.Value) bool {
	return slices.ContainsFunc(e.Events(fn), func(ev *Event) bool { return ev.Kind == Read && ev.Root == root })
}
