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

var lostConflict = &rule.Rule{
	ID:        "rmw/lost-conflict",
	Title:     "a conflict ends where nothing tries again",
	Checklist: []string{"1.3"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "lost_conflict.md"),
	Check:     checkLostConflict,
}

// loss is a conflict that nobody retries.
type loss struct {
	story    *effects.Story
	from     *effects.Event // gave the version
	fate     effects.ErrorFate
	entry    *program.Entry
	inline   bool // the entry point runs the end itself, not a goroutine that it starts
	severity finding.Severity
	reason   string
	how      string
	at       ssa.CallInstruction // where it is told; nil for the write
}

func checkLostConflict(pass *rule.Pass) {
	for _, row := range pass.Effects.Ledger() {
		if l := lossOf(pass, row); l != nil {
			reportLoss(pass, row, l)
			continue
		}
		for _, l := range unheardOf(pass, row) {
			reportLoss(pass, row, l)
		}
	}
}

// lossOf finds the first end of a write's error at which a conflict is lost.
func lossOf(pass *rule.Pass, row *effects.Entry) *loss {
	if !conflicts(row) || effects.AnswersConflict(row.Site) {
		return nil // the server never answers 409; or this is the second try
	}
	if pass.Effects.TriedAgain(row) || pass.Effects.SecondTry(row) {
		return nil // a second conflict would have to come within moments of the first
	}
	var fates []effects.ErrorFate
	for _, s := range row.Stories {
		from := versionFrom(pass, s)
		if !reviewed(pass, s) || from == nil || versionCleared(s) {
			continue // the object was neither read nor created here: the version is somebody else's; or there is none
		}
		if fates == nil {
			fates = pass.Effects.ErrorFates(row.Site)
		}
		for _, fate := range fates {
			entries, inline := ends(pass, fate)
			for _, en := range entries {
				l := &loss{story: s, from: from, fate: fate, entry: en, inline: inline}
				if leadsTo(s, fate) && l.judge(pass, row) {
					return l
				}
			}
		}
	}
	return nil
}

// versionCleared tells whether the resourceVersion is taken away before the write: the server has nothing to compare then.
func versionCleared(s *effects.Story) bool {
	return slices.ContainsFunc(s.Changes(), func(ch *effects.Event) bool {
		return ch.Path == "ResourceVersion" && ch.Deps().Constant && effects.MustPrecede(ch.At, s.Write.At)
	})
}

// versionFrom returns what gave the object its version: the last read, or else the creation of it.
func versionFrom(pass *rule.Pass, s *effects.Story) *effects.Event {
	if reads := s.Reads(); len(reads) > 0 {
		return reads[len(reads)-1]
	}
	return pass.Effects.CreatedHere(s)
}

// conflicts tells whether a write carries the version of the read.
func conflicts(row *effects.Entry) bool {
	switch row.Call.Effect {
	case kube.Update, kube.UpdateStatus, kube.UpdateSubresource:
		return true
	case kube.ReadModifyWrite:
		return row.Call.Protection == "conditions-only"
	}
	p := row.Stories[0].Write.Patch
	return p != nil && p.Lock == effects.Locked && p.Type != effects.JSONPatch
}

// ends are the entry points at whose expense an error is lost: those that run its end themselves. Where only goroutines
// lead there, they are those that start them, and inline is false.
func ends(pass *rule.Pass, fate effects.ErrorFate) (entries []*program.Entry, inline bool) {
	if fate.Entry != nil {
		return []*program.Entry{fate.Entry}, true
	}
	if entries = pass.Program.EntriesInline(fate.Func); len(entries) > 0 {
		return entries, true
	}
	return pass.Program.EntriesOf(fate.Func), false
}

// leadsTo tells whether the story's function is on the way of the error, or beyond it.
func leadsTo(s *effects.Story, fate effects.ErrorFate) bool {
	if s.Func == fate.Func || s.Write.Origin.Parent() == fate.Func {
		return true
	}
	for _, site := range append(fate.Path[:len(fate.Path):len(fate.Path)], s.Write.Chain...) {
		if site.Parent() == s.Func || site.Parent() == fate.Func {
			return true
		}
	}
	return false
}

