// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// recreatedObject reports deferred work that finds its object again by name alone: it may be another one by then.
var recreatedObject = &rule.Rule{
	ID:       "rmw/recreated-object",
	Title:    "deferred work finds its object again by name alone",
	Severity: finding.Medium,
	Needs:    rule.Program,
	Strict:   true,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "recreated_object.md"),
	Check:    checkRecreated,
}

// late is a write to an object that was found again by a name that was kept.
type late struct {
	story *effects.Story
	read  *effects.Event
	kept  ssa.Value // where the name was taken out of what was kept
	proof *program.Proof
	where program.Domain
}

func checkRecreated(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, s := range pass.Effects.Stories() {
		if f := foundByName(pass, s); f != nil && !told[s.Write.Origin] {
			told[s.Write.Origin] = true
			reportRecreated(pass, f)
		}
	}
}

// foundByName tells whether a story writes an object that it read under a name out of a buffer or a channel.
func foundByName(pass *rule.Pass, s *effects.Story) *late {
	reads := s.Reads()
	if len(reads) == 0 || !reviewed(pass, s) || !changes(s.Write) {
		return nil
	}
	read := reads[len(reads)-1]
	site, ok := read.Origin.(ssa.CallInstruction)
	if !ok || read.Call.Effect == kube.List || comparesUID(s) {
		return nil // found anew, not again; or known to be the same
	}
	f := &late{story: s, read: read}
	f.where, f.proof = running(s)
	if f.proof == nil || f.proof.Entry.Requeues || f.where == program.Test || f.where == program.StartUp {
		return nil // a reconciler is called by name and looks at what is there
	}
	f.kept = keptName(pass, site)
	if f.kept == nil {
		return nil
	}
	return f
}

// changes tells whether a write changes an object that is there.
func changes(w *effects.Event) bool {
	return isUpdate(w) || w.Patch != nil && w.Patch.Type != effects.ApplyPatch
}

// comparesUID tells whether the UID is tested on the way to the write, or goes out with it.
func comparesUID(s *effects.Story) bool {
	for _, p := range s.Write.Guards().Places {
		if strings.HasSuffix(p.Path, "UID") {
			return true
		}
	}
	for _, ch := range s.Changes() {
		if ch.Path == "UID" {
			return true
		}
	}
	return false
}

// keptName returns the entry of a map, the element of a list of notes, or the message that the name of a read comes from;
// nil if it comes from the caller's request.
func keptName(pass *rule.Pass, read ssa.CallInstruction) ssa.Value {
	for i := range read.Common().Args {
		arg := program.Argument(read, i)
		if arg == nil || !isKey(arg.Type()) {
			continue
		}
		if kept := fromSources(pass, arg, -1); kept != nil {
			return kept
		}
	}
	return nil
}

