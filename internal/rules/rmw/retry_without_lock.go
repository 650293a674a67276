// SPDX-License-Identifier: Apache-2.0

package rmw

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var retryWithoutLock = &rule.Rule{
	ID:        "rmw/retry-without-lock",
	Title:     "a retry on conflict around a write that never conflicts",
	Checklist: []string{"1.2"},
	Severity:  finding.Critical,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "retry_without_lock.md"),
	Check:     checkRetryWithoutLock,
}

func checkRetryWithoutLock(pass *rule.Pass) {
	for _, r := range pass.Effects.Retries() {
		if w := deadRetry(pass, r); w != nil {
			reportDeadRetry(pass, r, *w)
		}
	}
}

// deadRetry returns the first patch or apply of a retry none of whose writes can meet a conflict; nil if one can, or if
// what the retry does is not known in full.
func deadRetry(pass *rule.Pass, r *effects.Retry) *effects.Reached {
	if r.Opaque || pass.Program.InTest(r.Body) || pass.Program.TestSupport(r.Body) {
		return nil // somebody else's code may write, or nobody reviews it
	}
	var first *effects.Reached
	for i, w := range r.Writes {
		if pass.Effects.CanConflict(w) {
			return nil
		}
		if first == nil && pass.Effects.PatchAt(w.Site, w.Call) != nil {
			first = &r.Writes[i]
		}
	}
	return first
}

// deadRetryWrites are the writes that rmw/retry-without-lock tells about.
func deadRetryWrites(pass *rule.Pass) map[ssa.CallInstruction]bool {
	out := make(map[ssa.CallInstruction]bool)
	for _, r := range pass.Effects.Retries() {
		if deadRetry(pass, r) != nil {
			for _, w := range r.Writes {
				out[w.Site] = true
			}
		}
	}
	return out
}

func reportDeadRetry(pass *rule.Pass, r *effects.Retry, w effects.Reached) {
	p := pass.Program
	patch := pass.Effects.PatchAt(w.Site, w.Call)
	why := "carries no resourceVersion, so the server never answers 409"
	if patch.Type == effects.ApplyPatch {
		why = "is forced and carries no resourceVersion, so the server never answers 409"
	}
	set := p.DomainAt(r.Site)
	domain := set.Worst()
	report := rule.Report{
		Func: r.Site.Parent(), Pos: r.Site.Pos(),
		About:  "retry of " + program.Name(w.Site.Parent()),
		Domain: domain, Proof: set.Proof(domain),
		Related: []rule.Related{{Func: w.Site.Parent(), Pos: w.Site.Pos(), Message: "the write that " + why}},
	}
	name := program.Target(r.Site).Name()
	st := retriedStake(pass, w)
	if st == nil && !pass.Strict {
		return // the loop is dead, and nothing is lost by it
	}
	report.Severity, report.Reason = deadSeverity(st, domain)
	if st != nil {
		report.Message = fmt.Sprintf("%s around the %s at %s is dead code: it %s; a concurrent change of %s %s is lost",
			name, verb(st.story.Write), p.At(w.Site.Pos()), why, kindName(st.story), st.field)
		report.Related = append(report.Related, st.related()...)
		report.Also = fed(pass, st.story)
		report.Scenario = lostUpdate(pass, st)
	} else {
		report.Message = fmt.Sprintf("%s around the write at %s is dead code: it %s", name, p.At(w.Site.Pos()), why)
		report.Scenario = deadScenario(pass, r, w, report.Proof)
	}
	report.Fix = rule.Fix{Description: "Send the resourceVersion that the body reads, so that a conflict starts the body again.", Edits: lockAll(pass, r)}
	if report.Fix.Edits == nil {
		report.Fix.Sketch = lockedWrite(pass.Words(w.Site))
	}
	pass.Report(report)
}

// retriedStake finds what the retried write puts at risk, whoever runs it.
func retriedStake(pass *rule.Pass, w effects.Reached) *stake {
	var worst *stake
	for _, row := range pass.Effects.Ledger() {
		if row.Site != w.Site {
			continue
		}
		for _, s := range row.Stories {
			for _, ch := range s.Sent() {
				if s.Merges(ch) {
					continue // the server merges the list by element
				}
				st := stake{story: s, change: ch, field: ch.Path, harm: harmOf(s, ch)}
				if list, ok := s.Replaces(ch); ok {
					st.field, st.outside = list, s.Outside(list)
				} else if st.harm == harmless {
					continue
				}
				set := s.Domain()
				st.domain = set.Worst()
				st.proof, st.rival = set.Proof(st.domain), s.RivalOf(ch, st.field)
				if worst == nil || st.worse(*worst) {
					worst = &st
				}
			}
		}
	}
	return worst
}

// deadSeverity says how bad it is that the retry protects nothing.
func deadSeverity(st *stake, domain program.Domain) (finding.Severity, string) {
	switch {
	case st == nil:
		return finding.Medium, "what it sends does not depend on what was read, as far as the code shows"
	case domain == program.EveryReplica:
		return finding.Critical, "every replica runs it"
	case st.rival != nil:
		return finding.Critical, fmt.Sprintf("%s writes the field too", program.Name(st.rival.Site.Parent()))
	case st.outside:
		return finding.Critical, "the list has writers outside of this program"
	case domain == program.Unknown:
		return finding.High, "who runs it is not known"
	}
	return finding.High, "one replica runs it and nobody else in this program writes the field"
}

// lockAll adds the lock to all patches of the retry's body; nil unless all of them can be edited.
func lockAll(pass *rule.Pass, r *effects.Retry) []rule.Edit {
	var out []rule.Edit
	for _, w := range r.Writes {
		patch := pass.Effects.PatchAt(w.Site, w.Call)
		if patch == nil {
			continue
		}
		edits := lockEdits(pass.Program, patch)
		if edits == nil {
			return nil
		}
		out = append(out, edits...)
	}
	return out
}

func deadScenario(pass *rule.Pass, r *effects.Retry, w effects.Reached, proof *program.Proof) *rule.Scenario {
	s := rule.NewScenario()
	a := s.Actor("replica A", runs(proof, program.Name(r.Site.Parent())))
	b := s.Actor("replica B", "any other writer of the object")
	a.Step(r.Site.Pos(), "starts the retry and reads the object", "resourceVersion 41")
	b.Step(w.Site.Pos(), "writes the object", "resourceVersion 42")
	a.Step(w.Site.Pos(), "sends its write without a resourceVersion", "accepted, resourceVersion 43")
	s.Outcome("the write is accepted on top of a version that nobody read, and the body never runs a second time")
	return s
}
