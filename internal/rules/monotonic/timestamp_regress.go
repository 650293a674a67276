// SPDX-License-Identifier: Apache-2.0

package monotonic

import (
	"fmt"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var timestampRegress = &rule.Rule{
	ID:        "monotonic/timestamp-regress",
	Title:     "a time that waited in memory is stored over a later one",
	Checklist: []string{"2.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "timestamp_regress.md"),
	Check:     checkTimestampRegress,
}

func checkTimestampRegress(pass *rule.Pass) {
	told := make(once)
	for _, s := range pass.Effects.Stories() {
		if !reviewed(pass, s) {
			continue
		}
		for _, ch := range s.Sent() {
			if effects.ClassAt(s.Type(), ch.Path) != kube.Moment || !lastSeenLike(ch.Path) || s.FromOld(ch) || tested(ch, ch.Path) || pass.Effects.ComparesOrder(ch) {
				continue // no time that only grows, or compared with the stored one
			}
			stamp := pass.Effects.Stamped(pass.Effects.Remembered(ch))
			w := where(pass, s)
			if stamp == nil || w.Domain == program.Test || w.Domain != program.EveryReplica && s.Rival(ch.Path) == nil {
				continue // taken now, not some time ago; or there is no other writer
			}
			if !told.again(ch.Origin) {
				reportRegress(pass, s, ch, stamp, w)
			}
		}
	}
}

// lastSeenLike tells whether the name of a field says that it only grows.
func lastSeenLike(path string) bool {
	name := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
	if strings.Contains(name, "transition") {
		return false
	}
	for _, word := range []string{"last", "seen", "heartbeat", "latest"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

func reportRegress(pass *rule.Pass, s *effects.Story, ch *effects.Event, stamp *ssa.Store, w rule.Where) {
	kind := kindName(s)
	severity, reason := finding.High, "every replica runs it"
	second := "replica B"
	if w.Domain != program.EveryReplica {
		severity, reason, second = finding.Medium, "the field has another writer", "the other writer"
	}
	sc := rule.NewScenario()
	a := sc.Actor("replica A", w.Actor(s.Func))
	b := sc.Actor(second, "writes "+ch.Path+" of the same "+kind)
	a.Step(stamp.Pos(), "remembers the time", "in memory: 10:00:00")
	b.Step(s.Write.Pos(), "stores what it saw later", "stored: "+ch.Path+" = 10:00:08")
	a.Step(ch.Pos(), "sets "+ch.Path+" to the time it remembered", "")
	a.Step(s.Write.Pos(), "sends the "+kind, "stored: "+ch.Path+" = 10:00:00")
	sc.Outcome("%s of the %s has gone back by 8 seconds: who decides by it takes the object for idle", ch.Path, kind)
	pass.Report(rule.Report{
		Func: ch.Func(), Pos: ch.Pos(), Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s of the %s is set to a time that waited in memory, without a look at the stored one; a later time that somebody else stored meanwhile is gone", ch.Path, kind),
		About:   kind + " " + ch.Path,
		Domain:  w.Domain, Proof: w.Proof,
		Related: []rule.Related{
			{Func: stamp.Parent(), Pos: stamp.Pos(), Message: "the time is taken here"},
			{Func: s.Write.Func(), Pos: s.Write.Pos(), Message: "and sent here"},
		},
		Scenario: sc,
		Fix: rule.Fix{
			Description: "advance the time, never set it back: compare with what was read under the version that is sent",
			Sketch:      fmt.Sprintf("if old := %[1]s.%[2]s; old == nil || seen.After(old.Time) { // seen: the time that is to be stored\n\t%[3]s\n}", pass.Holder(ch), ch.Path, pass.Words(ch.Origin).Line()),
		},
	})
}
