// SPDX-License-Identifier: Apache-2.0

package mutex

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects/memory"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

// WriteUnderRLock reports a write with only the read lock held, which lets other readers in.
var WriteUnderRLock = &rule.Rule{
	ID:       "mutex/write-under-rlock",
	Title:    "memory is written with only the read lock held",
	Severity: finding.Critical,
	Needs:    rule.Program,
	Since:    "0.1",
	Doc:      rule.Page(pages, "write_under_rlock.md"),
	Check:    writeUnderRLock,
}

func writeUnderRLock(p *rule.Pass) {
	told := make(map[string]bool)
	m := p.Effects.Memory()
	for _, place := range m.Places() {
		for _, a := range m.Accesses(place) {
			lock, ok := readLocked(m, a)
			if !a.Write || !ok || !p.Watched(a.Func()) {
				continue
			}
			key := program.Name(a.Func()) + place.String()
			if told[key] {
				continue // one finding a function and variable
			}
			other := metUnderRead(p, a, lock)
			if other == nil {
				continue // one goroutine alone takes the lock for reading: the others are kept out
			}
			told[key] = true
			tellReadWrite(p, a, other, lock)
		}
	}
}

// metUnderRead returns an access to the same memory that the read lock lets in at the same time, a write if there is one.
func metUnderRead(p *rule.Pass, a *memory.Access, lock memory.Holding) *memory.Access {
	var found *memory.Access
	for _, other := range p.Effects.Memory().Accesses(a.Place) {
		mode, held := other.Holds(lock.Lock.Place)
		if !held || mode == memory.Write || other.Part != a.Part || found != nil && !other.Write {
			continue
		}
		if !meetUnderRead(p, a, other, lock.Lock.Place) {
			continue
		}
		if found = other; other.Write {
			return other
		}
	}
	return found
}

// meetUnderRead tells whether two goroutines come to one object with its read lock: none of them has the write lock there.
func meetUnderRead(p *rule.Pass, a, other *memory.Access, lock memory.Place) bool {
	m := p.Effects.Memory()
	for meeting := range p.Program.Concurrency().Meetings(a.At, other.At) {
		if !m.Excludes(lock, a, other, meeting) && !m.MadeApart(a, other, meeting) {
			return true
		}
	}
	return false
}

// readLocked returns the near lock that is held for reading only.
func readLocked(m *memory.Memory, a *memory.Access) (memory.Holding, bool) {
	var found memory.Holding
	ok := false
	for _, h := range a.Held {
		if h.Mode == memory.Write {
			return memory.Holding{}, false // some lock keeps others out
		}
		if h.Mode == memory.Read && memory.Related(h.Lock.Place, a.Place) {
			found, ok = h, true
		}
	}
	return found, ok
}

func tellReadWrite(p *rule.Pass, a, other *memory.Access, lock memory.Holding) {
	name := lockName(lock.Lock)
	severity, reason := finding.High, "readers run at the same time under the read lock: a data race"
	outcome := fmt.Sprintf("one of the two writes of %s is lost, or a reader sees half of it", a.Place)
	act := "writes"
	if !other.Write {
		act, outcome = "reads", fmt.Sprintf("the reader works with an old or half written %s", a.Place)
		if oneWord(a.Type) {
			severity, reason = finding.Medium, "a data race; in practice what is read is one word, and may be old"
		}
	}
	if a.Map() {
		severity, reason = finding.Critical, "Go ends the process when a map is written and used at the same time"
		outcome = "fatal error: concurrent map writes; the process ends"
	}
	s := rule.NewScenario()
	first := s.Actor("reader 1", "runs "+program.Name(a.Func()))
	second := s.Actor("reader 2", "runs "+program.Name(other.Func())+" too; the read lock lets both in")
	first.Step(siteOf(a.At), fmt.Sprintf("writes %s with %s held for reading", a.Place, name), "")
	second.Step(siteOf(other.At), fmt.Sprintf("%s %s with %s held for reading", act, a.Place, name), "at the same time")
	s.Outcome("%s", outcome)

	where, proof := domain(p, a.At)
	report := rule.Report{
		Func: a.Func(), Pos: siteOf(a.At), About: a.Place.String(),
		Severity: severity, Reason: reason,
		Message: fmt.Sprintf("%s is written with %s held for reading only; others hold it at the same time", a.Place, name),
		Domain:  where, Proof: proof, Scenario: s,
		Fix: rule.Fix{
			Description: "take the write lock",
			Sketch:      guarded(p, a, spelled(p, lock), "Lock", "Unlock"),
		},
	}
	if edits := writeLocked(p, a.Func(), lock); edits != nil {
		report.Fix = rule.Fix{Description: report.Fix.Description, Edits: edits}
	}
	if lock.Site != nil {
		report.Related = []rule.Related{{Func: a.Func(), Pos: siteOf(lock.Site), Message: name + " is taken for reading here"}}
	}
	p.Report(report)
}