// within tells whether fn is the function of a story, or lies between it and the write.
func within(s *effects.Story, fn *ssa.Function) bool {
	return fn == s.Func || fn == s.Write.Func() || slices.ContainsFunc(s.Write.Chain, func(site ssa.CallInstruction) bool { return site.Parent() == fn })
}

// judge decides whether the end of the error loses the change, and how bad that is.
func (l *loss) judge(pass *rule.Pass, row *effects.Entry) bool {
	if l.fate.Kind != effects.ErrorDropped && l.fate.Kind != effects.ErrorSurfaced || l.entry.Domain == program.Test {
		return false // retried, called again, or told from other errors
	}
	if l.from.Kind == effects.Write {
		l.severity, l.reason, l.how = finding.High, "only the run that creates the object makes this change", "is logged at most"
		return l.fate.Kind == effects.ErrorDropped && within(l.story, l.fate.Func) && l.entry.Kind != program.EntryMain // a person reads it
	}
	if !l.inline || l.entry.Kind == program.EntryMain || l.entry.Kind == program.EntryRunnable || l.entry.Kind == program.EntryElected {
		// Loops come back with a new read, unless a goroutine keeps the object for longer.
		l.severity, l.reason, l.how = finding.High, "the goroutine keeps the object and never reads it again", "is logged at most"
		if step := increment(l.story); step != nil && !keptBySpawned(l.story) {
			l.reason = "the next run adds its own step to " + step.Path + " and does not make up for this one"
			return l.fate.Kind == effects.ErrorDropped
		}
		return l.fate.Kind == effects.ErrorDropped && keptBySpawned(l.story)
	}
	switch l.entry.Kind {
	case program.EntryHTTP, program.EntryGRPC, program.EntryWebhook:
		if answersProbe(l.fate) {
			return false // whoever probes comes again, and the object is read anew
		}
		l.severity, l.reason = finding.Medium, "who asked gets an error and can ask again"
		l.how = "fails the request"
		unseen := l.fate.Kind == effects.ErrorDropped && (ignored(l.fate) || l.fate.PassedOver)
		if !unseen && plainData(pass, l.story) && !pass.Strict {
			return false // no controller writes what it was read from a moment ago: who edits it at the same time is to know
		}
		if unseen {
			l.severity, l.reason, l.how = finding.High, "nobody gets to know", "is dropped"
		}
		return true
	case program.EntryInformer:
		l.severity, l.reason, l.how = finding.High, "an event handler is not called again", "is logged at most"
		return l.fate.Kind == effects.ErrorDropped && !pass.Program.Informs(l.entry, row.Kind) // the change that caused the conflict is an event
	case program.EntryReconcile:
		l.severity, l.reason, l.how = finding.High, "no controller watches the kind, so nothing starts the reconcile again", "is not returned"
		if !pass.Strict && !pass.Effects.LetsGo(l.fate.At) {
			return false // whatever starts the reconcile next, it makes the change again
		}
		return l.fate.Kind == effects.ErrorDropped && !pass.Program.Watched(row.Kind) && row.Kind.Name != "" && !primary(l)
	}
	return false // health checks, metrics, tests
}

// answersProbe tells whether an error comes through a function of the shape of a health check, which gives no answer but an error.
func answersProbe(fate effects.ErrorFate) bool {
	isCheck := func(fn *ssa.Function) bool {
		sig := fn.Signature
		return sig.Params().Len() == 1 && program.IsNamed(sig.Params().At(0).Type(), "net/http", "Request") && sig.Results().Len() == 1 && program.ReturnsError(sig)
	}
	return isCheck(fate.Func) || slices.ContainsFunc(fate.Path, func(site ssa.CallInstruction) bool { return isCheck(site.Parent()) })
}

// plainData tells whether a story is that of a ConfigMap, which has no status, not read from a cache.
func plainData(pass *rule.Pass, s *effects.Story) bool {
	kind, _ := s.Kind()
	for _, r := range s.Reads() {
		if fresh, _ := pass.Effects.Freshness(r); fresh == program.Cached {
			return false
		}
	}
	return kind.Name == "ConfigMap" && kind.Pkg == "k8s.io/api/core/v1"
}

