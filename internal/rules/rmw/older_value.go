// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// carriedOlder reports values that were taken before and are put onto a newer object: by the answer of a patch, which renews
// the version, or by a read inside a closure.
func carriedOlder(pass *rule.Pass, byAnswer bool) {
	told := make(map[*ssa.Function]bool)
	for _, v := range pass.Effects.OlderValues() {
		if answer := v.Renewal.Kind == effects.Write; answer != byAnswer || told[v.Func] || strings.HasPrefix(v.Change.Path, "Status.ObservedGeneration") {
			continue // the other rule's, one for each function, or the generation, which the value belongs to
		}
		if c, ok := contend(pass, v); ok {
			told[v.Func] = true
			reportOlder(pass, v, c)
		}
	}
}

// contest says who else writes a field, and how bad it is that what they store is undone.
type contest struct {
	kind     string
	domain   program.Domain
	proof    *program.Proof
	rival    *effects.Entry
	severity finding.Severity
	reason   string
}

// contend finds who can write the field between the older state and the newer one; ok is false when nobody is known.
func contend(pass *rule.Pass, v effects.OlderValue) (c contest, ok bool) {
	ch := v.Change
	set := pass.Program.DomainAt(ch.At)
	c = contest{kind: objectKind(ch.Object), domain: set.Worst()}
	c.proof, c.rival = set.Proof(c.domain), rivalOf(pass, v.Func, c.kind, ch)
	switch {
	case c.domain == program.Test:
		return c, false
	case c.domain == program.LeaderOnly && c.rival != nil && effects.Under(ch.Path, "Status"):
		c.severity, c.reason = finding.High, program.Name(c.rival.Site.Parent())+" writes it too, maybe for other objects"
		return c, pass.Strict // most often an object's status has one owner at a time
	case c.rival != nil:
		c.severity, c.reason = finding.Critical, program.Name(c.rival.Site.Parent())+" writes it too"
	case c.domain == program.EveryReplica && v.Taken == v.Change.Origin && effects.Under(ch.Path, "Spec"):
		c.severity, c.reason = finding.Medium, "all replicas write what they have read; who edits it by hand in between is undone"
		return c, pass.Strict
	case c.domain == program.EveryReplica:
		c.severity, c.reason = finding.Critical, "every replica runs it"
	case pass.Effects.OneShot(v.Func):
		return c, false // a command stores what it was given
	case ch.Path == "Annotations" || ch.Path == "Labels" || ch.Path == "Finalizers":
		c.severity, c.reason = finding.High, "others outside of this program write "+strings.ToLower(ch.Path)+" too"
	default:
		return c, false // the only writer of the field
	}
	return c, true
}

func reportOlder(pass *rule.Pass, v effects.OlderValue, c contest) {
	ch, kind := v.Change, c.kind
	renewal, what := "reads the "+kind+" again", "was taken from the "+kind+" before it is read again"
	if v.Renewal.Kind == effects.Write {
		renewal = "patches the " + kind + " without a version; the answer holds the newest one"
		what = "was taken from the " + kind + " before a patch whose answer renews the resourceVersion"
	}
	s := rule.NewScenario()
	a := s.Actor("replica A", runs(c.proof, program.Name(v.Func)))
	them, theyRun, theirs := "another writer", "anybody who writes "+ch.Path, v.Renewal.Pos()
	related := []rule.Related{
		{Func: v.Taken.Parent(), Pos: effects.Position(v.Taken), Message: "the older value is taken here"},
		{Func: v.Renewal.Func(), Pos: v.Renewal.Pos(), Message: "the newer state comes from here"},
	}
	if c.rival != nil {
		them, theyRun, theirs = program.Name(c.rival.Site.Parent()), rivalRuns(pass, c.rival), c.rival.Site.Pos()
		related = append(related, rule.Related{Func: c.rival.Site.Parent(), Pos: theirs, Message: "the other writer"})
	}
	b := s.Actor(them, theyRun)
	a.Step(effects.Position(v.Taken), "takes "+ch.Path+" of the "+kind, "resourceVersion 41")
	b.Step(theirs, "stores a change of "+ch.Path, "resourceVersion 42")
	a.Step(v.Renewal.Pos(), renewal, "resourceVersion 42, with the other change")
	a.Step(ch.Pos(), "sets "+ch.Path+" to what it took before", "values of 41, version 42")
	s.Outcome("the write passes the check of the version and undoes the change of %s that version 42 brought", ch.Path)
	pass.Report(rule.Report{
		Func: v.Func, Pos: ch.Pos(), Severity: c.severity, Reason: c.reason,
		Message: fmt.Sprintf("%s of %s %s, and is put onto the newer state without looking at it; what changed in between is undone under the newest resourceVersion", ch.Path, kind, what),
		About:   kind + " " + ch.Path, Domain: c.domain, Proof: c.proof, Related: related, Scenario: s,
		Fix: rule.Fix{Description: "Compute the value from the newest state.",
			Sketch: takeAgain(pass, v)},
	})
}

// takeAgain takes the value from the newer state, by the statement that took it from the older one.
func takeAgain(pass *rule.Pass, v effects.OlderValue) string {
	w, taken, now := pass.Words(v.Change.Origin), pass.Words(v.Taken), pass.Holder(v.Change)
	more := []string{"obj", now, "path", v.Change.Path, "line", line(pass, v.Renewal), "set", w.Line()}
	before := cmp.Or(taken.Holder(v.Change.Path), taken.Holder("Get"+v.Change.Path))
	if before == "" || taken.Statement() == "" || v.Taken == v.Change.Origin {
		return w.Fill("$obj.$path = computed // computed: from $obj as it is now, behind line $line", more...)
	}
	again := regexp.MustCompile(`\b`+regexp.QuoteMeta(before)+`\.`).ReplaceAllLiteralString(taken.Statement(), now+".")
	return w.Fill("$taken // behind line $line, with what else changes it\n$set", append(more, "taken", again)...)
}
