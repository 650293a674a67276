// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/token"
	"go/types"
	"slices"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// TakenChange is a change of an API object that a getter handed out of a map, without the lock that the getter held.
type TakenChange struct {
	Func *ssa.Function
	Type types.Type
	// Got is the call of the getter, Found where it looks into the map, and Guard the lock that it holds then.
	Got    *ssa.Call
	Found  *memory.Access
	Guard  memory.Place
	Change *Event
	// Read is where others take objects from the map.
	Read *memory.Access
}

// TakenChanges returns the first such change of each object in own code, in source order of the functions.
func (e *Effects) TakenChanges() []TakenChange {
	t := &taker{keeper: keeper{e: e}, finds: e.sharedFinds(), known: make(map[*ssa.Function]handout)}
	var out []TakenChange
	for fn := range e.reviewed() {
		for site := range program.Sites(fn) {
			if call, ok := site.(*ssa.Call); ok {
				if c, found := t.changedAfter(fn, call); found {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// taker finds out which functions hand out what a map keeps.
type taker struct {
	keeper
	finds map[ssa.Instruction]*memory.Access
	known map[*ssa.Function]handout
}

// handout is where a function finds the object that it returns, and the lock that is held there.
type handout struct {
	found *memory.Access
	lock  memory.Place
}

// sharedFinds returns the look-ups in maps, and the loads of variables, that goroutines can share.
func (e *Effects) sharedFinds() map[ssa.Instruction]*memory.Access {
	out := make(map[ssa.Instruction]*memory.Access)
	m := e.Memory()
	for _, place := range m.Places() {
		for _, a := range m.Accesses(place) {
			if a.Write || a.Inner != nil {
				continue
			}
			switch a.At.(type) {
			case *ssa.Lookup, *ssa.Next, *ssa.UnOp:
				out[a.At] = a
			}
		}
	}
	return out
}

// changedAfter looks for a change of the object that a call returns.
func (t *taker) changedAfter(fn *ssa.Function, call *ssa.Call) (TakenChange, bool) {
	object := handedValue(call)
	callees := t.e.Program.Static(call)
	if object == nil || len(callees) != 1 || !isPointer(object.Type()) || !t.e.isObject(object.Type()) {
		return TakenChange{}, false
	}
	gives := t.gives(callees[0], 0)
	at, one := t.e.Place(fn, object)
	if gives.found == nil || !gives.lock.Known() || !one {
		return TakenChange{}, false
	}
	whole := concat(at.Base, at.Path)
	for _, ev := range slices.Concat(t.e.Events(fn), t.e.answered(fn)) {
		path := concat(ev.Object.Base, ev.Path)
		if ev.Kind != Change || ev.Root != at.Root || ev.At == ssa.Instruction(call) || path == whole || !Under(path, whole) || !staysWithin(call, ev.At, at.Root) {
			continue
		}
		if t.holds(ev, gives.lock) || t.dropped(call, ev.At, gives.found.Place) {
			continue
		}
		if read := t.readers(gives.found, gives.lock, ev); read != nil {
			return TakenChange{Func: fn, Type: object.Type(), Got: call, Found: gives.found, Guard: gives.lock, Change: ev, Read: read}, true
		}
	}
	return TakenChange{}, false
}

// handedValue returns what a call gives, or the first of several.
func handedValue(call *ssa.Call) ssa.Value {
	if _, several := call.Type().(*types.Tuple); !several {
		return call
	}
	for _, ref := range refs(call) {
		if ex, ok := ref.(*ssa.Extract); ok && ex.Index == 0 {
			return ex
		}
	}
	return nil
}

// gives answers where a function finds what it returns first, if that is all that it ever returns besides nil.
func (t *taker) gives(fn *ssa.Function, depth int) handout {
	if known, ok := t.known[fn]; ok || depth > keepDepth {
		return known
	}
	t.known[fn] = handout{}
	var out handout
	for _, b := range fn.Blocks {
		ret, ok := last(b).(*ssa.Return)
		if !ok || b == fn.Recover {
			continue
		}
		for _, v := range firstReturned(t.e, ret) {
			if program.IsNil(v) {
				continue
			}
			found := t.found(v, depth)
			if found.found == nil {
				return handout{}
			}
			out = found
		}
	}
	t.known[fn] = out
	return out
}

// firstReturned returns what a return gives first: the values of the variable that waits for deferred calls, or the value itself.
func firstReturned(e *Effects, ret *ssa.Return) []ssa.Value {
	if len(ret.Results) == 0 {
		return nil
	}
	if load, ok := ret.Results[0].(*ssa.UnOp); ok && load.Op == token.MUL {
		if cell, ok := load.X.(*ssa.Alloc); ok {
			return e.Program.StoredAt(cell)
		}
	}
	return ret.Results[:1]
}

// found follows a value back to where it is found in shared memory, through fields of what the map holds and through own functions.
func (t *taker) found(v ssa.Value, depth int) handout {
	var out handout // the last found is what holds all that was found before
	for range 6 {
		if at, ok := v.(ssa.Instruction); ok && t.finds[at] != nil {
			out = handout{t.finds[at], t.lockAt(at)}
		}
		switch x := v.(type) {
		case *ssa.Extract:
			v = x.Tuple
		case *ssa.UnOp:
			field, ok := x.X.(*ssa.FieldAddr)
			if !ok || x.Op != token.MUL {
				return out
			}
			v = field.X
		case *ssa.Call:
			callees := t.e.Program.Static(x)
			if len(callees) != 1 {
				return out
			}
			inner := t.gives(callees[0], depth+1)
			if inner.found != nil && !inner.lock.Known() {
				inner.lock = t.lockAt(x)
			}
			if inner.found == nil {
				return out
			}
			return inner
		default:
			return out
		}
	}
	return out
}