// ignored tells whether nobody looks at the error at all.
func ignored(fate effects.ErrorFate) bool {
	call, ok := fate.At.(*ssa.Call)
	return !ok || !effects.LooksAtError(call)
}

// primary tells whether the object has the kind that the reconcile is about: the one it reads first, or is given.
func primary(l *loss) bool {
	for _, param := range l.entry.Func.Params {
		if k, ok := kube.KindOf(param.Type()); ok && k.Same(mustKind(l.story)) {
			return true
		}
	}
	for _, r := range l.story.Reads() {
		if r.At.Parent() == l.entry.Func && len(r.Chain) == 0 {
			return true
		}
	}
	return false
}

func mustKind(s *effects.Story) kube.Kind {
	k, _ := s.Kind()
	return k
}

// increment returns a change that counts on from what the object says; nil if all of them can be made again from scratch.
func increment(s *effects.Story) *effects.Event {
	for _, ch := range s.Sent() {
		if ch.Deps().Arithmetic && s.FromOld(ch) && effects.ClassAt(s.Type(), ch.Path) == kube.Scalar {
			return ch
		}
	}
	return nil
}

// keptBySpawned tells whether a goroutine writes an object that was read before it was started, and never reads it again.
func keptBySpawned(s *effects.Story) bool {
	if !s.Write.Spawned {
		return false
	}
	for _, r := range s.Reads() {
		if r.Spawned {
			return false
		}
	}
	return true
}

func reportLoss(pass *rule.Pass, row *effects.Entry, l *loss) {
	s, kind := l.story, kindName(l.story)
	domain := l.entry.Domain
	at := row.Site
	if l.at != nil {
		at = l.at
	}
	proof := pass.Program.DomainAt(at).Proof(domain)
	got := "read"
	if l.from.Kind == effects.Write {
		got = "created"
	}
	related := []rule.Related{{Func: l.from.Func(), Pos: l.from.Pos(), Message: "the object is " + got + " here"}}
	switch {
	case at != row.Site:
		related = append(related, rule.Related{Func: row.Site.Parent(), Pos: row.Site.Pos(), Message: "the write"})
	case l.fate.At != row.Site:
		related = append(related, rule.Related{Func: l.fate.Func, Pos: l.fate.At.Pos(), Message: "the error ends here"})
	}
	pass.Report(rule.Report{
		Func: at.Parent(), Pos: at.Pos(),
		Severity: l.severity, Reason: l.reason,
		Message: fmt.Sprintf("a conflict of the %s of %s %s in %s; the change is not made and nothing tries again",
			verb(s.Write), kind, l.how, program.Name(l.fate.Func)),
		About:  kind + " " + verb(s.Write),
		Domain: domain, Proof: proof, Related: related,
		Scenario: lossScenario(l, row),
		Fix: rule.Fix{
			Description: "Read, change and write again after a conflict.",
			Edits:       retryEdits(pass, s),
			Sketch:      tryAgain(pass.Words(s.Write.Origin)),
		},
	})
}

func lossScenario(l *loss, row *effects.Entry) *rule.Scenario {
	s := rule.NewScenario()
	kind := kindName(l.story)
	a := s.Actor("replica A", l.entry.String())
	b := s.Actor("another writer", "anybody who writes the same "+kind)
	got := "reads"
	if l.from.Kind == effects.Write {
		got = "creates"
	}
	a.Step(l.from.Pos(), got+" the "+kind, "resourceVersion 41")
	b.Step(row.Site.Pos(), "writes any field of it", "stored: resourceVersion 42")
	a.Step(row.Site.Pos(), "sends the "+verb(l.story.Write)+" with resourceVersion 41", "409 Conflict")
	at := l.fate.At
	if !at.Pos().IsValid() {
		at = row.Site
	}
	a.Step(at.Pos(), "the error "+l.how, "")
	s.Outcome("the change of the %s is never stored, although trying again would have worked", kind)
	return s
}
