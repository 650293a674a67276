// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"slices"
	"time"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var retryReadsCache = &rule.Rule{
	ID:        "cache/retry-reads-cache",
	Title:     "a retry on conflict reads the object again from the cache",
	Checklist: []string{"3.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "retry_reads_cache.md"),
	Check:     checkRetryReadsCache,
}

func checkRetryReadsCache(pass *rule.Pass) {
	for _, r := range pass.Effects.Retries() {
		if !pass.Reviewed(r.Body) {
			continue
		}
		read, because, write := staleReread(pass, r)
		if read == nil {
			continue // the server is asked, nothing is read, or it is not known who is asked
		}
		if row := pass.Effects.EntryAt(write.Origin); !pass.Strict && row != nil && !pass.Effects.Contested(r, row) {
			continue // nobody is there to meet
		}
		if !pass.Strict && runsAgain(pass, r) {
			continue // the retry is of no use, but the framework tries again when the cache has caught up
		}
		if !pass.Strict && patient(pass, r) && (pass.Where(r.Body).Domain != program.EveryReplica || !dropped(pass, r)) {
			continue // long before the last attempt the watch has brought what was written
		}
		reportStaleReread(pass, r, read, because)
	}
}

// staleReread returns the cached read that fills what the body of a retry writes with a version, and that write.
func staleReread(pass *rule.Pass, r *effects.Retry) (read *effects.Event, because string, write *effects.Event) {
	events := pass.Effects.Events(r.Body)
	for _, w := range events {
		site, ok := w.Origin.(ssa.CallInstruction)
		if !ok || w.Kind != effects.Write || w.Root == nil || !pass.Effects.CanConflict(effects.Reached{Site: site, Call: w.Call}) {
			continue // nothing that a newer version would cure
		}
		if w.Patch != nil && w.Patch.Type != effects.ApplyPatch && w.Patch.Lock == effects.Unlocked {
			continue // a difference without a version never conflicts
		}
		var cached *effects.Event
		because, live := "", false
		for _, ev := range events {
			if ev.Kind != effects.Read || !fills(pass, r, w, ev) {
				continue
			}
			fresh, why := pass.Effects.Freshness(ev)
			if fresh == program.Cached {
				cached, because = ev, why
			} else {
				live = true
			}
		}
		if cached != nil && !live {
			return cached, because, w
		}
	}
	return nil, "", nil
}

// runsAgain tells whether a reconciler gets the last error of a retry, and is run again, or is run again in any case.
func runsAgain(pass *rule.Pass, r *effects.Retry) bool {
	fates := pass.Effects.ErrorFates(r.Site)
	return len(fates) > 0 && !slices.ContainsFunc(fates, func(f effects.ErrorFate) bool {
		return f.Kind != effects.ErrorRequeued && f.Kind != effects.ErrorRetried && !(f.Kind == effects.ErrorDropped && pass.Effects.AskedAgain(f))
	})
}

// dropped tells whether somebody goes on without the change when the retry has given up.
func dropped(pass *rule.Pass, r *effects.Retry) bool {
	return slices.ContainsFunc(pass.Effects.ErrorFates(r.Site), func(f effects.ErrorFate) bool {
		return f.Kind == effects.ErrorDropped
	})
}

// lag is what the watch of a healthy API server takes at most to bring a write to a cache.
const lag = 300 * time.Millisecond

// patient tells whether a retry goes on for much longer than a cache usually lags behind.
func patient(pass *rule.Pass, r *effects.Retry) bool {
	all, known := pass.Effects.Patience(r)
	return known && all >= lag
}

// fills tells whether a read fills the written object or what it was copied from.
func fills(pass *rule.Pass, r *effects.Retry, w, read *effects.Event) bool {
	for _, o := range pass.Effects.KinOf(r.Body, w.Object) {
		if o.Root == read.Root {
			return true
		}
	}
	return false
}

func reportStaleReread(pass *rule.Pass, r *effects.Retry, read *effects.Event, because string) {
	fn, kind := read.Func(), readKind(read)
	where := pass.Where(r.Body)
	severity, reason := finding.High, "the other replica's writes reach the cache later than its conflicts"
	if where.Domain != program.EveryReplica {
		severity, reason = finding.Medium, "another writer must have been there a moment ago"
	} else if patient(pass, r) {
		severity, reason = finding.Medium, "the attempts go on for longer than most watches lag behind"
	}
	s := rule.NewScenario()
	other := s.Actor("another writer", "of the same "+kind)
	a := s.Actor(where.Actor(r.Body), where.Runs())
	other.Step(r.Site.Pos(), "writes the "+kind, "version 2 is stored; the cache still has version 1")
	a.Step(read.Pos(), "reads the "+kind+" from the cache", "version 1")
	a.Step(r.Site.Pos(), "writes it and meets a conflict; the retry waits some milliseconds and begins again", "")
	a.Step(read.Pos(), "reads the "+kind+" from the cache", "still version 1")
	s.Outcome("all attempts end in the same conflict, and the change is not made")
	pass.Report(rule.Report{
		Func: fn, Pos: pass.Program.Start(read.Origin.(ssa.CallInstruction)),
		Severity: severity, Reason: reason,
		Message: fmt.Sprintf("the retry on conflict reads the %s again from the cache (client: %s); it may give the version that has just lost as long as the whole back-off lasts", kind, because),
		About:   "retry " + kind,
		Domain:  where.Domain, Proof: where.Proof,
		Related:  []rule.Related{{Func: r.Site.Parent(), Pos: r.Site.Pos(), Message: "the retry"}},
		Scenario: s,
		Fix: rule.Fix{
			Description: "read from the API server inside the retry",
			Sketch:      liveRead(pass, read),
		},
	})
}
