// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"
	"go/token"
	"strings"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
	"golang.org/x/tools/go/ssa"
)

var zone = &rule.Rule{
	ID:        "clock/zone",
	Title:     "a schedule, time of day, name or hash in the zone of the process",
	Checklist: []string{"8.1"},
	Severity:  finding.Medium,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "zone.md"),
	Check:     checkZone,
}

func checkZone(pass *rule.Pass) {
	told := make(map[*ssa.Function]bool)
	for _, use := range pass.Effects.ZoneUses() {
		if use.What == "schedule" && (!use.Local.Moved || use.Since) && !pass.Strict {
			continue // when something happens next, from now or from the last time on, in the zone of the process, as a CronJob without a zone has it
		}
		if pass.Program.DomainOf(use.At.Parent()).Worst() == program.StartUp {
			continue // a command of one person, whose zone that is
		}
		if fn := use.At.Parent(); !told[fn] { // one window, one cause
			told[fn] = true
			reportZone(pass, use)
		}
	}
	for _, text := range pass.Effects.LocalTexts() {
		for _, fate := range text.Fates {
			if fate.Hashed || fate.Name() && text.Layout == "" {
				reportIdentity(pass, text, fate)
				break // one text is one cause
			}
		}
	}
}

func reportZone(pass *rule.Pass, use effects.ZoneUse) {
	r := zoneReport(pass, use.At)
	r.About = use.What
	if use.What == "schedule" {
		r.Message = "the next time of a schedule is computed in the zone of the process; the same schedule fires at different instants on machines in different zones, and twice or never when the clocks change"
	} else {
		r.Message = fmt.Sprintf("%s of a time in the zone of the process decides; the same instant falls on different sides in different zones", use.What)
	}
	r.Related = origin(pass, use.Local)
	s := rule.NewScenario()
	runs := program.Name(use.At.Parent())
	a, b := s.Actor("replica A (TZ=Europe/Berlin)", runs), s.Actor("replica B (TZ=UTC)", runs)
	if use.What == "schedule" {
		a.Step(use.At.Pos(), "asks the schedule 0 22 * * * for its next time at 20:30 UTC", "22:00 tomorrow in Berlin: 20:00 UTC")
		b.Step(use.At.Pos(), "asks the same schedule at the same instant", "22:00 UTC today")
		s.Outcome("after a failover, or in another cluster, the window is two hours off")
	} else {
		a.Step(use.At.Pos(), "asks for "+use.What+" at 22:30 UTC", "00:30 of the next day in Berlin")
		b.Step(use.At.Pos(), "asks at the same instant", "22:30")
		s.Outcome("the replicas decide differently at one instant")
	}
	r.Scenario = s
	r.Fix = rule.Fix{Description: "Compute in UTC, or in a zone that the object names.", Sketch: utcSketch(pass, use.At)}
	pass.Report(r)
}

func reportIdentity(pass *rule.Pass, text effects.TimeText, fate effects.Fate) {
	r := zoneReport(pass, text.At)
	r.About = "identity " + fate.Where
	what := "a name"
	if fate.Hashed {
		what = "a hash"
	}
	r.Message = fmt.Sprintf("%s that ends in %s is made of a time in the zone of the process; replicas in other zones, and this one after a change of TZ, make another one of the same instant", what, fate.Where)
	r.Related = append(origin(pass, text.Local), rule.Related{Func: fate.At.Parent(), Pos: fate.At.Pos(), Message: "ends here in " + fate.Where})
	s := rule.NewScenario()
	runs := program.Name(text.At.Parent())
	a, b := s.Actor("replica A (TZ=Europe/Berlin)", runs), s.Actor("replica B (TZ=UTC)", runs)
	a.Step(text.At.Pos(), "makes text of the instant", "2026-07-01 14:00:00 +0200 CEST")
	b.Step(text.At.Pos(), "makes text of the same instant", "2026-07-01 12:00:00 +0000 UTC")
	s.Outcome("what should be one object has two names: it is made twice, or not found")
	r.Scenario = s
	r.Fix = utcFix(pass.Program, text)
	pass.Report(r)
}

// zoneReport fills in what all findings of the rule share.
func zoneReport(pass *rule.Pass, at *ssa.Call) rule.Report {
	set := pass.Program.DomainOf(at.Parent())
	domain := set.Worst()
	return rule.Report{
		Func: at.Parent(), Pos: pass.Program.Start(at),
		Severity: finding.Medium, Reason: "it needs a machine in another zone, or a change of daylight saving time",
		Domain: domain, Proof: set.Proof(domain),
	}
}

// origin points to where a local time comes from.
func origin(pass *rule.Pass, m effects.Moment) []rule.Related {
	instr, ok := m.Origin.(ssa.Instruction)
	if !ok || instr.Pos() == token.NoPos {
		return nil
	}
	message := "the time comes from here"
	if m.Stored != "" {
		message = "read from " + strings.TrimPrefix(m.Stored, "ObjectMeta.") + ", which is decoded into the zone of the process"
	}
	return []rule.Related{{Func: instr.Parent(), Pos: instr.Pos(), Message: message}}
}

// utcSketch puts .UTC() behind the time that a call computes with: its receiver, or its only argument.
func utcSketch(pass *rule.Pass, at *ssa.Call) string {
	w := pass.Words(at)
	if of := w.Only(); of != "" {
		return w.Client() + "." + program.Target(at).Name() + "(" + of + ".UTC())"
	}
	return w.Through(w.Client() + ".UTC()")
}
