// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var staleMerge = &rule.Rule{
	ID:        "monotonic/stale-merge",
	Title:     "a counter is counted on from a cached read and sent without its version",
	Checklist: []string{"2.3"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "stale_merge.md"),
	Check:     checkStaleMerge,
}

func checkStaleMerge(pass *rule.Pass) {
	told := make(once)
	for _, s := range pass.Effects.Stories() {
		w := where(pass, s)
		if !reviewed(pass, s) || w.Domain != program.LeaderOnly || !unversioned(pass, s.Write) {
			continue // more than one writer is told by rmw/unlocked-patch; a version would be checked
		}
		read, from := cachedRead(pass, s)
		if read == nil {
			continue // a live read knows the own last write
		}
		for _, ch := range s.Sent() {
			if effects.ClassAt(s.Type(), ch.Path) != kube.Scalar || !ch.Deps().Arithmetic || !s.FromOld(ch) || s.Rival(ch.Path) != nil {
				continue // no count that goes on from the stored one, or told as a race of two writers
			}
			if !told.again(ch.Origin) {
				reportStaleMerge(pass, s, ch, read, from, w)
			}
		}
	}
}

// unversioned tells whether the server takes a write whatever happened since the read.
func unversioned(pass *rule.Pass, w *effects.Event) bool {
	if w.Patch == nil {
		return false
	}
	if w.Patch.Type == effects.ApplyPatch {
		return !pass.Effects.CarriesVersion(w)
	}
	return w.Patch.Lock == effects.Unlocked
}

// cachedRead returns the last read of a story and what makes it a cached one; nil if it is live, or nothing is known.
func cachedRead(pass *rule.Pass, s *effects.Story) (read *effects.Event, from string) {
	reads := s.Reads()
	if len(reads) == 0 {
		return nil, ""
	}
	read = reads[len(reads)-1]
	freshness, from := pass.Effects.Freshness(read)
	if freshness != program.Cached {
		return nil, ""
	}
	return read, from
}

func reportStaleMerge(pass *rule.Pass, s *effects.Story, ch, read *effects.Event, from string, w rule.Where) {
	kind := kindName(s)
	sc := rule.NewScenario()
	a, cache := sc.Actor(w.Actor(s.Func), w.Runs()), sc.Actor("cache", "follows the server, some time behind")
	a.Step(read.Pos(), "reads the "+kind, ch.Path+" = 5")
	a.Step(s.Write.Pos(), "sends 6", "stored: 6")
	a.Step(read.Pos(), "runs again and reads before the change has arrived", "cached: 5")
	a.Step(ch.Pos(), "counts on from what it read", "in memory: 6")
	a.Step(s.Write.Pos(), "sends 6 without a resourceVersion; the server has nothing to compare", "stored: 6")
	cache.Step(read.Pos(), "gets the first change", "cached: 6")
	sc.Outcome("two steps were made and one is counted")
	pass.Report(rule.Report{
		Func: ch.Func(), Pos: ch.Pos(), Severity: finding.Medium, Reason: "the second run must come before the cache has the first",
		Message: fmt.Sprintf("%s of the %s is counted on from a cached read and sent without a resourceVersion; a run that does not see its own last write yet counts the same step twice", ch.Path, kind),
		About:   kind + " " + ch.Path,
		Domain:  w.Domain, Proof: w.Proof,
		Related: []rule.Related{
			{Func: read.Func(), Pos: read.Pos(), Message: "read from " + from},
			{Func: s.Write.Func(), Pos: s.Write.Pos(), Message: "sent here"},
		},
		Scenario: sc,
		Fix: rule.Fix{
			Description: "send the version of the read: a stale one is a conflict, and the run is repeated",
			Sketch:      pass.Words(s.Write.Origin).Fill("$client.MergeFromWithOptions(base, $client.MergeFromWithOptimisticLock{}) // base: $obj as it was read; for $call"),
		},
	})
}
