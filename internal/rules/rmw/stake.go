// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"
	"slices"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// harm is how a write without a lock loses what others wrote.
type harm int

const (
	harmless harm = iota
	// replaces: the patch carries a list as a whole.
	replaces
	// decides: the new value is a step from the value that was read.
	decides
	// computes: the new value is computed from the one that was read.
	computes
)

// stake is what an unlocked write of a story puts at risk, and who can take part.
type stake struct {
	story  *effects.Story
	change *effects.Event
	// field is the path that is lost: the list as a whole, or the changed field.
	field string
	harm  harm

	severity finding.Severity
	reason   string
	domain   program.Domain
	proof    *program.Proof
	// rival is the other place of the program that writes the field; nil when it is the same code on another replica, or
	// somebody outside of the program.
	rival *effects.Entry
	// outside is set when the field has writers outside of the program by nature.
	outside bool
}

// weigh finds the change of a story whose loss is worst. ok is false when nothing is at stake: values that do not depend on
// what was read, or a single writer.
func weigh(pass *rule.Pass, s *effects.Story) (worst stake, ok bool) {
	for _, ch := range s.Sent() {
		if s.Merges(ch) || !s.Mentioned(ch) {
			continue // the server merges the list by element, or the patch is about other fields
		}
		if byHelper(s) && !steps(s, ch) {
			continue // the helper reads right before: what is set there is set whatever was read
		}
		st := stake{story: s, change: ch, field: ch.Path}
		st.harm = harmOf(s, ch)
		if list, replaced := s.Replaces(ch); replaced {
			st.field = list
			st.outside = s.Outside(list)
			if st.harm == harmless && !(ch.Kind == effects.Spelled && ch.Deps().Constant) { // a list that is spelled out is meant, as "finalizers": null
				st.harm = replaces
			}
		}
		if onDeleted(s, ch) || fixedByServer(s, ch) {
			continue // the API server takes no new finalizer for an object that is being deleted, or no other list at all
		}
		if st.harm == harmless || st.field == "ResourceVersion" || st.field == "ManagedFields" || !st.judge(pass) {
			continue
		}
		if !ok || st.worse(worst) {
			worst, ok = st, true
		}
	}
	return worst, ok
}

// byHelper tells whether a helper reads the object, has it changed by a function and sends the difference.
func byHelper(s *effects.Story) bool { return s.Write.Call.Effect == kube.ReadModifyWrite }

// steps tells whether a change counts on from what was read, or extends it. An owner sets its reference again.
func steps(s *effects.Story, ch *effects.Event) bool {
	return s.FromOld(ch) && (ch.Deps().Arithmetic || ch.Deps().Append) && ch.Path != "OwnerReferences"
}

// onDeleted tells whether a change of the finalizers, one that takes some away then, is of an object that is being deleted, as far as
// the code asks.
// Source: k8s.io/apimachinery/pkg/api/validation, ValidateNoNewFinalizers.
func onDeleted(s *effects.Story, ch *effects.Event) bool {
	return ch.Path == "Finalizers" && s.OnDeleted(ch)
}

// fixedByServer tells whether a change lies in a list whose elements nobody can add or take away.
func fixedByServer(s *effects.Story, ch *effects.Event) bool {
	k, ok := s.Kind()
	list, inList := effects.ListAt(s.Type(), ch.Path)
	return ok && inList && k.FixedList(list)
}

// worse orders stakes: a counter that loses counts shows best what happens.
func (st *stake) worse(than stake) bool {
	if st.severity != than.severity {
		return st.severity > than.severity
	}
	if st.harm != than.harm {
		return st.harm > than.harm
	}
	return st.change.Deps().Arithmetic && !than.change.Deps().Arithmetic
}

func harmOf(s *effects.Story, ch *effects.Event) harm {
	switch class := effects.ClassAt(s.Type(), ch.Path); {
	case class == kube.MapField || class == kube.Struct || class == kube.Opaque:
		return harmless // merged by key or field: what differs is not known here
	case s.FromOld(ch):
		return computes
	case s.Transition(ch):
		return decides
	}
	return harmless
}

