// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"fmt"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/kube"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

// effectBeforeWrite reports what is told to the world before it is decided which replica may.
var effectBeforeWrite = &rule.Rule{
	ID:       "replica/effect-before-write",
	Title:    "something is sent before the write that decides who sends it",
	Severity: finding.Medium,
	Needs:    rule.Program,
	Strict:   true,
	Since:    "0.1.0",
	Doc:      rule.Page(pages, "effect_before_write.md"),
	Check:    checkEffectBeforeWrite,
}

// early is a send that comes before the write of a story.
type early struct {
	story    *effects.Story
	read     *effects.Event
	at, send ssa.CallInstruction // in the story's function; the call that sends
	proof    *program.Proof
}

func checkEffectBeforeWrite(pass *rule.Pass) {
	told := make(map[ssa.Instruction]bool)
	for _, s := range pass.Effects.Stories() {
		if f := sentTooEarly(pass, s); f != nil && !told[f.at] {
			told[f.at] = true
			reportEarly(pass, f)
		}
	}
}

// sentTooEarly finds a send between the read and the locked write of a story that every replica can run.
func sentTooEarly(pass *rule.Pass, s *effects.Story) *early {
	proof := s.Domain().Proof(program.EveryReplica)
	reads := s.Reads()
	if proof == nil || len(reads) == 0 || !locked(s.Write) || pass.Program.InTest(s.Func) || pass.Program.TestSupport(s.Func) {
		return nil // one replica, or no write that picks a winner
	}
	read := reads[len(reads)-1]
	for site := range program.Sites(s.Func) {
		if site == s.Write.At || !effects.MayPrecede(read.At, site) || !effects.MustPrecede(site, s.Write.At) {
			continue
		}
		if _, deferred := site.(*ssa.Defer); deferred {
			continue // after the write
		}
		if send := pass.Effects.Sends(site); send != nil {
			return &early{story: s, read: read, at: site, send: send, proof: proof}
		}
	}
	return nil
}

// locked tells whether a write answers 409 when the object changed since it was read.
func locked(w *effects.Event) bool {
	switch w.Call.Effect {
	case kube.Update, kube.UpdateStatus:
		return true
	}
	return w.Patch != nil && w.Patch.Lock == effects.Locked
}

func reportEarly(pass *rule.Pass, f *early) {
	kind := "object"
	if k, ok := f.story.Kind(); ok {
		kind = k.Name
	}
	pass.Report(rule.Report{
		Func: f.story.Func, Pos: position(pass, f.at), Severity: finding.Medium,
		Reason: "every replica runs it",
		Message: fmt.Sprintf("sends (%s) before the write of the %s that decides which replica may; the replica that loses the write has sent too",
			effects.Describe(f.send), kind),
		About: "send before write of " + kind, Domain: program.EveryReplica, Proof: f.proof,
		Related: []rule.Related{
			{Func: f.send.Parent(), Pos: f.send.Pos(), Message: "sends"},
			{Func: f.story.Write.Func(), Pos: f.story.Write.Pos(), Message: "writes the " + kind},
		},
		Scenario: bothSend(f, kind),
		Fix: rule.Fix{
			Description: "write first, and send only what the write has won",
			Sketch:      pass.Words(f.story.Write.Origin).Fill("if err := $call; err != nil {\n\t$return // a conflict: the other replica sends\n}\n$send", "send", pass.Words(f.send).Line()),
		},
	})
}

func bothSend(f *early, kind string) *rule.Scenario {
	s := rule.NewScenario()
	a, b := s.Actor("replica A", f.proof.Entry.String()), s.Actor("replica B", f.proof.Entry.String())
	a.Step(f.read.Pos(), "reads the "+kind, "nothing sent yet")
	b.Step(f.read.Pos(), "reads the "+kind, "nothing sent yet")
	a.Step(f.at.Pos(), "sends", "sent once")
	b.Step(f.at.Pos(), "sends", "sent twice")
	a.Step(f.story.Write.Pos(), "writes the "+kind, "stored")
	b.Step(f.story.Write.Pos(), "writes the "+kind, "409 Conflict: too late to take it back")
	s.Outcome("the receiver got it twice, and only one of the two is recorded")
	return s
}
