// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"
	"go/ast"
	"strconv"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/finding"
	"github.com/replicavet/replicavet/internal/program"
	"github.com/replicavet/replicavet/internal/rule"
)

var localTime = &rule.Rule{
	ID:        "clock/local-time",
	Title:     "a time that is not UTC is stored",
	Checklist: []string{"8.1"},
	Severity:  finding.High,
	Needs:     rule.Program,
	Since:     "0.1.0",
	Doc:       rule.Page(pages, "local_time.md"),
	Check:     checkLocalTime,
}

func checkLocalTime(pass *rule.Pass) {
	for _, text := range pass.Effects.LocalTexts() {
		for _, fate := range text.Fates {
			if fate.Hashed || fate.Name() && text.Layout == "" {
				continue // an identity, not a time to be read: clock/zone
			}
			if fate.Name() && !pass.Effects.ParsedAgain(text) && !pass.Strict {
				continue // all that it does is to make a name unique: nobody reads a time from it
			}
			if fate.Name() && pass.Program.DomainOf(text.At.Parent()).Worst() == program.StartUp {
				continue // a command names something in the zone of the person who runs it
			}
			if text.Embedded() && !fate.Name() && !pass.Strict {
				continue // a piece of an opaque text, a file's name perhaps: nobody reads it as a time
			}
			if text.NamesZone() && !text.ClaimsUTC() && !pass.Effects.OrderedText(fate) && !pass.Strict {
				continue // the offset says which instant it is, and nobody orders the texts
			}
			reportLocalTime(pass, text, fate)
			break // one text is one cause
		}
	}
}

func reportLocalTime(pass *rule.Pass, text effects.TimeText, fate effects.Fate) {
	p := pass.Program
	fn := text.At.Parent()
	set := p.DomainOf(fn)
	domain := set.Worst()
	report := rule.Report{
		Func: fn, Pos: p.Start(text.At), About: fate.Where,
		Severity: finding.Medium, Reason: "whoever reads the text with its offset gets the same instant, whoever compares or sorts it does not",
		Domain: domain, Proof: set.Proof(domain),
		Related: []rule.Related{{Func: fate.At.Parent(), Pos: fate.At.Pos(), Message: "stored here as " + fate.Where}},
	}
	how := "as text in the zone of the process"
	switch {
	case text.ClaimsUTC() && !pass.Effects.ParsedAgain(text):
		report.Reason = "the layout " + strconv.Quote(text.Layout) + " claims UTC, but no code in sight reads the text as a time"
		how = "with a layout that claims UTC, from a time in the zone of the process"
	case text.ClaimsUTC():
		report.Severity, report.Reason = finding.High, "the layout "+strconv.Quote(text.Layout)+" claims UTC"
		how = "with a layout that claims UTC, from a time in the zone of the process"
	case !text.NamesZone():
		report.Reason = "the layout " + strconv.Quote(text.Layout) + " does not tell the zone"
		how = "in the zone of the process, which the layout does not tell"
	}
	report.Message = fmt.Sprintf("a time is stored in %s %s; replicas and readers in other zones take it for another time", fate.Where, how)
	report.Scenario = localScenario(report, text, fate)
	report.Fix = utcFix(p, text)
	pass.Report(report)
}

func localScenario(r rule.Report, text effects.TimeText, fate effects.Fate) *rule.Scenario {
	s := rule.NewScenario()
	runs := program.Name(text.At.Parent())
	a := s.Actor("replica A (TZ=Europe/Berlin)", runs)
	b := s.Actor("replica B (TZ=UTC)", runs)
	shown := func(local bool) string {
		switch {
		case text.ClaimsUTC() && local:
			return "14:00 marked as UTC"
		case text.ClaimsUTC():
			return "12:00 marked as UTC"
		case !text.NamesZone() && local:
			return "14:00"
		case !text.NamesZone():
			return "12:00"
		case local:
			return "14:00+02:00"
		}
		return "12:00Z"
	}
	a.Step(text.At.Pos(), "makes text of the time at 12:00 UTC", shown(true))
	if pos := fate.At.Pos(); pos.IsValid() {
		a.Step(pos, "stores it in "+fate.Where, fate.Where+" = "+shown(true))
	}
	b.Step(text.At.Pos(), "makes text of the same time", shown(false))
	if text.NamesZone() && !text.ClaimsUTC() {
		s.Outcome("the same instant has two texts: what compares or sorts them sees a change or an order that is none")
	} else {
		s.Outcome("%s is two hours off for whoever reads it as UTC", fate.Where)
	}
	return s
}

// utcFix puts .UTC() between the time and Format or String.
func utcFix(p *program.Program, text effects.TimeText) rule.Fix {
	fix := rule.Fix{Description: "Show the time in UTC."}
	if call := p.CallExpr(text.At); call != nil {
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Format" || sel.Sel.Name == "String") {
			fix.Edits = []rule.Edit{{Pos: sel.X.End(), End: sel.X.End(), New: ".UTC()"}}
			return fix
		}
	}
	fix.Sketch = "time.Now().UTC() // or .UTC() on the time, before " + p.At(text.At.Pos()) + " makes text of it"
	return fix
}