// judge decides whether somebody else can write the field in between, and how bad that is.
func (st *stake) judge(pass *rule.Pass) bool {
	set := st.story.Domain()
	st.domain = set.Worst()
	st.proof = set.Proof(st.domain)
	st.rival = st.story.RivalOf(st.change, st.field)
	if st.owned() {
		return false // a new list that owes nothing to the old one: with a lock it would be written just the same
	}
	switch {
	case st.domain == program.Test:
		return false
	case byHelper(st.story) && st.domain != program.EveryReplica && st.rival == nil:
		return false // nobody of this program comes between the read of the helper and its patch
	case st.field == "Finalizers" && !st.outside:
		return false // nobody else has any there: each run puts in, or takes out, the same
	case st.domain == program.EveryReplica && st.rival == nil && !st.outside && st.level(pass):
		return false // the same reconcile sets the same condition on each replica
	case st.domain == program.EveryReplica && (st.harm != replaces || st.rival != nil) && !st.outside:
		st.severity, st.reason = finding.Critical, "every replica runs it"
	case st.domain == program.EveryReplica && !st.outside:
		return false // each replica replaces the list by one that owes nothing to the old one
	case st.outside && st.field == "OwnerReferences":
		if st.rival == nil && !pass.Strict {
			return false // whoever else there is sets its entry again when it next looks
		}
		st.severity, st.reason, st.rival = finding.Medium, "the other writers set their entry again when they next look", nil
	case st.outside:
		// The kinds of such lists are used for many things: a rival may mean another object of the kind.
		st.severity, st.reason, st.rival = finding.High, "the list has writers outside of this program", nil
		if st.brief(pass) {
			st.severity, st.reason = finding.Medium, "the list has writers outside of this program, who must come between a live read and the patch"
		}
	case st.harm == decides && st.rival != nil && st.heals(pass):
		return false // the reconcile sees what was written over its own, and decides again
	case st.rival != nil && st.domain != program.Unknown:
		st.severity, st.reason = finding.High, fmt.Sprintf("%s writes the field too", program.Name(st.rival.Site.Parent()))
	case st.domain == program.Unknown && st.harm == computes && exported(st.story):
		st.severity, st.reason = finding.High, "who runs it is not known"
	default:
		return false // the only writer of the field, on one replica
	}
	return true
}

// brief tells whether the object was read from the API server in the function that sends the patch: there is little time for
// others to come in between.
func (st *stake) brief(pass *rule.Pass) bool {
	reads := st.story.Reads()
	return len(reads) > 0 && !slices.ContainsFunc(reads, func(read *effects.Event) bool {
		fresh, _ := pass.Effects.Freshness(read)
		return fresh != program.Live || read.Func() != st.story.Write.Func()
	})
}

// heals tells whether the other writer is a reconcile of the very objects, which runs again when one of them changes.
func (st *stake) heals(pass *rule.Pass) bool {
	kind, known := st.story.Kind()
	mine := pass.Program.EntriesOf(st.story.Write.At.Parent())
	return known && !slices.ContainsFunc(pass.Program.EntriesOf(st.rival.Site.Parent()), func(en *program.Entry) bool {
		return en.Domain != program.Test && !slices.Contains(mine, en) && (en.Kind != program.EntryReconcile || !readsFirst(pass, en.Func, kind, 0))
	})
}

// owned tells whether the change replaces the list by one that is made from other things than the list that was read.
func (st *stake) owned() bool {
	_, assigned := st.change.Origin.(*ssa.Store) // helpers of libraries that keep a list extend it
	return assigned && st.harm == replaces && st.change.Path == st.field
}

// level tells whether conditions are set by a reconcile that comes to the same result wherever it runs, and runs again.
func (st *stake) level(pass *rule.Pass) bool {
	t := effects.TypeAt(st.story.Type(), st.field)
	return t != nil && kube.ClassOf(t) == kube.Conditions && requeued(pass, st.story.Write.Origin.Parent())
}

// exported tells whether code outside of the program can call the story's function.
func exported(s *effects.Story) bool {
	fn := s.Func
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	obj := fn.Object()
	return obj != nil && obj.Exported() && obj.Pkg().Name() != "main"
}

// reviewed tells whether the story is of code that is reviewed: no tests, no helpers of tests, nothing generated.
func reviewed(pass *rule.Pass, s *effects.Story) bool {
	for _, instr := range []effects.Event{*s.Write} {
		fn := instr.Origin.Parent()
		if pass.Program.Generated(fn) || pass.Program.InTest(fn) {
			return false
		}
	}
	return !pass.Program.InTest(s.Func) && !pass.Program.TestSupport(s.Func)
}

// wasRead tells whether the object of the story came from the API: a read fills it, a framework hands it in, or a caller
// that is out of sight does.
func wasRead(s *effects.Story) bool { return len(s.Reads()) > 0 || !s.Complete }

// kindName is the kind of the written object as a reader knows it.
func kindName(s *effects.Story) string {
	if k, ok := s.Kind(); ok {
		return k.Name
	}
	return "object"
}