// isKey tells whether an argument names an object.
func isKey(t types.Type) bool {
	if program.IsNamed(t, "k8s.io/apimachinery/pkg/types", "NamespacedName") {
		return true
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.String
}

// takenOut follows a value to the loop over a map of own notes, or the channel, that it was taken from.
func takenOut(pass *rule.Pass, v ssa.Value, depth int) ssa.Value {
	if depth > 6 {
		return nil
	}
	switch x := v.(type) {
	case *ssa.Extract:
		if next, ok := x.Tuple.(*ssa.Next); ok && !next.IsString {
			if rng, ok := next.Iter.(*ssa.Range); ok && isNotes(rng.X.Type()) {
				return x
			}
		}
		if fromQueue(x) {
			return x
		}
		if recv, ok := x.Tuple.(*ssa.UnOp); ok && x.Index == 0 && isOwnNote(pass, x.Type()) {
			return recv
		}
	case *ssa.TypeAssert:
		return fromSources(pass, x.X, depth)
	case *ssa.UnOp:
		if x.Op.String() == "<-" && isOwnNote(pass, x.Type()) {
			return x
		}
		return fromSources(pass, x.X, depth)
	case *ssa.Field:
		return fromSources(pass, x.X, depth)
	case *ssa.FieldAddr:
		if made, ok := x.X.(*ssa.Alloc); ok {
			return fromLiteral(pass, made, x.Field, depth)
		}
		return fromSources(pass, x.X, depth)
	case *ssa.Alloc:
		for _, ref := range *x.Referrers() {
			if st, ok := ref.(*ssa.Store); ok && st.Addr == x {
				if kept := fromSources(pass, st.Val, depth); kept != nil {
					return kept
				}
			}
		}
	}
	return nil
}

// fromLiteral follows one field of a struct that is made here: what is stored in it, or in the whole.
func fromLiteral(pass *rule.Pass, made *ssa.Alloc, field, depth int) ssa.Value {
	for _, ref := range *made.Referrers() {
		var stored ssa.Value
		switch x := ref.(type) {
		case *ssa.Store:
			if x.Addr == made {
				stored = x.Val
			}
		case *ssa.FieldAddr:
			for _, use := range *x.Referrers() {
				if st, ok := use.(*ssa.Store); ok && st.Addr == x && x.Field == field {
					stored = st.Val
				}
			}
		}
		if stored == nil {
			continue
		}
		if kept := fromSources(pass, stored, depth); kept != nil {
			return kept
		}
	}
	return nil
}

// fromSources follows a value to its sources. What is in a field of a library's struct says nothing of other structs of the type:
// it is followed in the struct at hand.
func fromSources(pass *rule.Pass, v ssa.Value, depth int) ssa.Value {
	shared := func(v ssa.Value) bool { return inLibraryStruct(pass, v) }
	for _, src := range pass.Program.SourcesUntil(v, shared).Values {
		if kept := takenOut(pass, src, depth+1); kept != nil {
			return kept
		}
	}
	return nil
}

// inLibraryStruct tells whether a value is taken from a field of a struct whose type is no own one: of a name, of the metadata.
func inLibraryStruct(pass *rule.Pass, v ssa.Value) bool {
	var in types.Type
	switch x := v.(type) {
	case *ssa.Field:
		in = x.X.Type()
	case *ssa.UnOp:
		addr, ok := x.X.(*ssa.FieldAddr)
		if !ok {
			return false
		}
		in = addr.X.Type()
	default:
		return false
	}
	named := program.Named(in)
	return named == nil || !pass.Program.OwnType(named)
}

// isNotes tells whether a map holds notes rather than API objects.
func isNotes(t types.Type) bool {
	m, ok := t.Underlying().(*types.Map)
	if !ok {
		return false
	}
	_, object := kube.KindOf(m.Elem())
	return !object
}

func isOwnNote(pass *rule.Pass, t types.Type) bool {
	_, object := kube.KindOf(t)
	return !object && (pass.Program.OwnType(t) || isKey(t))
}

func reportRecreated(pass *rule.Pass, f *late) {
	s, kind, does := f.story, kindName(f.story), verb(f.story.Write)
	pass.Report(rule.Report{
		Func: s.Write.Func(), Pos: s.Write.Pos(), Severity: finding.Medium,
		Reason: "the object must be deleted and made again while the work waits",
		Message: fmt.Sprintf("the %s goes to whatever %s has the name that was kept; after a delete and a create it is another one, and what was meant for the first is written to it",
			does, kind),
		About: does + " of " + kind + " by name", Domain: f.where, Proof: f.proof,
		Related: []rule.Related{
			{Func: f.read.Func(), Pos: f.read.Pos(), Message: "reads the " + kind + " by name"},
			{Func: f.kept.Parent(), Pos: f.kept.Pos(), Message: "takes the name out of what was kept"},
		},
		Scenario: anotherObject(f, kind, does),
		Fix: rule.Fix{
			Description: "keep the UID with the name and compare it before the write",
			Sketch:      pass.Words(f.read.Origin).Fill("if $obj.UID != uid { // uid: kept with the name\n\t$return // a later $kind of the same name\n}", "kind", kind, "return", pass.Words(f.read.Origin).Return("nil")),
		},
	})
}

func anotherObject(f *late, kind, does string) *rule.Scenario {
	s := rule.NewScenario()
	worker, user := s.Actor(runs(f.proof, program.Name(f.story.Func)), "the deferred work"), s.Actor("user", "a client of the API")
	start := f.kept.Pos()
	if !start.IsValid() {
		start = f.read.Func().Pos()
	}
	worker.Step(start, "takes a name out of what was kept", kind+" x, UID 1, when it was noted")
	user.Step(f.read.Pos(), "deletes x and creates it again", kind+" x, UID 2")
	worker.Step(f.read.Pos(), "reads x by its name", "gets UID 2")
	worker.Step(f.story.Write.Pos(), "sends the "+does, "stored in UID 2")
	s.Outcome("the new %s carries what belongs to the one that is gone", kind)
	return s
}
