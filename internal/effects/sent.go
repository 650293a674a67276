// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Sent returns the changes that the write sends. A patch that is a difference sends what was changed after its base was
// copied; everything else sends all changes. Of these the server keeps the ones in the half of the object that the
// request is for.
func (s *Story) Sent() []*Event {
	if s.sent == nil {
		s.sent = slices.Clip(s.findSent())
	}
	return s.sent
}

func (s *Story) findSent() []*Event {
	late := s.afterBase()
	out := []*Event{} // not nil: found, even when there are none
	for _, ch := range s.Changes() {
		if (late == nil || late[ch.Origin]) && s.keeps(ch.Path) {
			out = append(out, ch)
		}
	}
	return out
}

// afterBase returns the changes that can happen between the copy that set base and written object apart and the write.
// The copy is looked for in the function that writes first, then in those that lead to it: what happens outside of the
// one that copies is in both. Nil means that no copy was found.
func (s *Story) afterBase() map[ssa.Instruction]bool {
	chain := s.Write.Chain
	if p := s.Write.Patch; p != nil && p.Snapshot != nil && len(chain) == 0 && s.e.marshalsWritten(s) {
		return s.e.changesAfter(s.Func, &Event{At: p.Snapshot}, s.Write)
	}
	handed := s.Write.handedBase()
	for depth := len(chain); depth >= 0; depth-- {
		fn := s.Write.Origin.Parent()
		if depth < len(chain) {
			fn = chain[depth].Parent()
		}
		for _, w := range s.e.Events(fn) {
			if w.Kind != Write || w.Origin != s.Write.Origin || !slices.Equal(w.Chain, chain[depth:]) {
				continue
			}
			if handed != nil && handed.Parent() == fn {
				return s.e.changesAfter(fn, &Event{At: handed}, w)
			}
			if copied := s.e.baseCopy(fn, w); copied != nil {
				return s.e.changesAfter(fn, copied, w)
			}
		}
	}
	return nil
}

// handedBase returns where the base of a patch was taken that the function of the write was given ready made; nil for others.
func (w *Event) handedBase() ssa.Instruction {
	p := w.Patch
	if p == nil || p.Made == nil || p.Base == nil || p.Made.Parent() == w.Origin.Parent() {
		return nil
	}
	base := p.Base
	if boxed, ok := base.(*ssa.MakeInterface); ok {
		base = boxed.X
	}
	if copied, ok := base.(*ssa.Call); ok {
		return copied
	}
	return p.Made
}

// marshalsWritten tells whether a difference is one of the written object to what itself was before.
func (e *Effects) marshalsWritten(s *Story) bool {
	return len(s.Write.Base) == 1 && (Object{s.Write.Base[0].Root, concat(s.Write.Base[0].Base, s.Write.Base[0].Path)}) == s.Write.Object
}

func (e *Effects) changesAfter(fn *ssa.Function, copied, w *Event) map[ssa.Instruction]bool {
	late := make(map[ssa.Instruction]bool)
	for _, ch := range e.Events(fn) {
		if ch.Kind == Change && MayPrecede(copied.At, ch.At) && (ch.At == w.At || MayPrecede(ch.At, w.At)) {
			late[ch.Origin] = true
		}
	}
	return late
}

// baseCopy returns the copy in fn that set the base of a write and the written object apart; nil if there is none.
func (e *Effects) baseCopy(fn *ssa.Function, w *Event) *Event {
	for _, b := range w.Base {
		base := Object{b.Root, concat(b.Base, b.Path)}
		for _, ev := range e.Events(fn) {
			if ev.Kind != Copy || ev.At == w.At {
				continue
			}
			from := Object{ev.From.Root, concat(ev.From.Base, ev.From.Path)}
			if ev.Object == base && from == w.Object || ev.Object == w.Object && from == base {
				return ev
			}
		}
	}
	return nil
}

// keeps tells whether the server takes a field from the write: a request for the status takes the status only. One for
// the main resource leaves the status out when there is a status subresource, as with built-in kinds, and with all whose
// status the program writes through it.
func (s *Story) keeps(path string) bool {
	inStatus := Under(path, "Status")
	switch s.Write.Call.Effect {
	case kube.UpdateStatus, kube.PatchStatus, kube.ApplyStatus:
		return inStatus || path == "ResourceVersion" || strings.HasPrefix(path, "Object")
	case kube.Update, kube.Patch, kube.Apply:
		return !inStatus || !s.hasSubresource()
	}
	return true
}

