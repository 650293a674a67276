// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// runs says what an actor executes: the entry point that leads to fn, or fn itself.
func runs(proof *program.Proof, fallback string) string {
	if proof == nil || proof.Entry == nil {
		return fallback
	}
	return proof.Entry.String()
}

// lostUpdate is the scenario in which a second writer comes between the read and the unlocked write of a stake.
func lostUpdate(pass *rule.Pass, st *stake) *rule.Scenario {
	s := rule.NewScenario()
	story, kind := st.story, kindName(st.story)
	what := runs(st.proof, program.Name(story.Func))
	a := s.Actor("replica A", what)
	var b *rule.Actor
	theirs := position(st)
	switch {
	case st.rival != nil && st.domain != program.EveryReplica:
		b = s.Actor(program.Name(st.rival.Site.Parent()), rivalRuns(pass, st.rival))
		theirs = st.rival.Site.Pos()
	case st.outside && st.domain != program.EveryReplica:
		b = s.Actor("another controller", "a writer of "+st.field+" outside of this program")
	default:
		b = s.Actor("replica B", what)
	}
	before, mine, other := values(st)
	a.Step(readPosition(story), fmt.Sprintf("reads the %s", kind), st.field+" = "+before)
	b.Step(theirs, fmt.Sprintf("writes %s of the same %s", st.field, kind), "stored: "+st.field+" = "+other)
	a.Step(st.change.Pos(), fmt.Sprintf("sets %s from what it read", st.field), "in memory: "+st.field+" = "+mine)
	a.Step(story.Write.Pos(), "sends the "+verb(story.Write)+" without a resourceVersion; the server has nothing to compare and accepts it", "stored: "+st.field+" = "+mine)
	s.Outcome("%s of the %s is %s: what the other writer stored (%s) is gone and nobody gets an error", st.field, kind, mine, other)
	return s
}

func position(st *stake) token.Pos { return st.story.Write.Pos() }

func rivalRuns(pass *rule.Pass, row *effects.Entry) string {
	set := pass.Effects.Domain(row)
	return runs(set.Proof(set.Worst()), program.Name(row.Site.Parent()))
}

// readPosition is where the object was read; where it is handed in, the function that gets it.
func readPosition(s *effects.Story) token.Pos {
	if reads := s.Reads(); len(reads) > 0 {
		return reads[len(reads)-1].Pos()
	}
	return s.Func.Pos()
}

// values makes up what the field holds before, by this writer, and by the other.
func values(st *stake) (before, mine, other string) {
	if _, isList := effects.ListAt(st.story.Type(), st.field); isList {
		return "[x]", "[x, mine]", "[x, theirs]"
	}
	switch {
	case st.change.Deps().Arithmetic:
		return "5", "6", "6 (after another 5 + 1)"
	case effects.ClassAt(st.story.Type(), st.field) == kube.Moment:
		return "10:00", "10:05", "10:07"
	case st.harm == decides:
		return `"` + lastName(st.field) + ` as read"`, `"new ` + lastName(st.field) + `"`, `"decided meanwhile"`
	}
	return "old", "old and mine", "old and theirs"
}

func lastName(path string) string {
	return strings.TrimSuffix(path[strings.LastIndex(path, ".")+1:], "[]")
}

// verb names a write as readers of the code know it.
func verb(w *effects.Event) string {
	switch w.Call.Effect {
	case kube.Update, kube.UpdateSubresource:
		return "update"
	case kube.UpdateStatus:
		return "status update"
	case kube.PatchStatus:
		if w.Patch != nil && w.Patch.Type == effects.ApplyPatch {
			return "apply of the status"
		}
		return "status patch"
	case kube.ApplyStatus:
		return "apply of the status"
	case kube.Apply, kube.ApplySubresource:
		return "apply"
	case kube.Create:
		return "create"
	case kube.Delete:
		return "delete"
	}
	if w.Patch != nil && w.Patch.Type == effects.ApplyPatch {
		return "apply"
	}
	return "patch"
}
