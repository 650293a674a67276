// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var decidesOnStale = &rule.Rule{
	ID:        "cache/decides-on-stale",
	Title:     "a cached read decides what is not decided again",
	Checklist: []string{"3.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "decides_on_stale.md"),
	Check:     checkDecidesOnStale,
}

func checkDecidesOnStale(pass *rule.Pass) {
	checkAdmissions(pass)
	checkDistant(pass)
	checkBlamed(pass)
	checkRemoved(pass)
}

// checkAdmissions tells of webhooks that refuse by what a cache says.
func checkAdmissions(pass *rule.Pass) {
	for _, fn := range pass.Program.Funcs {
		entry := admission(pass, fn)
		if entry == nil || !pass.Reviewed(fn) {
			continue // no webhook leads here: elsewhere a refusal is looked at again with the next event
		}
		if !pass.Strict && pass.Effects.AdmitsPods(entry.Func) {
			continue // a controller makes what was refused again, when the cache has caught up
		}
		var cached []effects.Refusal
		for _, r := range pass.Effects.Refusals(fn) {
			// Of its content a cache lags behind by milliseconds, and most of it refuses either way.
			if effects.WaitsForCache(r.Read.Origin) {
				continue // it sleeps and reads again until the cache has it
			}
			if r.Fresh == program.Cached && (r.Missing && !pass.Effects.ThereBefore(r) || !r.Missing && pass.Strict) &&
				pass.Effects.ReachesAnswer(r, program.EntryWebhook) { // an error that is only logged lets the request pass
				cached = append(cached, r)
			}
		}
		if len(cached) > 0 {
			reportRefusal(pass, fn, entry, cached)
		}
	}
}

// admission returns the webhook that leads to fn, or nil.
func admission(pass *rule.Pass, fn *ssa.Function) *program.Entry {
	for _, entry := range pass.Program.EntriesOf(fn) {
		if entry.Kind == program.EntryWebhook {
			return entry
		}
	}
	return nil
}

func reportRefusal(pass *rule.Pass, fn *ssa.Function, entry *program.Entry, all []effects.Refusal) {
	r := all[0]
	for _, other := range all {
		if other.Missing && !r.Missing {
			r = other // a missing object is the worst that a cache can tell
		}
	}
	kind := readKind(r.Read)
	severity, reason := finding.Medium, "what was created a moment ago is refused, until somebody asks again"
	how := fmt.Sprintf("a %s that the cache does not have yet is refused as missing", kind)
	if !r.Missing {
		reason = "the content must have changed within the lag of the watch"
		how = fmt.Sprintf("what it says of the %s may be over", kind)
	}
	related := []rule.Related{}
	if r.At != nil {
		related = append(related, rule.Related{Func: fn, Pos: r.At.Cond.Pos(), Message: "its content is tested here"})
	}
	for _, other := range all {
		if other.Read != r.Read {
			related = append(related, rule.Related{Func: fn, Pos: other.Read.Pos(), Message: "this read of a " + readKind(other.Read) + " decides as well"})
		}
	}
	set := pass.Program.DomainOf(fn)
	pass.Report(rule.Report{
		Func: fn, Pos: r.Read.Pos(), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s decides an admission on a cached read of %s (client: %s); %s, and nobody asks again", program.Name(fn), kind, r.Because, how),
		About:   "admission " + kind,
		Domain:  program.EveryReplica, Proof: set.Proof(program.EveryReplica),
		Related:  related,
		Scenario: refused(r, entry, kind),
		Fix: rule.Fix{
			Description: "ask the API server before refusing: read again through the manager's API reader",
			Sketch:      liveRead(pass, r.Read),
		},
	})
}

func refused(r effects.Refusal, entry *program.Entry, kind string) *rule.Scenario {
	s := rule.NewScenario()
	user := s.Actor("a user", "kubectl apply")
	hook := s.Actor("one replica", entry.String())
	pos := r.Read.Pos()
	if r.Missing {
		user.Step(pos, "creates the "+kind, "stored; the watch has not told this replica's cache yet")
		user.Step(pos, "creates what refers to it", "")
		hook.Step(pos, "reads the "+kind+" from its cache", "NotFound")
		s.Outcome("the request is refused although the %s exists; another replica might have let it pass", kind)
		return s
	}
	user.Step(pos, "changes the "+kind, "stored; the watch has not told this replica's cache yet")
	user.Step(pos, "sends the request that depends on it", "")
	hook.Step(pos, "reads the "+kind+" from its cache", "the old content")
	s.Outcome("the request is judged by what the %s said before; what was let in by mistake stays", kind)
	return s
}

// readKind names the kind that a read asks for.
func readKind(read *effects.Event) string {
	if k, ok := kube.KindOf(read.Type); ok && k.Name != "" {
		return k.Name
	}
	return "object"
}