func (s *Story) hasSubresource() bool {
	k, ok := s.Kind()
	if !ok || k.BuiltIn() {
		return ok
	}
	return slices.ContainsFunc(s.e.Ledger(), func(row *Entry) bool { return row.Call.Effect.OnStatus() && s.e.Concerns(row, k, s.Type()) })
}

// BaseCopy returns the copy that set the base of the patch and the written object apart, in the story's function; nil if
// there is none.
func (s *Story) BaseCopy() *Event { return s.e.baseCopy(s.Func, s.Write) }

// Reassigned tells whether fn assigns to a variable more than once.
func Reassigned(fn *ssa.Function, root ssa.Value) bool {
	refs := root.Referrers()
	if refs == nil {
		return false
	}
	stores := 0
	for _, ref := range *refs {
		if st, ok := ref.(*ssa.Store); ok && st.Addr == root && st.Parent() == fn {
			stores++
		}
	}
	return stores > 1
}

// HandedOn tells whether an object is given to a call that can run between two instructions and that the model does not
// know: it may change the object in ways that no event shows.
func HandedOn(root ssa.Value, from, to ssa.Instruction) bool {
	return givenTo(root, func(site ssa.CallInstruction) bool {
		return site != from && site != to && program.Model(site) == nil && MayPrecede(from, site) && MayPrecede(site, to)
	})
}

// givenTo tells whether an object is an argument of a call that a test picks.
func givenTo(root ssa.Value, picked func(ssa.CallInstruction) bool) bool {
	seen := make(map[ssa.Value]bool)
	var given func(v ssa.Value) bool
	given = func(v ssa.Value) bool {
		if seen[v] || v.Referrers() == nil {
			return false
		}
		seen[v] = true
		for _, ref := range *v.Referrers() {
			switch x := ref.(type) {
			case ssa.CallInstruction:
				if picked(x) {
					return true
				}
			case *ssa.MakeInterface, *ssa.ChangeInterface, *ssa.Phi, *ssa.UnOp, *ssa.MakeClosure:
				if given(x.(ssa.Value)) {
					return true
				}
			}
		}
		return false
	}
	return given(root)
}

// Type returns the type of the object that the story is about, a pointer to a struct as a rule; an interface where only its
// value knows.
func (s *Story) Type() types.Type {
	if t := s.Write.Type; t != nil && !types.IsInterface(t) && !s.Write.Partial {
		return t
	}
	root := s.Write.Root
	if root == nil {
		return s.Write.Type
	}
	t := stripped(root).Type()
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		if inner, ok := ptr.Elem().Underlying().(*types.Pointer); ok {
			t = inner // a variable that holds the pointer
		}
	}
	if s.Write.Object.Base != "" {
		return typeAt(t, s.Write.Object.Base)
	}
	return t
}

// typeAt follows a path from a type; the type itself where the path leads nowhere.
func typeAt(t types.Type, path string) types.Type {
	for step := range strings.SplitSeq(path, ".") {
		name, inside := strings.CutSuffix(step, "[]")
		next := t
		if name != "" {
			if next = fieldType(t, name); next == nil {
				return t
			}
		}
		if inside {
			switch u := next.Underlying().(type) {
			case *types.Slice:
				next = u.Elem()
			case *types.Map:
				next = u.Elem()
			}
		}
		t = next
	}
	return t
}

// Source tells whether the object of a place is the written one, what it was copied from, or the base of the patch.
func (s *Story) Source(o Object) bool {
	if s.Kin(o) {
		return true
	}
	for _, b := range s.Write.Base {
		if b.Root == o.Root {
			return true
		}
	}
	return false
}

// FromOld tells whether the new value of a change is computed from what the object held there when it was read: a counter,
// an appended list, a maximum.
func (s *Story) FromOld(ch *Event) bool {
	if part, inner := s.within(ch); part != nil {
		return part.FromOld(inner) // the caller cannot tell the objects apart that it may be given
	}
	return s.onOld(ch) && !s.madeAnew(ch)
}

