// SPDX-License-Identifier: Apache-2.0

package effects

import (
	"go/constant"
	"slices"

	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"golang.org/x/tools/go/ssa"
)

// Outside tells whether a list has writers that no program owns: owner references of any object, finalizers of those that others
// put such on, and the lists of built-in kinds, which users, kubelets and other controllers write too.
func (s *Story) Outside(list string) bool {
	k, ok := s.Kind()
	switch list {
	case "Finalizers":
		return s.finalizedByOthers(k, ok)
	case "OwnerReferences":
		return true
	}
	return ok && k.BuiltIn() && !k.Alone(list)
}

// finalizedByOthers tells whether somebody else than the story's own entry point may put finalizers on objects of the kind: for one
// that the program itself declares, another entry point of it; for one of Kubernetes, the controllers that are known to do so.
func (s *Story) finalizedByOthers(k kube.Kind, known bool) bool {
	switch {
	case !known:
		return true
	case k.BuiltIn():
		return k.Finalized()
	case !s.e.Program.OwnType(s.Type()):
		return true
	}
	mine := s.entries()
	return len(mine) != 1 || slices.ContainsFunc(s.e.finalizersOf(k), func(fn *ssa.Function) bool { // several do, or who is not known
		return slices.ContainsFunc(s.e.Program.EntriesOf(fn), func(en *program.Entry) bool { return en.Domain != program.Test && en != mine[0] })
	})
}

// finalizersOf lists the functions that change the finalizers of objects of a kind in memory, whoever sends them.
func (e *Effects) finalizersOf(kind kube.Kind) []*ssa.Function {
	if e.finalizers == nil {
		e.finalizers = make(map[kube.Kind][]*ssa.Function)
		for _, fn := range e.Program.Funcs {
			for _, ev := range e.Events(fn) {
				if ev.Kind != Change || ev.Path != "Finalizers" || ev.Root == nil {
					continue
				}
				if k, ok := kube.KindOf(typeOfObject(ev.Object)); ok && !slices.Contains(e.finalizers[k], fn) {
					e.finalizers[k] = append(e.finalizers[k], fn)
				}
			}
		}
	}
	return e.finalizers[kind]
}

// entries returns the entry points that lead to the story's write, those of tests left out.
func (s *Story) entries() []*program.Entry {
	return slices.DeleteFunc(slices.Clone(s.e.Program.EntriesOf(s.Write.At.Parent())), func(en *program.Entry) bool { return en.Domain == program.Test })
}

// Rival returns a row of the ledger, other than that of the story, that writes the field at path (or a part or the whole
// of it) of the same kind from an entry point that does not lead to the story: the two can run at the same time. One that shares no
// entry point with the story is the better witness. It is nil when there is none.
func (s *Story) Rival(path string) *Entry { return s.rival(path, func(*Entry) bool { return true }) }

// RivalOf is Rival for one change: rows that set other keys of the same map are none, since a merge patch sets its keys only.
func (s *Story) RivalOf(ch *Event, path string) *Entry {
	key, ok := mapKeyOf(ch)
	if !ok || path != ch.Path || s.Write.Patch == nil {
		return s.Rival(path)
	}
	return s.rival(path, func(row *Entry) bool { return row.maySet(path, key) })
}

func (s *Story) rival(path string, fits func(*Entry) bool) *Entry {
	kind, ok := s.Kind()
	if !ok {
		return nil
	}
	mine := s.e.Program.EntriesOf(s.Write.At.Parent())
	var shared *Entry
	for _, row := range s.e.Writers(kind, path, s.e.EntryOf(s)) {
		if !s.writesBeside(row, kind) || !row.sends(path, s) || !fits(row) {
			continue
		}
		other, common := false, false
		for _, en := range s.e.Program.EntriesOf(row.Site.Parent()) {
			common = common || slices.Contains(mine, en)
			other = other || !slices.Contains(mine, en) && en.Domain != program.Test && en.Domain != program.StartUp
		}
		switch {
		case other && !common:
			return row
		case other && shared == nil:
			shared = row
		}
	}
	return shared
}

