// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var storeWritten = &rule.Rule{
	ID:        "cache/store-written",
	Title:     "the store of an informer is written by hand",
	Checklist: []string{"3.2"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "store_written.md"),
	Check:     checkStoreWritten,
}

func checkStoreWritten(pass *rule.Pass) {
	for _, w := range pass.Effects.StoreWrites() {
		fn := w.Write.Parent()
		where := pass.Where(fn)
		if !pass.Reviewed(fn) || pass.Program.ForTests(fn) || where.Domain == program.Test {
			continue
		}
		reportStoreWritten(pass, w, where)
	}
}

func reportStoreWritten(pass *rule.Pass, w effects.StoreWrite, where rule.Where) {
	fn, kind := w.Write.Parent(), storedKind(w)
	r := rule.Report{
		Func: fn, Pos: w.Write.Pos(), Severity: finding.Medium, Reason: "a newer version must have come between the request and this write",
		About: strings.ToLower(w.Verb) + " " + kind, Domain: where.Domain, Proof: where.Proof,
		Message: fmt.Sprintf("%s writes the store of an informer itself (%s of a %s); the informer writes it too, as the watch tells, and neither looks at which version is newer", program.Name(fn), w.Verb, kind),
		Fix: rule.Fix{
			Description: "leave the store to the informer: remember the version that was written, and wait until the cache has it",
			Sketch:      pass.Words(w.Write).Fill("if cached.ResourceVersion != written.ResourceVersion { // cached: what the lister has; written: the answer to the request\n\t$return // later again\n}"),
		},
	}
	s := rule.NewScenario()
	a, informer := s.Actor(where.Actor(fn), where.Runs()), s.Actor("the informer", "the watch, in this process")
	switch {
	case w.Dropped != nil:
		r.Severity, r.Reason = finding.High, "the watch is mostly faster than the rest of the function"
		r.Message = fmt.Sprintf("%s throws the answer of its write away and puts the %s from before into the store of the informer: what it has just written is undone in the cache", program.Name(fn), kind)
		r.Related = []rule.Related{{Func: fn, Pos: w.Dropped.Pos(), Message: "the answer of this write is dropped"}}
		a.Step(w.Dropped.Pos(), "writes the "+kind, "version 2 is stored")
		informer.Step(w.Write.Pos(), "hears of it", "version 2 in the store")
		a.Step(w.Write.Pos(), "puts the object from before into the store", "version 1 in the store")
		s.Outcome("every reader sees the %s as it was before the write, until it changes once more", kind)
	case w.Verb == "Delete":
		a.Step(w.Write.Pos(), "takes the "+kind+" out of the store", "finalizers may keep it on the API server")
		informer.Step(w.Write.Pos(), "hears of a change of it, or of nothing", "it is there again, or missing until the next list")
		s.Outcome("readers are told that the %s does not exist while it does", kind)
	default:
		a.Step(w.Write.Pos(), "has the "+kind+" as its own request left it", "version 2")
		informer.Step(w.Write.Pos(), "hears of the change of another writer", "version 3 in the store")
		a.Step(w.Write.Pos(), "puts its own into the store", "version 2 in the store")
		s.Outcome("the cache goes back: every reader sees version 2 of the %s until it changes once more", kind)
	}
	r.Scenario = s
	pass.Report(r)
}

// storedKind names what is written into a store.
func storedKind(w effects.StoreWrite) string {
	if w.Object != nil {
		if k, ok := kube.KindOf(w.Object.Type()); ok && k.Name != "" {
			return k.Name
		}
	}
	return "object"
}