// onOld tells whether the new value of a change is computed from what the object held there before.
func (s *Story) onOld(ch *Event) bool {
	return slices.ContainsFunc(ch.Deps().Places, func(p Place) bool {
		return p.Path != "" && s.Source(p.Object) && (Under(p.Path, ch.Path) || Under(ch.Path, p.Path) && !isHalf(p.Path))
	})
}

// isHalf tells whether a path names a half of the object rather than a field.
func isHalf(path string) bool { return path == "Status" || path == "Spec" || path == "Data" }

// Transition tells whether a change is decided on the value that the same field had before: a step of a state machine.
// A test whether the field has the new value already decides nothing.
func (s *Story) Transition(ch *Event) bool {
	if class := ClassAt(s.Type(), ch.Path); class != kube.Scalar {
		return false
	}
	value := storedValue(ch.Origin)
	at := ch.Origin
	for i := len(ch.Chain); ; i-- {
		for _, branch := range Conditions(at.Block()) {
			if s.testsOld(branch, at, ch, value) {
				return true
			}
		}
		if i == 0 {
			return false
		}
		at = ch.Chain[i-1]
	}
}

func storedValue(instr ssa.Instruction) ssa.Value {
	switch x := instr.(type) {
	case *ssa.Store:
		return stripped(x.Val)
	case *ssa.MapUpdate:
		return stripped(x.Value)
	}
	return nil
}

// testsOld tells whether a branch that leads to the change compares the changed field with another value than the new one.
func (s *Story) testsOld(branch *ssa.If, at ssa.Instruction, ch *Event, value ssa.Value) bool {
	cond := branch.Cond
	if not, ok := cond.(*ssa.UnOp); ok && not.Op == token.NOT {
		cond = not.X
	}
	op, ok := cond.(*ssa.BinOp)
	if !ok || op.Op != token.EQL && op.Op != token.NEQ {
		return false
	}
	for _, sides := range [][2]ssa.Value{{op.X, op.Y}, {op.Y, op.X}} {
		if !s.names(at.Parent(), sides[0], ch) {
			continue
		}
		c, isConst := sides[1].(*ssa.Const)
		if !isConst || c.Value == nil || sameConst(c, value) {
			continue
		}
		if ch.Kind == Spelled && slices.Contains(ch.Deps().Strings, textOf(c)) {
			continue // the text has the value
		}
		if c.Value.Kind() == constant.String && constant.StringVal(c.Value) == "" {
			continue // sets what is not set yet
		}
		return true
	}
	return false
}

// names tells whether v, in function fn, is the field that a change sets.
func (s *Story) names(fn *ssa.Function, v ssa.Value, ch *Event) bool {
	for _, p := range s.e.Places(fn, v) {
		if p.Path == ch.Path && (fn != s.Func || s.Source(p.Object)) {
			return true
		}
	}
	return false
}

func sameConst(c *ssa.Const, v ssa.Value) bool {
	other, ok := v.(*ssa.Const)
	return ok && other.Value != nil && constant.Compare(c.Value, token.EQL, other.Value)
}

// Merges tells whether a strategic merge patch of the change merges a list by element, so that nothing is lost.
func (s *Story) Merges(ch *Event) bool {
	if s.Write.Patch == nil || s.Write.Patch.Type != StrategicPatch {
		return false
	}
	list, ok := ListAt(s.Type(), ch.Path)
	return ok && kube.StrategicMergeList(s.Type(), list)
}

// Replaces returns the list that a merge patch of the change replaces whole; ok is false when it replaces none, or when a
// strategic merge patch merges it by element.
func (s *Story) Replaces(ch *Event) (list string, ok bool) {
	list, ok = ListAt(s.Type(), ch.Path)
	return list, ok && !s.Merges(ch)
}

// EntryOf returns the row of the ledger that a story belongs to, or nil.
func (e *Effects) EntryOf(s *Story) *Entry { return e.EntryAt(s.Write.Origin) }

// EntryAt returns the row of the ledger of the write that an instruction makes, or nil.
func (e *Effects) EntryAt(site ssa.Instruction) *Entry {
	for _, row := range e.Ledger() {
		if row.Site == site {
			return row
		}
	}
	return nil
}