// writesBeside tells whether a row can change what the story writes, in an object that is there.
func (s *Story) writesBeside(row *Entry, kind kube.Kind) bool {
	switch {
	case row.Call.Effect == kube.Create || row.Call.Effect == kube.Delete || row.Call.Effect == kube.DeleteCollection:
		return false
	case s.Write.Call.Effect.OnStatus() && !row.Call.Effect.OnStatus():
		return false // the kind has a status subresource, and the row does not write through it
	case kind.ManyUses() && s.e.Program.Package(row.Site.Parent()) != s.e.Program.Package(s.Write.At.Parent()):
		return false // most likely another object
	}
	return true
}

// sends tells whether a row sends a field at path, a part or the whole of it, of an object in a state in which another story writes it.
func (row *Entry) sends(path string, beside *Story) bool {
	return slices.ContainsFunc(row.Stories, func(s *Story) bool {
		return s.sends(path) && !s.appliesOthers(row, path) && !s.Apart(beside)
	})
}

// sends tells whether a field at path, a part or the whole of it is in the request: what was changed before the base of a patch was
// taken is not.
func (s *Story) sends(path string) bool {
	return slices.ContainsFunc(s.Sent(), func(ch *Event) bool { return Overlaps(ch.Path, path) })
}

// appliesOthers tells whether a server-side apply claims other fields than the one at path, as far as the configuration is spelled out.
func (s *Story) appliesOthers(row *Entry, path string) bool {
	if s.Write.Patch == nil || s.Write.Patch.Type != ApplyPatch {
		return false
	}
	c := s.e.claim(row, s)
	return c.Whole && !slices.ContainsFunc(c.Fields, func(field string) bool { return Overlaps(field, path) })
}

// maySet tells whether a row may set a key of the map at path.
func (row *Entry) maySet(path, key string) bool {
	return slices.ContainsFunc(row.Stories, func(s *Story) bool {
		return slices.ContainsFunc(s.Sent(), func(ch *Event) bool {
			if !Overlaps(ch.Path, path) {
				return false
			}
			other, ok := mapKeyOf(ch)
			return !ok || other == key
		})
	})
}

// mapKeyOf returns the key of a map that a change sets or deletes; ok is false where it is not spelled out.
func mapKeyOf(ch *Event) (key string, ok bool) {
	var v ssa.Value
	switch x := ch.Origin.(type) {
	case *ssa.MapUpdate:
		v = x.Key
	case *ssa.Call:
		if b, isBuiltin := x.Call.Value.(*ssa.Builtin); isBuiltin && b.Name() == "delete" {
			v = x.Call.Args[1]
		}
	}
	c, isConst := v.(*ssa.Const)
	if !isConst || c.Value == nil || c.Value.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(c.Value), true
}

// within returns the story as the callee tells it in which the object is made, changed and written, with the change as it is seen
// there; nil for what the story's own function does.
func (s *Story) within(ch *Event) (*Story, *Event) {
	if len(s.Write.Chain) == 0 || len(ch.Chain) == 0 || s.Write.Chain[0] != ch.Chain[0] {
		return nil, nil
	}
	callees := s.e.Program.Static(s.Write.Chain[0])
	if len(callees) != 1 {
		return nil, nil
	}
	inner := func(ev *Event) *Event {
		for _, one := range s.e.Events(callees[0]) {
			if one.Kind == ev.Kind && one.Origin == ev.Origin && slices.Equal(one.Chain, ev.Chain[1:]) && one.Root != nil {
				return one
			}
		}
		return nil
	}
	w, change := inner(s.Write), inner(ch)
	if w == nil || change == nil {
		return nil, nil
	}
	switch w.Root.(type) {
	case *ssa.Parameter, *ssa.FreeVar, *ssa.Global:
		return nil, nil // it was handed in: the caller knows more
	}
	return s.e.tell(callees[0], w), change
}
